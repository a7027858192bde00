import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { laneKeys } from './lane.ts';
import type { Lane, Lanes } from './lanes.ts';

/** The position of a message in a lane, and the state of the lane. */
export interface LanePosition {
  isPaused: boolean;
  /** The message holds a slot. */
  isHolder: boolean;
  /** Messages that wait before this one; `undefined` when it does not wait. */
  rank?: number;
  /** Messages that hold slots. */
  holders: number;
  parallelism: number;
  /** When the window of the rate ends, if no message may start before. */
  windowEndsAt?: number;
  /** The message that has held its slot for longest. */
  firstHolder?: string;
}

/** Reads the position of a message in a lane; `undefined` if the lane does not exist. */
export async function readLanePosition(
  redis: RedisConnection,
  lanes: Lanes,
  lane: Lane,
  messageId: string,
): Promise<LanePosition | undefined> {
  const { holders: holdersKey, waiters: waitersKey } = laneKeys(lanes.shardOf(lane), lane);
  const [state, lease, grant, rank, [first]] = await Promise.all([
    lanes.read(lane),
    redis.zscore(holdersKey, messageId),
    redis.zscore(holdersKey, `+${messageId}`),
    redis.zrank(waitersKey, messageId),
    redis.zrange(holdersKey, '0', '0'),
  ]);
  if (!state) return undefined;
  const { rate, rateCount, periodSeconds, windowStartAt } = state;
  const windowEndsAt = windowStartAt + periodSeconds * 1000;
  const isRateUsed = rate > 0 && rateCount >= rate && windowEndsAt > Date.now();
  return {
    isPaused: state.isPaused,
    isHolder: lease !== null || grant !== null,
    ...(typeof rank === 'number' ? { rank } : {}),
    holders: state.holders,
    parallelism: state.parallelism,
    ...(isRateUsed ? { windowEndsAt } : {}),
    ...(first === undefined ? {} : { firstHolder: first.replace(/^\+/, '') }),
  };
}

/** How many of these flow-control keys of a shard are paused. */
export async function countPaused(redis: RedisConnection, shard: number, names: readonly string[]): Promise<number> {
  const states = await Promise.all(names.map((name) => redis.hget(keyspace.lane(shard, 'flow', name), 'paused')));
  return states.filter((state) => state === '1').length;
}

/** The lanes of a shard in which messages wait or run, up to a number, each with how many wait and which is first. */
export async function listBusyLanes(
  redis: RedisConnection,
  shard: number,
  max: number,
): Promise<{ lane: Lane; waiters: number; firstWaiter?: string }[]> {
  const names = await redis.zrange(keyspace.busyLanes(shard), '0', String(max - 1));
  return Promise.all(
    names.map(async (text) => {
      const kind = text.startsWith('queue:') ? 'queue' : 'flow';
      const name = text.slice(kind.length + 1);
      const key = keyspace.laneWaiters(shard, kind, name);
      const [waiters, [firstWaiter]] = await Promise.all([redis.zcard(key), redis.zrange(key, '0', '0')]);
      return { lane: { kind, name }, waiters, ...(firstWaiter === undefined ? {} : { firstWaiter }) };
    }),
  );
}
