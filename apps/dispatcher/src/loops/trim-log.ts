import type { Broker } from '@posthorn/broker';
import { everySecond, type Log } from '@posthorn/process';

/** How often what is past its retention is removed: a Redis that is full of it accepts nothing until it is gone. */
const expireEverySeconds = 10;
const tidyEverySeconds = 10;

/**
 * Removes what is kept for a time only. The log is kept at its configured size, 0 for any, and made smaller while Redis is
 * full: the oldest entries go, and the logs of the messages that ended with them. Dead letters go after their retention,
 * also when nothing fails any more. The index of pending messages is tidied, which removes those that have ended.
 */
export function startTrimmer({ upkeep }: Broker, maxEntries: number, log: Log): { stop(): void } {
  const keep = maxEntries === 0 ? Infinity : maxEntries;
  const trim = unlessBusy(async () => {
    const removed = await upkeep.trim(keep);
    if (removed > 0) log.info({ lines: removed }, 'log.trimmed');
  });
  const expire = unlessBusy(() => upkeep.expire());
  const tidy = unlessBusy(() => upkeep.tidyIndex());
  const tasks = [everySecond(trim), everySecond(expire, expireEverySeconds), everySecond(tidy, tidyEverySeconds)];
  return { stop: () => tasks.forEach((task) => task.stop()) };

  function unlessBusy(work: () => Promise<void>): () => void {
    let isBusy = false;
    return () => {
      if (isBusy) return;
      isBusy = true;
      work()
        .catch((error: unknown) => log.debug({ err: error }, 'trim.failed'))
        .finally(() => (isBusy = false));
    };
  }
}
