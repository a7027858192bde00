import type { Broker } from '@posthorn/broker';
import { everySecond, type Log } from '@posthorn/process';

/** The pause after a sweep that has found no lane in use: no lane can become stale sooner. */
const restSeconds = 3;

/**
 * Repairs lanes that have lost a wake-up, the end of a message, or a dispatcher that held slots, and settles runs of
 * workflows whose end was not reported. It pauses while the clock is wrong, since every lane would look stale then.
 */
export function startSweeper({ upkeep }: Broker, isClockWrong: () => boolean, log: Log): { stop(): void } {
  let isBusy = false;
  let secondsLeft = 0;
  return everySecond(() => {
    secondsLeft--;
    if (isBusy || secondsLeft > 0 || isClockWrong()) return;
    isBusy = true;
    upkeep
      .sweep()
      .then((hasFound) => (secondsLeft = hasFound ? 0 : restSeconds))
      .catch((error: unknown) => log.debug({ err: error }, 'sweep.failed'))
      .finally(() => (isBusy = false));
  });
}
