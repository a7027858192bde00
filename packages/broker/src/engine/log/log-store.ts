import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { Shards } from '../shards/shards.ts';
import { createResponseStore } from './responses.ts';
import { redactMessage } from './message-fields.ts';
import {
  parseLog,
  retriedAsField,
  statusField,
  type LogEntry,
  type MessageLog,
  type NewLogEntry,
} from './log-entries.ts';
import { createEntryList, type EntryList, type EntryListOptions, type Slice } from './entry-list.ts';
import { logFields } from './log-fields.ts';
import { readRecord, recordBytes } from './record.ts';

/**
 * The log of each message is a hash with one field per entry, named after the attempt and the state. An entry that is
 * written twice is one entry, so a message that is handled again after a crash keeps its exact sequence. The message
 * itself is written with its last entry; until then its job contains it and stands for the entry of its creation. Beside
 * these is a list of all entries of all messages. It says which entries there are, not what they contain.
 *
 * Writes are not awaited, and their failure fails no message: lost entries are counted. Redis carries out the commands
 * of one connection in their order, and entries are sent ahead of everything that a worker's connection sends in the
 * same turn of the event loop. So an entry that is written before the end of a job is stored before the job ends. While
 * Redis is unavailable, both wait in a worker's connection and are repeated together.
 */
export interface LogStore {
  /** Keeps an entry in memory for some milliseconds: most attempts end before, and then one command writes both. */
  started(messageId: string, message: Message, entry: NewLogEntry): void;
  /** Writes at once the entries in memory for this message, and those of an attempt that will be retried. */
  failed(messageId: string, message: Message, entries: NewLogEntry[], nextDeliveryInMs: number): void;
  /** Writes at once the entries in memory for this message, its last entries, and the message itself. */
  ended(messageId: string, entries: NewLogEntry[], message: Message): void;
  /** Lists entries that are part of something else that is stored: a job, or what a script writes. */
  list(messageId: string, entries: NewLogEntry[], message: Message): void;
  read(messageId: string): Promise<MessageLog>;
  /**
   * Leaves out messages that have none of these labels, and few others. A digest of the list of all entries cannot tell every
   * label from each other, and reading a log takes a hundred times as long as this.
   */
  keepLabeled<T extends { messageId: string }>(messages: readonly T[], labels: readonly string[]): Promise<T[]>;
  /** Notes in the log of a dead message which message a retry has made of it. Doing it twice changes nothing. */
  noteRetry(messageId: string, newId: string): Promise<void>;
  /** The response body of an entry, and whether it was cut. */
  readResponse(entry: LogEntry): Promise<{ body: Buffer; isCut: boolean }>;
  /**
   * Removes the oldest entries, and the logs of messages that ended with them, until not many more than this are left.
   * Resolves to the number of entries removed, as `shorten` does.
   */
  trim(maxEntries: number): Promise<number>;
  /** The same for the oldest piece of the log, whatever its size. */
  shorten(): Promise<number>;
  entries: EntryList;
  /** Entries that could not be written since the process started. */
  lost(): number;
  close(): Promise<void>;
}

/**
 * An attempt that takes longer than this, or up to twice as long, is seen as ACTIVE by readers while it runs. One that
 * ends before costs one command less.
 */
const keepStartedMs = 50;
/** With more unanswered writes than this, entries are dropped and counted: the log must never fill the memory. */
const maxPending = 5000;
/** Messages that one call of the script looks at: Redis does nothing else in the meantime. */
const findAtOnce = 200;
/** Keys that are removed at once. */
const removeAtOnce = 500;

export function createLogStore(redis: RedisConnection, shards: Shards, options: EntryListOptions): LogStore {
  const { retentionMs } = options;
  const list = createEntryList(redis, options);
  const responses = createResponseStore(redis, shards);
  const started = new Map<string, { message: Message; entry: NewLogEntry }>();
  let timer: NodeJS.Timeout | undefined;
  /** What was written in this turn of the event loop, as `write-logs.lua` wants it; of a cluster, by shard. */
  const unsent = new Map<number, { entries: number; keys: string[]; args: (string | number)[] }>();
  let pending = 0;
  let lost = 0;
  let lastWrite = Promise.resolve();

  const write = (messageId: string, entries: NewLogEntry[], message: Message, isEnd: boolean, expireMs: number) => {
    if (pending >= maxPending) {
      lost += entries.length;
      return;
    }
    // No reader finds the log of a message whose id is not ours.
    const shard = shards.shardOf(messageId);
    if (shard === undefined) return;
    if (unsent.size === 0) redis.sendAhead(send);
    const slot = redis.joinsShards ? 0 : shard;
    let waiting = unsent.get(slot);
    if (!waiting) unsent.set(slot, (waiting = { entries: 0, keys: [], args: [] }));
    waiting.entries += entries.length;
    waiting.keys.push(keyspace.messageLog(shard, messageId));
    const { args } = waiting;
    const countAt = args.push(expireMs, 0) - 1;
    if (isEnd) args.push(logFields.created, JSON.stringify(redactMessage(message)));
    for (const { field, value, status } of entries) {
      args.push(field, value);
      if (status !== undefined) args.push(statusField, status);
    }
    args[countAt] = args.length - countAt - 1;
    pending++;
    // The entry has the beginning. A reader of the entry sees if the rest was not stored.
    for (const { retried, body } of entries) if (body) responses.put(messageId, retried, body, expireMs);
    listEntries(messageId, entries, message);
  };

  /** Sends what one turn of the event loop has written with one command, ahead of the ends of its jobs. */
  const send = () => {
    for (const { entries, keys, args } of unsent.values()) {
      lastWrite = redis.writeLogs(keys.length, ...keys, ...args).then(
        () => {
          pending -= keys.length;
        },
        () => {
          pending -= keys.length;
          lost += entries;
        },
      );
    }
    unsent.clear();
  };

  const listEntries = (messageId: string, entries: NewLogEntry[], message: Message) => {
    // Messages of workflows are in the logs of their runs instead.
    if (message.workflow) return;
    for (const { state, retried, time } of entries) list.append({ messageId, state, retried, time }, message);
  };

  /** Writes what was kept from before an instant; the oldest comes first. */
  const flush = (before: number) => {
    timer = undefined;
    for (const [messageId, { message, entry }] of started) {
      if (entry.time > before) {
        timer = setTimeout(flushOld, keepStartedMs);
        return;
      }
      started.delete(messageId);
      write(messageId, [entry], message, false, retentionMs);
    }
  };
  const flushOld = () => {
    flush(Date.now() - keepStartedMs);
  };

  /** Removes the logs of messages that ended in this piece of the list, and response bodies that nothing else shows. */
  const forget = async ({ records }: Slice) => {
    const keys: string[] = [];
    const failed: { messageId: string; shard: number }[] = [];
    for (const { messageId, state } of readRecords(records)) {
      const shard = shards.shardOf(messageId);
      if (!finalStates.has(state) || shard === undefined) continue;
      keys.push(keyspace.messageLog(shard, messageId));
      if (state === 'FAILED') failed.push({ messageId, shard });
      else keys.push(keyspace.response(shard, messageId));
    }
    for (let from = 0; from < failed.length; from += removeAtOnce) {
      const some = failed.slice(from, from + removeAtOnce);
      const isBuried = await Promise.all(
        some.map(({ messageId, shard }) => redis.hexists(keyspace.dlqIds(shard), messageId)),
      );
      keys.push(
        ...some.flatMap(({ messageId, shard }, index) =>
          isBuried[index] ? [] : [keyspace.response(shard, messageId)],
        ),
      );
    }
    for (let from = 0; from < keys.length; from += removeAtOnce) {
      // One key each: those of several shards may lie on several nodes.
      await Promise.all(keys.slice(from, from + removeAtOnce).map((key) => redis.unlink(key)));
    }
  };

  const takeStarted = (messageId: string): NewLogEntry[] => {
    const earlier = started.get(messageId);
    started.delete(messageId);
    return earlier ? [earlier.entry] : [];
  };

  return {
    started(messageId, message, entry) {
      started.set(messageId, { message, entry });
      timer ??= setTimeout(flushOld, keepStartedMs);
    },
    failed(messageId, message, entries, nextDeliveryInMs) {
      write(messageId, [...takeStarted(messageId), ...entries], message, false, retentionMs + nextDeliveryInMs);
    },
    ended(messageId, entries, message) {
      write(messageId, [...takeStarted(messageId), ...entries], message, true, retentionMs);
    },
    list: listEntries,
    async read(messageId) {
      const shard = shards.shardOf(messageId);
      if (shard === undefined) return { entries: [], bytes: 0, retriedAs: [] };
      const key = keyspace.messageLog(shard, messageId);
      let fields = await redis.hgetall(key);
      let pending: Message | undefined;
      if (fields[logFields.created] === undefined) {
        pending = (await shards.at(shard).get(messageId))?.message;
        // A message whose job is gone has ended in the meantime, and now its log says what it was.
        if (!pending) fields = await redis.hgetall(key);
      }
      const bytes = Object.values(fields).reduce((sum, value) => sum + value.length, 0);
      const retriedAs = fields[retriedAsField]?.split(',') ?? [];
      const entries = parseLog(messageId, pending, fields);
      return { entries: entries[0]?.message.workflow ? [] : entries, bytes, retriedAs };
    },
    async keepLabeled(messages, labels) {
      const texts = labels.map((label) => JSON.stringify(label));
      const { byShard } = shards.group(messages.map(({ messageId }) => messageId));
      const kept = new Set<string>();
      const find = async (shard: number, ids: readonly string[]) => {
        const keys = ids.flatMap((id) => [keyspace.bullmq(shard) + id, keyspace.messageLog(shard, id)]);
        const found = await redis.findTexts(keys.length, ...keys, 'data', logFields.created, ...texts);
        for (const [index, id] of ids.entries()) if (found[index] === '1') kept.add(id);
      };
      const calls = Array.from(byShard).flatMap(([shard, ids]) =>
        Array.from({ length: Math.ceil(ids.length / findAtOnce) }, (_, call) =>
          find(shard, ids.slice(call * findAtOnce, (call + 1) * findAtOnce)),
        ),
      );
      await Promise.all(calls);
      return messages.filter(({ messageId }) => kept.has(messageId));
    },
    async noteRetry(messageId, newId) {
      const shard = shards.shardOf(messageId);
      if (shard === undefined) return;
      const key = keyspace.messageLog(shard, messageId);
      const known = (await redis.hget(key, retriedAsField))?.split(',') ?? [];
      if (known.includes(newId)) return;
      await redis.setField(key, logFields.created, retriedAsField, [...known, newId].join(','));
    },
    async readResponse({ messageId, retried, response }) {
      const begin = Buffer.from(response?.body ?? '', 'base64');
      const isCut = response?.isCut === true;
      if (!response?.isElsewhere) return { body: begin, isCut };
      const body = await responses.read(messageId, retried);
      return { body: body ?? begin, isCut: isCut || !body };
    },
    trim: (maxEntries) => list.trim(maxEntries, forget),
    shorten: () => list.shorten(forget),
    entries: list,
    lost: () => lost + list.lost(),
    async close() {
      clearTimeout(timer);
      flush(Infinity);
      send();
      await Promise.all([lastWrite, list.flush()]);
    },
  };
}

const finalStates = new Set(['DELIVERED', 'FAILED', 'CANCELED']);

function* readRecords(records: Buffer) {
  for (let at = 0; at + recordBytes <= records.length; at += recordBytes) yield readRecord(records, at);
}
