import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '@posthorn/broker';
import type { Log } from '@posthorn/process';

/** Maximum sleep of a dispatcher: a schedule that was just created may be due before all others. */
const longestMs = 1000;

/** Triggers due schedules. Every dispatcher does it, so that no leader can be missing. */
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
