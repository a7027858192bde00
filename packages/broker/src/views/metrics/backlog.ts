import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import { findOldestDue } from './oldest-due.ts';

/** What lies in a shard, or in all of them. */
export interface Backlog {
  /** Could be delivered now. */
  waiting: number;
  /** Waits for its time: a delay, a retry, or a slot in a lane. */
  delayed: number;
  /** Delayed messages whose time has come. */
  due: number;
  inFlight: number;
  deadLetters: number;
}

/** Counts messages where they lie. Every question is answered by Redis without looking at more than a few of them. */
export interface Backlogs {
  read(shard: number): Promise<Backlog>;
  /** Of each shard; asked with one command while no message waits anywhere. */
  readEach(): Promise<Omit<Backlog, 'deadLetters'>[]>;
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

  /** How long the message of a shard that waits longest could have been delivered. */
  async function readOldestMs(shard: number): Promise<number> {
    const oldest = await findOldestDue(redis, shards, shard);
    return oldest ? Math.max(0, Date.now() - oldest.since) : 0;
  }

  const allShards = Array.from({ length: shards.count }, (_, shard) => shard);
  const none = { waiting: 0, delayed: 0, due: 0, inFlight: 0 };

  return {
    read,
    async readEach() {
      if (!(await shards.hasPending())) return allShards.map(() => none);
      return Promise.all(allShards.map((shard) => shards.at(shard).count(Date.now())));
    },
    async readAll() {
      const [backlogs, ages] = await Promise.all([
        Promise.all(allShards.map(read)),
        Promise.all(allShards.map(readOldestMs)),
      ]);
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
