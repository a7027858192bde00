import type { FlowControlKey, GlobalParallelism } from '@posthorn/shared';
import type { Lane, Lanes } from '../../engine/lanes/lanes.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { Shards } from '../../engine/shards/shards.ts';

/** Flow-control keys: rate and parallelism per key (contract D36). */
export interface FlowControls {
  /** All known keys, or those whose name has this text in it. */
  list(search?: string): Promise<FlowControlKey[]>;
  get(key: string): Promise<FlowControlKey | undefined>;
  setPaused(key: string, paused: boolean): Promise<void>;
  /** Fixes limits: what messages say about them does not count any more. */
  pin(key: string, limits: { parallelism?: number; rate?: number; periodSeconds?: number }): Promise<void>;
  unpin(key: string, parts: { parallelism: boolean; rate: boolean }): Promise<void>;
  /** Begins a new window now. */
  resetRate(key: string): Promise<void>;
  globalParallelism(): Promise<GlobalParallelism>;
}

export interface FlowControlParts {
  redis: RedisConnection;
  shards: Shards;
  lanes: Lanes;
}

export function createFlowControls({ redis, shards, lanes }: FlowControlParts): FlowControls {
  const laneOf = (key: string): Lane => ({ kind: 'flow', name: key });
  const keyOf = (key: string) => keyspace.lane(lanes.shardOf(laneOf(key)), 'flow', key);

  async function get(key: string): Promise<FlowControlKey | undefined> {
    const { state, holders, waiters } = await lanes.read(laneOf(key));
    if (Object.keys(state).length === 0) return undefined;
    const number = (name: string) => Number(state[name] || 0);
    const periodMs = (number('period') || 1) * 1000;
    const windowStart = number('windowStart');
    const isOver = Date.now() >= windowStart + periodMs;
    return {
      flowControlKey: key,
      waitListSize: waiters,
      parallelismMax: number('parallelism'),
      parallelismCount: holders,
      rateMax: number('rate'),
      rateCount: isOver ? 0 : number('rateCount'),
      ratePeriod: periodMs / 1000,
      ratePeriodStart: Math.floor(windowStart / 1000),
      isPaused: state['paused'] === '1',
      isPinnedParallelism: state['pinnedParallelism'] === '1',
      isPinnedRate: state['pinnedRate'] === '1',
    };
  }

  /** A key that is not known yet comes to be. */
  async function change(key: string, fields: Record<string, number>, removed: string[] = []): Promise<void> {
    const name = keyOf(key);
    const writes: Promise<unknown>[] = [];
    if (Object.keys(fields).length > 0) writes.push(redis.hset(name, fields));
    if (removed.length > 0) writes.push(redis.hdel(name, ...removed));
    await Promise.all(writes);
    await lanes.refresh(laneOf(key));
  }

  async function listNames(shard: number): Promise<string[]> {
    return redis.zrangebyscore(keyspace.flowKeys(shard), Date.now(), '+inf');
  }

  return {
    get,
    async list(search = '') {
      const names = (await Promise.all(Array.from({ length: shards.count }, (_, shard) => listNames(shard)))).flat();
      const keys = names.map((name) => name.slice('flow:'.length)).filter((key) => key.includes(search));
      const found = (await Promise.all(keys.map(get))).filter((key) => key !== undefined);
      return found.sort((a, b) => a.flowControlKey.localeCompare(b.flowControlKey));
    },
    setPaused: (key, paused) => (paused ? change(key, { paused: 1 }) : change(key, {}, ['paused'])),
    pin: (key, { parallelism, rate, periodSeconds }) =>
      change(key, {
        ...(parallelism === undefined ? {} : { parallelism, pinnedParallelism: 1 }),
        ...(rate === undefined ? {} : { rate, pinnedRate: 1, rateCount: 0, windowStart: Date.now() }),
        ...(periodSeconds === undefined ? {} : { period: periodSeconds }),
      }),
    unpin: (key, { parallelism, rate }) =>
      change(key, {}, [...(parallelism ? ['pinnedParallelism'] : []), ...(rate ? ['pinnedRate'] : [])]),
    resetRate: (key) => change(key, { rateCount: 0, windowStart: Date.now() }),
    async globalParallelism() {
      const facts = await Promise.all(
        Array.from({ length: shards.count }, async (_, shard) => {
          const [active, max] = await Promise.all([
            shards.at(shard).countActive(),
            shards.at(shard).globalConcurrency(),
          ]);
          return { active, max };
        }),
      );
      return {
        parallelismMax: facts.reduce((sum, { max }) => sum + max, 0),
        parallelismCount: facts.reduce((sum, { active }) => sum + active, 0),
      };
    },
  };
}
