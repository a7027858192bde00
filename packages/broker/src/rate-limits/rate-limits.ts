import type { RedisConnection } from '../engine/redis/connect.ts';
import { keyspace } from '../engine/redis/keyspace.ts';

/** Counts what the callers of all API processes ask for (contract E12). */
export interface RateLimits {
  /** Requests of this caller in the current second, this one included, and when that second ends. */
  count(caller: string): Promise<{ count: number; resetAtSeconds: number }>;
}

export function createRateLimits(redis: RedisConnection): RateLimits {
  return {
    async count(caller) {
      const [count, resetAtSeconds] = await redis.countRequest(keyspace.requestsInSecond(caller));
      return { count, resetAtSeconds };
    },
  };
}
