import type { RedisConnection } from '../redis/connect.ts';
import { laneKeys, memberId } from './lane.ts';
import type { Lane, Lanes } from './lanes.ts';

/** The messages of a lane: those with a slot first, then those that wait. */
export async function listMembers(redis: RedisConnection, lanes: Lanes, lane: Lane): Promise<string[]> {
  const { holders, waiters } = laneKeys(lanes.shardOf(lane), lane);
  const lists = await Promise.all([redis.zrange(holders, '0', '-1'), redis.zrange(waiters, '0', '-1')]);
  return lists.flat().map(memberId);
}
