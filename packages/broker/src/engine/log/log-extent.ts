import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { readTime, recordBytes } from './record.ts';

const segmentsAtOnce = 64;

/** How many entries the log of all messages has, and the instant of the oldest one. */
export async function readLogExtent(redis: RedisConnection): Promise<{ entries: number; oldest?: number }> {
  let entries = 0;
  let oldest: number | undefined;
  for (let next = Number(await redis.get(keyspace.logHead)); next > 0; next -= segmentsAtOnce) {
    const numbers = Array.from({ length: Math.min(segmentsAtOnce, next) }, (_, index) => next - index);
    const lengths = await Promise.all(numbers.map((segment) => redis.strlen(keyspace.logSegment(segment))));
    entries += lengths.reduce((sum, length) => sum + Math.floor(length / recordBytes), 0);
    const last = numbers.findLast((_, index) => (lengths[index] ?? 0) >= recordBytes);
    if (last === undefined) break;
    const record = await redis.getrangeBuffer(keyspace.logSegment(last), 0, recordBytes - 1);
    if (record.length === recordBytes) oldest = readTime(record, 0);
  }
  return { entries, ...(oldest === undefined ? {} : { oldest }) };
}
