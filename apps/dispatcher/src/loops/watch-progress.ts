import { type Backlogs, type ShardWorker } from '@posthorn/broker';
import { everySecond, within, type Log } from '@posthorn/process';

export interface ProgressOptions {
  /** One per shard. */
  workers: readonly ShardWorker[];
  /** Messages that a worker may have at once. */
  slots: number;
  /** Messages that all dispatchers may have at once in a shard; 0 for no limit. */
  limitOf: (shard: number) => number;
  backlogs: Backlogs;
  /** Fetching is paused on purpose. */
  isPaused: () => boolean;
  /** After this time without progress the process is not ready, and after twice the time it is given up. */
  fetchTimeoutMs: number;
  log: Log;
  /** Ends the process, so that its supervisor starts it again. */
  giveUp: () => void;
}

/** Whether messages are really being fetched: a worker may say that it runs and fetch nothing. */
export interface Progress {
  trouble(): string | undefined;
  stop(): void;
}

/** Reports a process that fetches nothing while messages wait and slots are free, whatever the reason. */
export function watchProgress(options: ProgressOptions): Progress {
  const { workers, slots, limitOf, backlogs, isPaused, fetchTimeoutMs, log, giveUp } = options;
  const everySeconds = Math.max(1, Math.min(5, Math.floor(fetchTimeoutMs / 4000)));
  const now = () => performance.now();
  const seen = workers.map(() => ({ fetched: 0, at: now() }));
  let isBusy = false;
  let silentMs = 0;
  let hasGivenUp = false;

  const look = async () => {
    // Without a response nothing is known, and a Redis that is unavailable is reported elsewhere.
    const found = backlogs.readEach().catch(() => undefined);
    const shards = (await within(everySeconds * 1000, found)) ? await found : undefined;
    workers.forEach((worker, shard) => {
      const { fetched, inSlots } = worker.progress();
      const backlog = shards?.[shard];
      const last = seen[shard];
      const limit = limitOf(shard);
      const hasWork = backlog !== undefined && backlog.waiting + backlog.due > 0;
      const isFull = inSlots >= slots || (limit > 0 && backlog !== undefined && backlog.inFlight >= limit);
      if (!last || !hasWork || isFull || isPaused() || fetched !== last.fetched) seen[shard] = { fetched, at: now() };
    });
    silentMs = now() - Math.min(...seen.map(({ at }) => at));
    if (silentMs > 2 * fetchTimeoutMs && !hasGivenUp) {
      hasGivenUp = true;
      log.fatal(
        { silentMs: Math.round(silentMs), action: 'the process exits; its supervisor should restart it' },
        'dispatcher.not-fetching',
      );
      giveUp();
    }
  };

  const looks = everySecond(() => {
    if (isBusy) return;
    isBusy = true;
    void look().finally(() => (isBusy = false));
  }, everySeconds);

  return {
    trouble: () =>
      silentMs > fetchTimeoutMs
        ? `Messages wait and none was fetched for ${Math.round(silentMs / 1000)} s; the process exits soon; its supervisor should restart it.`
        : undefined,
    stop: looks.stop,
  };
}
