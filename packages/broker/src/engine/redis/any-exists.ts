import type { RedisConnection } from './connect.ts';

/**
 * Whether any of these keys exists, asked with one command. Of a cluster, whose nodes would all have to be asked, it is
 * assumed.
 */
export async function anyExists(redis: RedisConnection, keys: readonly string[]): Promise<boolean> {
  return redis.isCluster || (await redis.exists(...keys)) > 0;
}
