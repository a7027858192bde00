import type { RedisConnection } from './connect.ts';

/**
 * Whether any of these keys exists, asked with one command. Where the keys lie on several servers, which would all have to be asked, it
 * is assumed.
 */
export async function anyExists(redis: RedisConnection, keys: readonly string[]): Promise<boolean> {
  return !redis.joinsShards || (await redis.exists(...keys)) > 0;
}
