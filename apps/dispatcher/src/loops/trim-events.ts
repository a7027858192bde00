import type { Broker, Log } from '@posthorn/broker';

const everyMs = 1000;

/** Keeps the log at its configured size: the oldest lines go, and the logs of the messages that ended with them. */
export function startTrimmer({ events }: Broker, maxLines: number, log: Log): { stop(): void } {
  if (maxLines === 0) return { stop: () => undefined };
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    events
      .trim(maxLines)
      .catch((error: unknown) => log.debug({ err: error }, 'trim.failed'))
      .finally(() => (isBusy = false));
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}
