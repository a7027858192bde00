import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { Delivery } from '../../engine/shards/shard.ts';
import type { Shards } from '../../engine/shards/shards.ts';

/** A message that could be delivered, and since when. */
export interface DueMessage {
  id: string;
  message: Message;
  /** In milliseconds since 1970. */
  since: number;
}

/**
 * Since when a message that waits could be delivered: since its own time, or since that of its retry, which its log
 * contains. One that was told to run before that time is due now.
 */
export async function readDue(redis: RedisConnection, { id, shard, message, retried }: Delivery): Promise<DueMessage> {
  const retry = retried > 0 ? await redis.hget(keyspace.messageLog(shard, id), `${retried - 1}:retry`) : undefined;
  const dueAt = retry ? (JSON.parse(retry) as { next: number }).next : Math.max(message.createdAt, message.notBefore);
  return { id, message, since: Math.min(dueAt, Date.now()) };
}

/**
 * Finds the message of a shard that has waited longest for a dispatcher. A message that waits for its time or for its
 * planned retry is not due. Without a running dispatcher, a message whose time has come still sleeps.
 */
export async function findOldestDue(
  redis: RedisConnection,
  shards: Shards,
  shard: number,
): Promise<DueMessage | undefined> {
  const one = shards.at(shard);
  const deliveries = await Promise.all([one.next(), one.overdue(Date.now())]);
  const due = await Promise.all(deliveries.flatMap((delivery) => (delivery ? [readDue(redis, delivery)] : [])));
  return due.sort((a, b) => a.since - b.since)[0];
}
