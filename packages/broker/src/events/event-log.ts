import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { Shards } from '../shards/shards.ts';
import { readHistory, type Event } from './history.ts';

/** What an ended attempt adds to the history of its message; fields of `history.ts`. */
export type HistoryFields = Record<string, string | number>;

/**
 * The log of each message: a hash, one field per line, named after the attempt and the state. A line that is written
 * twice is one line, so a message that is handled again after a crash keeps its exact sequence. What the message was is
 * written with its last line; until then its job says so, and that it was created.
 *
 * Writing is never waited for and never fails a message: what cannot be written is counted. Commands of one connection
 * are carried out in their order, so a line that is sent before the end of a job is there before the job ends.
 */
export interface EventLog {
  /** Keeps a line in memory for some milliseconds: most attempts end before, and then one command writes both. */
  started(shard: number, messageId: string, fields: HistoryFields): void;
  /** Writes at once what is kept for this message, and the lines of an attempt after which it goes on. */
  failed(shard: number, messageId: string, fields: HistoryFields, nextDeliveryInMs: number): void;
  /** Writes at once what is kept for this message, its last lines, and what it was if that is not written yet. */
  ended(shard: number, messageId: string, fields: HistoryFields, message: Message | undefined): void;
  read(shard: number, messageId: string): Promise<Event[]>;
  /** Lines that could not be written since the process started. */
  lost(): number;
  close(): void;
}

/** An attempt that takes longer than this is seen as ACTIVE by readers while it runs. */
const keepStartedMs = 5;
/** More unanswered writes than this, and lines are dropped and counted: the log must never fill the memory. */
const maxPending = 5000;

export function createEventLog(redis: RedisConnection, shards: Shards, retentionMs: number): EventLog {
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

  const takeStarted = (messageId: string) => {
    const earlier = started.get(messageId);
    started.delete(messageId);
    return earlier?.fields;
  };

  return {
    started(shard, messageId, fields) {
      started.set(messageId, { key: keyspace.history(shard, messageId), fields });
      timer ??= setTimeout(flush, keepStartedMs);
    },
    failed(shard, messageId, fields, nextDeliveryInMs) {
      write(
        keyspace.history(shard, messageId),
        { ...takeStarted(messageId), ...fields },
        retentionMs + nextDeliveryInMs,
      );
    },
    ended(shard, messageId, fields, message) {
      const created: HistoryFields = message ? { created: JSON.stringify(message) } : {};
      write(keyspace.history(shard, messageId), { ...created, ...takeStarted(messageId), ...fields }, retentionMs);
    },
    async read(shard, messageId) {
      // In this order: a message whose job is gone has ended, and then its log says what it was.
      const [job, fields] = await Promise.all([
        shards.at(shard).get(messageId),
        redis.hgetall(keyspace.history(shard, messageId)),
      ]);
      return readHistory(messageId, job?.message, fields);
    },
    lost: () => lost,
    close() {
      clearTimeout(timer);
      flush();
    },
  };
}
