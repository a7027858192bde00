import { PosthornError, type Queue } from '@posthorn/shared';
import { queueLane, type Lanes } from '../../engine/lanes/lanes.ts';
import type { Messages } from '../messages/messages.ts';
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
  messages: Messages;
  limits: QueueLimits;
}

/** Names that this process has lately seen to exist: most messages go to a queue that does. */
const rememberedMs = 1000;

export function createQueues({ redis, shards, lanes, messages, limits }: QueueParts): Queues {
  const seen = new Map<string, number>();
  const keyOf = (name: string) => keyspace.lane(lanes.shardOf(queueLane(name)), 'queue', name);

  async function get(name: string): Promise<Queue | undefined> {
    const { state, holders, waiters } = await lanes.read(queueLane(name));
    if (!state['createdAt']) return undefined;
    return {
      name,
      createdAt: Number(state['createdAt']),
      updatedAt: Number(state['updatedAt']),
      parallelism: Number(state['parallelism']),
      paused: state['paused'] === '1',
      lag: holders + waiters,
    };
  }

  async function create(name: string): Promise<void> {
    const counts = await Promise.all(
      Array.from({ length: shards.count }, (_, shard) => redis.scard(keyspace.queues(shard))),
    );
    if (counts.reduce((sum, count) => sum + count, 0) >= limits.maxQueues) {
      throw new PosthornError('limit_exceeded', `There can be at most ${limits.maxQueues} queues.`);
    }
    const now = Date.now();
    const key = keyOf(name);
    // Whoever else creates it now keeps what it has written first.
    await Promise.all([
      redis.hsetnx(key, 'createdAt', now),
      redis.hsetnx(key, 'updatedAt', now),
      redis.hsetnx(key, 'parallelism', 1),
      redis.hsetnx(key, 'paused', 0),
      redis.sadd(keyspace.queues(lanes.shardOf(queueLane(name))), name),
    ]);
  }

  async function ensure(name: string): Promise<void> {
    if ((seen.get(name) ?? 0) > Date.now()) return;
    if ((await redis.hexists(keyOf(name), 'createdAt')) === 0) await create(name);
    if (seen.size >= 10_000) seen.clear();
    seen.set(name, Date.now() + rememberedMs);
  }

  async function change(name: string, fields: Record<string, number>): Promise<void> {
    await redis.hset(keyOf(name), { ...fields, updatedAt: Date.now() });
    await lanes.refresh(queueLane(name));
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
      await change(name, {
        ...(parallelism === undefined ? {} : { parallelism }),
        ...(paused === undefined ? {} : { paused: paused ? 1 : 0 }),
      });
    },
    async setPaused(name, paused) {
      if (!(await get(name))) throw new PosthornError('not_found', `queue ${name} not found`);
      await change(name, { paused: paused ? 1 : 0 });
    },
    async remove(name) {
      const lane = queueLane(name);
      seen.delete(name);
      // Nothing of it may start while its messages are canceled.
      if (!(await get(name))) return;
      await redis.hset(keyOf(name), 'paused', 1);
      await messages.cancel(await lanes.members(lane));
      await lanes.remove(lane);
      await redis.srem(keyspace.queues(lanes.shardOf(lane)), name);
    },
  };
}
