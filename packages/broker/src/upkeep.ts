import type { Log } from '@posthorn/process';
import type { Upkeep } from './broker.ts';
import type { Lanes } from './engine/lanes/lanes.ts';
import type { LogStore } from './engine/log/log-store.ts';
import { anyExists } from './engine/redis/any-exists.ts';
import type { RedisConnection } from './engine/redis/connect.ts';
import type { Shards } from './engine/shards/shards.ts';
import type { Schedules } from './schedules/schedules.ts';
import type { Dlq } from './views/dlq/dlq.ts';
import type { StatsCounter } from './views/stats/counter.ts';
import type { Workflows } from './workflows/workflows.ts';

export interface UpkeepParts {
  redis: RedisConnection;
  shards: Shards;
  lanes: Pick<Lanes, 'sweep' | 'expire' | 'upkeepKeys'>;
  workflows: Pick<Workflows, 'sweep' | 'expire' | 'upkeepKeys' | 'total'>;
  schedules: Pick<Schedules, 'fireDue'>;
  logs: Pick<LogStore, 'trim'>;
  dlq: Pick<Dlq, 'expire' | 'keys'>;
  stats: Pick<StatsCounter, 'total'>;
  isFull: () => boolean;
  log: Log;
}

/** How long one process tidies indexes that it has claimed: half of the time after which another may claim them. */
const maxTidyMs = 60_000;

/** An idle system is asked with one command, of all shards together, whether there is anything to do. */
export function createUpkeep(parts: UpkeepParts): Upkeep {
  const { redis, shards, lanes, workflows, schedules, logs, dlq, stats, isFull, log } = parts;
  const allShards = Array.from({ length: shards.count }, (_, shard) => shard);
  const keys = [lanes, workflows].flatMap(({ upkeepKeys }) => allShards.map(upkeepKeys));
  const sweptKeys = keys.flatMap(({ swept }) => swept);
  const expiringKeys = [...keys.flatMap(({ expiring }) => expiring), ...dlq.keys];

  return {
    fireDue: schedules.fireDue,
    async sweep() {
      if (!(await anyExists(redis, sweptKeys))) return false;
      const found = await inAllShards((shard) => [lanes.sweep(shard), workflows.sweep(shard)]);
      return found.includes(true);
    },
    trim: (maxEntries) => logs.trim(maxEntries),
    countWork: () => stats.total() + workflows.total(),
    isFull,
    hasPending: shards.hasPending,
    async tidyIndex() {
      const startedAt = performance.now();
      const claims = await Promise.allSettled(allShards.map((shard) => shards.at(shard).claimTidying()));
      // One after the other: an index may be large. One that fails does not keep the others from it.
      for (const [shard, claim] of claims.entries()) {
        // Another process may claim the others soon.
        if (performance.now() - startedAt > maxTidyMs) return;
        try {
          if (claim.status === 'rejected') throw claim.reason;
          await claim.value?.();
        } catch (error) {
          log.debug({ err: error, shard }, 'tidying.failed');
        }
      }
    },
    async expire() {
      if (!(await anyExists(redis, expiringKeys))) return;
      await Promise.all([dlq.expire(), inAllShards((shard) => [lanes.expire(shard), workflows.expire(shard)])]);
    },
  };

  /** In one turn of the event loop, so that the commands are sent together. */
  function inAllShards<T>(work: (shard: number) => Promise<T>[]): Promise<T[]> {
    return Promise.all(allShards.flatMap(work));
  }
}
