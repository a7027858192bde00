import type { Broker } from '@posthorn/broker';
import { everySecond, type Log } from '@posthorn/process';

/**
 * Triggers due schedules. Every dispatcher does it, so that no leader can be missing. It looks every second, for one that
 * was just created may be due before all others, and besides at the time of the next one.
 */
export function startScheduler({ upkeep }: Broker, catchUpMs: number, log: Log): { stop(): Promise<void> } {
  let isStopped = false;
  let running: Promise<void> | undefined;
  let next: NodeJS.Timeout | undefined;
  const fire = async () => {
    const waitMs = await upkeep.fireDue(catchUpMs).catch((error: unknown) => {
      log.warn({ err: error }, 'schedules.not-fired');
      return Infinity;
    });
    running = undefined;
    if (waitMs < 1000 && !isStopped) next = setTimeout(look, waitMs);
  };
  const look = () => {
    if (isStopped) return;
    clearTimeout(next);
    running ??= fire();
  };
  const looks = everySecond(look);
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
