import type { Broker, Log } from '@posthorn/broker';

const everyMs = 1000;

/**
 * Looks after lanes in which something was lost: a wake-up, the end of a message, a dispatcher that held slots; and after
 * runs whose end was not told. To a clock that is wrong every lane would seem to stand still.
 */
export function startSweeper(
  { lanes, shards, workflows }: Broker,
  isClockWrong: () => boolean,
  log: Log,
): { stop(): void } {
  let isBusy = false;
  const sweep = async () => {
    for (let shard = 0; shard < shards.count; shard++) {
      await lanes.sweep(shard);
      await workflows.sweep(shard);
    }
  };
  const timer = setInterval(() => {
    if (isBusy || isClockWrong()) return;
    isBusy = true;
    sweep()
      .catch((error: unknown) => log.debug({ err: error }, 'sweep.failed'))
      .finally(() => (isBusy = false));
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}
