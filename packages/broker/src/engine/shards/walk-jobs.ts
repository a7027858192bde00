import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { parseMessage } from './unreadable.ts';

const pageSize = 500;

/**
 * Pages of the ids of all jobs of a queue, some of them perhaps twice.
 *
 * @param jobPrefix what BullMQ puts before the ids of the jobs
 */
export async function* walkJobs(redis: RedisConnection, jobPrefix: string): AsyncGenerator<string[]> {
  // In the order in which a message passes through them; those in flight first, for they may become delayed.
  yield* listPages(redis, `${jobPrefix}active`);
  let cursor = '0';
  do {
    const [next, pairs] = await redis.zscan(`${jobPrefix}delayed`, cursor, 'COUNT', pageSize);
    cursor = next;
    yield pairs.filter((_, index) => index % 2 === 0);
  } while (cursor !== '0');
  yield* listPages(redis, `${jobPrefix}wait`);
  yield* listPages(redis, `${jobPrefix}active`);
}

/** New messages come to the head of the list and shift what has not been read yet towards the tail: nothing is missed. */
async function* listPages(redis: RedisConnection, key: string): AsyncGenerator<string[]> {
  for (let from = 0; ; from += pageSize) {
    const ids = await redis.lrange(key, from, from + pageSize - 1);
    if (ids.length > 0) yield ids;
    if (ids.length < pageSize) return;
  }
}

/** The messages of these jobs; those that are gone, canceled or not readable are left out. */
export async function readMessages(
  redis: RedisConnection,
  jobPrefix: string,
  ids: readonly string[],
): Promise<{ id: string; message: Message }[]> {
  const texts = await Promise.all(ids.map((id) => redis.hget(jobPrefix + id, 'data')));
  return ids.flatMap((id, index) => {
    const message = parseMessage(texts[index] ?? null);
    return message ? [{ id, message }] : [];
  });
}
