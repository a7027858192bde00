import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { Shards } from '../../engine/shards/shards.ts';

/** What lies in a shard, or in all of them. */
export interface Backlog {
  /** Could be delivered now. */
  waiting: number;
  /** Waits for its time: a delay, a retry, or a slot in a lane. */
  delayed: number;
  /** Of those that are delayed, the ones whose time has come. */
  due: number;
  inFlight: number;
  deadLetters: number;
}

/** Counts messages where they lie. Every question is answered by Redis without looking at more than a few of them. */
export interface Backlogs {
  read(shard: number): Promise<Backlog>;
  readAll(): Promise<Backlog & { oldestWaitingMs: number }>;
}

export function createBacklogs(redis: RedisConnection, shards: Shards): Backlogs {
  async function read(shard: number): Promise<Backlog> {
    const [counts, deadLetters] = await Promise.all([
      shards.at(shard).count(Date.now()),
      redis.zcard(keyspace.dlq(shard)),
    ]);
    return { ...counts, deadLetters };
  }

  /** How long the message that is next in a shard could have been delivered. */
  async function readOldestMs(shard: number): Promise<number> {
    const next = await shards.at(shard).next();
    if (!next) return 0;
    // One that has failed before waits since its retry was due, which the log knows.
    const field = `${next.retried - 1}:retry`;
    const retry = next.retried > 0 ? await redis.hget(keyspace.history(shard, next.id), field) : undefined;
    const since = retry ? (JSON.parse(retry) as { next: number }).next : readStart(next.message);
    return Math.max(0, Date.now() - since);
  }

  return {
    read,
    async readAll() {
      const all = Array.from({ length: shards.count }, (_, shard) => shard);
      const [backlogs, ages] = await Promise.all([Promise.all(all.map(read)), Promise.all(all.map(readOldestMs))]);
      const sum = (name: keyof Backlog) => backlogs.reduce((total, backlog) => total + backlog[name], 0);
      return {
        waiting: sum('waiting'),
        delayed: sum('delayed'),
        due: sum('due'),
        inFlight: sum('inFlight'),
        deadLetters: sum('deadLetters'),
        oldestWaitingMs: Math.max(...ages),
      };
    },
  };
}

function readStart({ createdAt, notBefore }: Message): number {
  return Math.max(createdAt, notBefore);
}
