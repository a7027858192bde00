import type { Broker } from '@posthorn/broker';
import { everySecond, type Log } from '@posthorn/process';

/**
 * Looks after lanes in which something was lost: a wake-up, the end of a message, a dispatcher that held slots; and at
 * runs of workflows whose end was not reported. To a clock that is wrong every lane would seem to stand still.
 */
export function startSweeper({ upkeep }: Broker, isClockWrong: () => boolean, log: Log): { stop(): void } {
  let isBusy = false;
  return everySecond(() => {
    if (isBusy || isClockWrong()) return;
    isBusy = true;
    upkeep
      .sweep()
      .catch((error: unknown) => log.debug({ err: error }, 'sweep.failed'))
      .finally(() => (isBusy = false));
  });
}
