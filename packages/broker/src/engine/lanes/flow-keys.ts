import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';

/** `lane.lua` lists lanes under kind and name. */
const prefix = 'flow:';

/**
 * The flow-control keys of a shard that are not forgotten yet, in no certain order.
 *
 * @param max the greatest number of them
 */
export async function listFlowKeys(redis: RedisConnection, shard: number, max?: number): Promise<string[]> {
  const key = keyspace.flowKeys(shard);
  const lanes = await (max === undefined
    ? redis.zrangebyscore(key, Date.now(), '+inf')
    : redis.zrangebyscore(key, Date.now(), '+inf', 'LIMIT', 0, max));
  return lanes.map((lane) => lane.slice(prefix.length));
}

/** How many of them are paused or pinned, and so never forgotten. */
export function countHeldFlowKeys(redis: RedisConnection, shard: number): Promise<number> {
  return redis.zcount(keyspace.flowKeys(shard), '+inf', '+inf');
}

/** How many there are. */
export function countFlowKeys(redis: RedisConnection, shard: number): Promise<number> {
  return redis.zcount(keyspace.flowKeys(shard), Date.now(), '+inf');
}
