import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';

/** `lane.lua` lists lanes under kind and name. */
const prefix = 'flow:';

/** Keys of a shard that are read at once: each waiting message may have its own, and one command must not take long. */
const scannedAtOnce = 1000;

/** At most `max` of the flow-control keys of a shard that are not forgotten yet, in no certain order. */
export async function listFlowKeys(redis: RedisConnection, shard: number, max: number): Promise<string[]> {
  const lanes = await redis.zrangebyscore(keyspace.flowKeys(shard), Date.now(), '+inf', 'LIMIT', 0, max);
  return lanes.map((lane) => lane.slice(prefix.length));
}

/** All of them, in pieces and in no certain order. A key that is added meanwhile may be left out, or come twice. */
export async function* scanFlowKeys(redis: RedisConnection, shard: number): AsyncGenerator<string[]> {
  const now = Date.now();
  let cursor = '0';
  do {
    const [next, pairs] = await redis.zscan(keyspace.flowKeys(shard), cursor, 'COUNT', scannedAtOnce);
    // Members and scores in turn.
    yield pairs.flatMap((lane, index) =>
      index % 2 === 0 && Number(pairs[index + 1]?.replace('inf', 'Infinity')) >= now ? [lane.slice(prefix.length)] : [],
    );
    cursor = next;
  } while (cursor !== '0');
}

/** How many of them are paused or pinned, and so never forgotten. */
export function countHeldFlowKeys(redis: RedisConnection, shard: number): Promise<number> {
  return redis.zcount(keyspace.flowKeys(shard), '+inf', '+inf');
}

/** How many there are. */
export function countFlowKeys(redis: RedisConnection, shard: number): Promise<number> {
  return redis.zcount(keyspace.flowKeys(shard), Date.now(), '+inf');
}
