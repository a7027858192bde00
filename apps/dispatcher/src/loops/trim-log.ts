import type { Broker } from '@posthorn/broker';
import { everySecond, type Log } from '@posthorn/process';

const trimSeconds = { atWork: 1, atRest: 5 };
/** How often what is past its retention is removed: a Redis that is full of it accepts nothing until it is gone. */
const expireSeconds = { whileFull: 10, otherwise: 20 };
const tidyEverySeconds = 10;
/** What is left of an index in which nothing is pending. */
const tidyEmptyEverySeconds = 60;

/**
 * Removes what is kept for a time only. The log is kept at its configured size, 0 for any, and made smaller while Redis is
 * full: the oldest entries go, and the logs of the messages that ended with them. Dead letters go after their retention,
 * also when nothing fails any more. The index of pending messages is tidied, which removes those that have ended.
 */
export function startTrimmer({ upkeep }: Broker, maxEntries: number, log: Log): { stop(): void } {
  const keep = maxEntries === 0 ? Infinity : maxEntries;
  let workBefore = 0;
  const trim = unlessBusy(async (second) => {
    const work = upkeep.countWork();
    const isAtRest = work === workBefore && !upkeep.isFull();
    workBefore = work;
    if (isAtRest && second % trimSeconds.atRest !== 0) return;
    const removed = await upkeep.trim(keep);
    if (removed > 0) log.info({ lines: removed }, 'log.trimmed');
  });
  const expire = unlessBusy(async (second) => {
    if (second % expireSeconds.otherwise === 0 || upkeep.isFull()) await upkeep.expire();
  });
  const tidy = unlessBusy(async (second) => {
    if (second % tidyEmptyEverySeconds === 0 || (await upkeep.hasPending())) await upkeep.tidyIndex();
  });
  const tasks = [
    everySecond(trim, trimSeconds.atWork),
    everySecond(expire, expireSeconds.whileFull),
    everySecond(tidy, tidyEverySeconds),
  ];
  return { stop: () => tasks.forEach((task) => task.stop()) };

  function unlessBusy(work: (second: number) => Promise<void>): (second: number) => void {
    let isBusy = false;
    return (second) => {
      if (isBusy) return;
      isBusy = true;
      work(second)
        .catch((error: unknown) => log.debug({ err: error }, 'trim.failed'))
        .finally(() => (isBusy = false));
    };
  }
}
