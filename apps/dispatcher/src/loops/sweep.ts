import type { Broker } from '@posthorn/broker';
import { everySecond, type Log } from '@posthorn/process';

/** A sweep that has found no lane in use is the last one for this time: no lane is stale before. */
const restSeconds = 3;

/**
 * Looks after lanes in which something was lost: a wake-up, the end of a message, a dispatcher that held slots; and at
 * runs of workflows whose end was not reported. To a clock that is wrong every lane would seem to stand still.
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
