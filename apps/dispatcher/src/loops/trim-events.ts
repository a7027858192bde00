import type { Broker } from '@posthorn/broker';
import type { Log } from '@posthorn/process';

const everyMs = 1000;

/**
 * Removes what is kept for a time only. The log is kept at its configured size, 0 for any, and made smaller while Redis is
 * full: the oldest entries go, and the logs of the messages that ended with them. Dead letters go after their retention,
 * also when nothing fails any more: a Redis that is full of them accepts nothing until they do.
 */
export function startTrimmer({ upkeep }: Broker, maxLines: number, log: Log): { stop(): void } {
  const keep = maxLines === 0 ? Infinity : maxLines;
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    upkeep
      .trim(keep)
      .then(({ lines, deadLetters }) => {
        if (lines > 0) log.info({ lines }, 'log.trimmed');
        if (deadLetters > 0) log.debug({ deadLetters }, 'dlq.expired');
      })
      .catch((error: unknown) => log.debug({ err: error }, 'trim.failed'))
      .finally(() => (isBusy = false));
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}
