import { PosthornError, parseCreatedAt, type Queue } from '@posthorn/shared';
import { queueLane, type Lanes } from '../../engine/lanes/lanes.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { Shards } from '../../engine/shards/shards.ts';

/** Named queues: messages in order (contract D31). */
export interface Queues {
  list(): Promise<Queue[]>;
  get(name: string): Promise<Queue | undefined>;
  /** Creates it, with a parallelism of 1 unless told otherwise, or changes what is given. */
  upsert(name: string, change: { parallelism?: number | undefined; paused?: boolean | undefined }): Promise<void>;
  /** Creates it if it does not exist. */
  ensure(name: string): Promise<void>;
  /** @throws {PosthornError} `not_found` when there is no such queue */
  setPaused(name: string, paused: boolean): Promise<void>;
  /** Cancels its messages and forgets it; one that does not exist is no fault. */
  remove(name: string): Promise<void>;
}

export interface QueueLimits {
  maxQueues: number;
  maxParallelism: number;
}

export interface QueueParts {
  redis: RedisConnection;
  shards: Shards;
  lanes: Lanes;
  /** Cancels all messages of a queue that have not ended, delayed ones too. */
  cancelAll: (name: string) => Promise<number>;
  limits: QueueLimits;
}

/** Names that this process has lately seen to exist: most messages go to a queue that does. */
const rememberedMs = 1000;

export function createQueues({ redis, shards, lanes, cancelAll, limits }: QueueParts): Queues {
  const seen = new Map<string, number>();

  async function get(name: string): Promise<Queue | undefined> {
    const state = await lanes.read(queueLane(name));
    if (!state?.createdAt) return undefined;
    const { createdAt, updatedAt, parallelism, isPaused, holders, waiters, delayed, first } = state;
    return {
      name,
      createdAt,
      updatedAt,
      parallelism,
      paused: isPaused,
      lag: holders + waiters + delayed,
      ...(first === undefined ? {} : { first: { messageId: first, createdAt: parseCreatedAt(first) } }),
    };
  }

  async function create(name: string): Promise<void> {
    const counts = await Promise.all(
      Array.from({ length: shards.count }, (_, shard) => redis.scard(keyspace.queues(shard))),
    );
    if (counts.reduce((sum, count) => sum + count, 0) >= limits.maxQueues) {
      throw new PosthornError('limit_exceeded', `There can be at most ${limits.maxQueues} queues.`);
    }
    await lanes.createQueue(name);
  }

  async function ensure(name: string): Promise<void> {
    if ((seen.get(name) ?? 0) > Date.now()) return;
    if (!(await lanes.queueExists(name))) await create(name);
    if (seen.size >= 10_000) seen.clear();
    seen.set(name, Date.now() + rememberedMs);
  }

  return {
    async list() {
      const names = await Promise.all(
        Array.from({ length: shards.count }, (_, shard) => redis.smembers(keyspace.queues(shard))),
      );
      const queues = (await Promise.all(names.flat().map(get))).filter((queue) => queue !== undefined);
      return queues.sort((a, b) => a.createdAt - b.createdAt || a.name.localeCompare(b.name));
    },
    get,
    ensure,
    async upsert(name, { parallelism, paused }) {
      if (parallelism !== undefined && parallelism > limits.maxParallelism) {
        throw new PosthornError('limit_exceeded', `parallelism: use at most ${limits.maxParallelism}`);
      }
      seen.delete(name);
      await ensure(name);
      await lanes.configure(queueLane(name), { parallelism, isPaused: paused });
    },
    async setPaused(name, paused) {
      if (!(await get(name))) throw new PosthornError('not_found', `queue ${name} not found`);
      await lanes.setPaused(queueLane(name), paused);
    },
    async remove(name) {
      const lane = queueLane(name);
      seen.delete(name);
      if (!(await get(name))) return lanes.unlistQueue(name);
      // Nothing of it may start while its messages are canceled.
      await lanes.setPaused(lane, true);
      await cancelAll(name);
      await lanes.removeQueue(name);
    },
  };
}
