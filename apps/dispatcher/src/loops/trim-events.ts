import type { Broker, Log } from '@posthorn/broker';

const everyMs = 1000;

/**
 * Keeps the log at its configured size, 0 for any, and makes it smaller while Redis is full: the oldest lines go, and the
 * logs of the messages that ended with them.
 */
export function startTrimmer({ events }: Broker, maxLines: number, log: Log): { stop(): void } {
  const keep = maxLines === 0 ? Infinity : maxLines;
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    events
      .trim(keep)
      .then((lines) => {
        if (lines > 0) log.info({ lines }, 'log.trimmed');
      })
      .catch((error: unknown) => log.debug({ err: error }, 'trim.failed'))
      .finally(() => (isBusy = false));
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}
