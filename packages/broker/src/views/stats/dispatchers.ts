import type { Overview } from '@posthorn/shared';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import { readRedisTime } from '../../engine/redis/time.ts';

export type DispatcherView = Overview['dispatchers'][number];

/** The running dispatchers, as they report themselves. */
export interface Dispatchers {
  /** A sign of life; `seenAt` is the time of Redis. */
  beat(dispatcher: Omit<DispatcherView, 'seenAt'>): Promise<void>;
  leave(id: string): Promise<void>;
  /** Those of the last minute, the oldest first. */
  list(): Promise<DispatcherView[]>;
}

const rememberedMs = 60_000;

export function createDispatchers(redis: RedisConnection): Dispatchers {
  async function readAll(): Promise<{ now: number; all: DispatcherView[] }> {
    const [now, texts] = await Promise.all([readRedisTime(redis), redis.hvals(keyspace.dispatchers)]);
    return { now, all: texts.map((text) => JSON.parse(text) as DispatcherView) };
  }

  return {
    async beat(dispatcher) {
      const { now, all } = await readAll();
      const gone = all.filter(({ seenAt }) => seenAt < now - rememberedMs).map(({ id }) => id);
      if (gone.length > 0) await redis.hdel(keyspace.dispatchers, ...gone);
      await redis.hset(keyspace.dispatchers, dispatcher.id, JSON.stringify({ ...dispatcher, seenAt: now }));
    },
    async leave(id) {
      await redis.hdel(keyspace.dispatchers, id);
    },
    async list() {
      const { now, all } = await readAll();
      return all.filter(({ seenAt }) => seenAt >= now - rememberedMs).sort((a, b) => a.startedAt - b.startedAt);
    },
  };
}
