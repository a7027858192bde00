import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { readHistory, type Event } from './history.ts';

/** What an ended attempt adds to the history of its message; fields of `history.ts`. */
export type HistoryFields = Record<string, string | number>;

/**
 * The log of each message: a hash, one field per line, named after the attempt and the state. A line that is written
 * twice is one line, so a message that is handled again after a crash keeps its exact sequence.
 *
 * Writing is never waited for and never fails a message: what cannot be written is counted. Commands of one connection
 * are carried out in their order, so a line that is sent before the end of a job is there before the job ends.
 */
export interface EventLog {
  created(shard: number, messageId: string, message: Message): void;
  /** Keeps a line in memory for some milliseconds: most attempts end before, and then one command writes both. */
  started(shard: number, messageId: string, fields: HistoryFields): void;
  /** Writes at once what is kept for this message, and these lines; a message that goes on keeps its log for longer. */
  ended(shard: number, messageId: string, fields: HistoryFields, nextDeliveryInMs?: number): void;
  /** The message was not needed after all: as if it had never been created. */
  forget(shard: number, messageId: string): void;
  read(shard: number, messageId: string): Promise<Event[]>;
  /** Lines that could not be written since the process started. */
  lost(): number;
  close(): void;
}

/** An attempt that takes longer than this is seen as ACTIVE by readers while it runs. */
const keepStartedMs = 5;
/** More unanswered writes than this, and lines are dropped and counted: the log must never fill the memory. */
const maxPending = 5000;

export function createEventLog(redis: RedisConnection, retentionMs: number): EventLog {
  const started = new Map<string, { key: string; fields: HistoryFields }>();
  let timer: NodeJS.Timeout | undefined;
  let pending = 0;
  let lost = 0;

  const write = (key: string, fields: HistoryFields, expireMs?: number) => {
    if (pending >= maxPending || redis.status !== 'ready') {
      lost += Object.keys(fields).length;
      return;
    }
    pending++;
    const done = () => {
      pending--;
    };
    const failed = () => {
      pending--;
      lost += Object.keys(fields).length;
    };
    redis.hset(key, fields).then(done, failed);
    // Should this one fail, the key lives until the next line, or as long as its first expiry says.
    if (expireMs !== undefined) redis.pexpire(key, expireMs).catch(() => undefined);
  };

  const flush = () => {
    timer = undefined;
    for (const { key, fields } of started.values()) write(key, fields);
    started.clear();
  };

  return {
    created(shard, messageId, message) {
      const waitMs = message.notBefore - message.createdAt;
      write(keyspace.history(shard, messageId), { created: JSON.stringify(message) }, retentionMs + waitMs);
    },
    started(shard, messageId, fields) {
      started.set(messageId, { key: keyspace.history(shard, messageId), fields });
      timer ??= setTimeout(flush, keepStartedMs);
    },
    ended(shard, messageId, fields, nextDeliveryInMs) {
      const earlier = started.get(messageId);
      started.delete(messageId);
      const expireMs = nextDeliveryInMs === undefined ? undefined : retentionMs + nextDeliveryInMs;
      write(keyspace.history(shard, messageId), { ...earlier?.fields, ...fields }, expireMs);
    },
    forget(shard, messageId) {
      redis.del(keyspace.history(shard, messageId)).catch(() => undefined);
    },
    read: async (shard, messageId) => readHistory(messageId, await redis.hgetall(keyspace.history(shard, messageId))),
    lost: () => lost,
    close() {
      clearTimeout(timer);
      flush();
    },
  };
}
