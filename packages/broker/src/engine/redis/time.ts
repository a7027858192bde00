import type { RedisConnection } from './connect.ts';

/** The time by the clock of Redis, in whole milliseconds since 1970. The clock of this machine may be wrong. */
export async function readRedisTime(redis: RedisConnection): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
