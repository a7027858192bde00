import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '@posthorn/broker';
import type { Log } from '@posthorn/process';

/** A schedule that was made a moment ago may be due before all others, so nobody sleeps for longer. */
const longestMs = 1000;

/** Publishes what schedules are due, in every dispatcher: there is no leader that could be missing. */
export function startScheduler({ upkeep }: Broker, catchUpMs: number, log: Log): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const run = async () => {
    while (!stopping.signal.aborted) {
      const waitMs = await upkeep.fireDue(catchUpMs).catch((error: unknown) => {
        log.warn({ err: error }, 'schedules.not-fired');
        return longestMs;
      });
      await sleep(Math.min(waitMs, longestMs), undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const ended = run();
  return {
    stop() {
      stopping.abort();
      return ended;
    },
  };
}
