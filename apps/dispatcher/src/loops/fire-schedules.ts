import type { Broker } from '@posthorn/broker';
import { everySecond, type Log } from '@posthorn/process';

/** What another process does with schedules is seen after this time. */
const lookEverySeconds = 5;
const afterErrorMs = 1000;

/**
 * Triggers due schedules. Every dispatcher does it, so that no leader can be missing. It looks at the time of the next one
 * and at the start of each minute, for one that was just created may be due then, and every five seconds besides.
 */
export function startScheduler({ upkeep }: Broker, catchUpMs: number, log: Log): { stop(): Promise<void> } {
  let isStopped = false;
  let running: Promise<void> | undefined;
  let next: NodeJS.Timeout | undefined;
  const fire = async () => {
    const startedAt = performance.now();
    const dueInMs = await upkeep.fireDue(catchUpMs).catch((error: unknown) => {
      log.warn({ err: error }, 'schedules.not-fired');
      return afterErrorMs;
    });
    const waitMs = Math.max(0, startedAt + dueInMs - performance.now());
    running = undefined;
    if (waitMs < lookEverySeconds * 1000 && !isStopped) next = setTimeout(look, waitMs);
  };
  const look = () => {
    if (isStopped) return;
    clearTimeout(next);
    running ??= fire();
  };
  const looks = everySecond(look, lookEverySeconds);
  look();
  return {
    async stop() {
      isStopped = true;
      looks.stop();
      clearTimeout(next);
      await running;
    },
  };
}
