import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { Shards } from '../shards/shards.ts';
import { createResponseStore } from './responses.ts';
import { redactMessage } from './message-fields.ts';
import { parseHistory, retriedAsField, statusField, type Event, type History, type Line } from './history.ts';
import { createLineList, type LineList, type LineListOptions, type Slice } from './line-list.ts';
import { logFields } from './log-fields.ts';
import { readRecord, recordBytes } from './record.ts';

/**
 * The log of each message: a hash, one field per line, named after the attempt and the state. A line that is written
 * twice is one line, so a message that is handled again after a crash keeps its exact sequence. What the message was is
 * written with its last line; until then its job says so, and that it was created. Beside these is a list of all lines
 * of all messages, which says where lines are, not what they say.
 *
 * Writes are not awaited, and their failure fails no message: lost entries are counted. Redis carries out the commands
 * of one connection in their order, and entries are sent ahead of everything that a worker's connection sends in the
 * same turn of the event loop. So an entry that is written before the end of a job is stored before the job ends. While
 * Redis is unavailable, both wait in a worker's connection and are repeated together.
 */
export interface EventLog {
  /** Keeps a line in memory for some milliseconds: most attempts end before, and then one command writes both. */
  started(messageId: string, message: Message, line: Line): void;
  /** Writes at once the entries in memory for this message, and those of an attempt that will be retried. */
  failed(messageId: string, message: Message, lines: Line[], nextDeliveryInMs: number): void;
  /** Writes at once the entries in memory for this message, its last entries, and the message itself. */
  ended(messageId: string, lines: Line[], message: Message): void;
  /** Lists lines that are part of something else that is stored: a job, or what a script writes. */
  list(messageId: string, lines: Line[], message: Message): void;
  read(messageId: string): Promise<History>;
  /** Notes in the log of a dead message which message a retry has made of it. Doing it twice changes nothing. */
  noteRetry(messageId: string, newId: string): Promise<void>;
  /** The response body of an entry, and whether it was cut. */
  readResponse(event: Event): Promise<{ body: Buffer; isCut: boolean }>;
  /**
   * Removes the oldest lines, and the logs of messages that ended with them, until not many more than this are left.
   * Resolves to the number of lines removed, as `shorten` does.
   */
  trim(maxLines: number): Promise<number>;
  /** The same for the oldest piece of the log, whatever its size. */
  shorten(): Promise<number>;
  lines: LineList;
  /** Lines that could not be written since the process started. */
  lost(): number;
  close(): Promise<void>;
}

/**
 * An attempt that takes longer than this, or up to twice as long, is seen as ACTIVE by readers while it runs. One that
 * ends before costs one command less.
 */
const keepStartedMs = 50;
/** More messages with unanswered writes than this, and lines are dropped and counted: the log must never fill the memory. */
const maxPending = 5000;
/** Keys that are removed at once. */
const removeAtOnce = 500;

export function createEventLog(redis: RedisConnection, shards: Shards, options: LineListOptions): EventLog {
  const { retentionMs } = options;
  const list = createLineList(redis, options);
  const answers = createResponseStore(redis, shards);
  const started = new Map<string, { message: Message; line: Line }>();
  let timer: NodeJS.Timeout | undefined;
  /** By shard what was written in this turn of the event loop, as `write-histories.lua` wants it. */
  const unsent = new Map<number, { messages: number; lines: number; args: (string | number)[] }>();
  let pending = 0;
  let lost = 0;
  let lastWrite = Promise.resolve();

  const write = (messageId: string, lines: Line[], message: Message, isEnd: boolean, expireMs: number) => {
    if (pending >= maxPending) {
      lost += lines.length;
      return;
    }
    // No reader finds the log of a message whose id is not ours.
    const shard = shards.shardOf(messageId);
    if (shard === undefined) return;
    const fields: (string | number)[] = isEnd ? [logFields.created, JSON.stringify(redactMessage(message))] : [];
    for (const { field, value, status } of lines) {
      fields.push(field, value);
      if (status !== undefined) fields.push(statusField, status);
    }
    const waiting = unsent.get(shard) ?? { messages: 0, lines: 0, args: [] };
    if (unsent.size === 0) redis.sendAhead(send);
    unsent.set(shard, waiting);
    waiting.messages++;
    waiting.lines += lines.length;
    waiting.args.push(messageId, expireMs, fields.length, ...fields);
    pending++;
    // The entry has the beginning. A reader of the entry sees if the rest was not stored.
    for (const { retried, body } of lines) if (body) answers.put(messageId, retried, body, expireMs);
    listLines(messageId, lines, message);
  };

  /** Sends what one turn of the event loop has written as one command per shard, ahead of the ends of its jobs. */
  const send = () => {
    for (const [shard, { messages, lines, args }] of unsent) {
      lastWrite = redis.writeHistories(keyspace.history(shard, ''), ...args).then(
        () => {
          pending -= messages;
        },
        () => {
          pending -= messages;
          lost += lines;
        },
      );
    }
    unsent.clear();
  };

  const listLines = (messageId: string, lines: Line[], message: Message) => {
    // Messages of workflows are in the logs of their runs instead.
    if (message.workflow) return;
    for (const { state, retried, time } of lines) list.append({ messageId, state, retried, time }, message);
  };

  /** Writes what was kept from before an instant; the oldest comes first. */
  const flush = (before: number) => {
    timer = undefined;
    for (const [messageId, { message, line }] of started) {
      if (line.time > before) {
        timer = setTimeout(flushOld, keepStartedMs);
        return;
      }
      started.delete(messageId);
      write(messageId, [line], message, false, retentionMs);
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
      keys.push(keyspace.history(shard, messageId));
      if (state === 'FAILED') failed.push({ messageId, shard });
      else keys.push(keyspace.answer(shard, messageId));
    }
    for (let from = 0; from < failed.length; from += removeAtOnce) {
      const some = failed.slice(from, from + removeAtOnce);
      const isBuried = await Promise.all(
        some.map(({ messageId, shard }) => redis.hexists(keyspace.dlqIds(shard), messageId)),
      );
      keys.push(
        ...some.flatMap(({ messageId, shard }, index) => (isBuried[index] ? [] : [keyspace.answer(shard, messageId)])),
      );
    }
    for (let from = 0; from < keys.length; from += removeAtOnce) {
      // One key each: those of several shards may lie on several nodes.
      await Promise.all(keys.slice(from, from + removeAtOnce).map((key) => redis.unlink(key)));
    }
  };

  const takeStarted = (messageId: string): Line[] => {
    const earlier = started.get(messageId);
    started.delete(messageId);
    return earlier ? [earlier.line] : [];
  };

  return {
    started(messageId, message, line) {
      started.set(messageId, { message, line });
      timer ??= setTimeout(flushOld, keepStartedMs);
    },
    failed(messageId, message, lines, nextDeliveryInMs) {
      write(messageId, [...takeStarted(messageId), ...lines], message, false, retentionMs + nextDeliveryInMs);
    },
    ended(messageId, lines, message) {
      write(messageId, [...takeStarted(messageId), ...lines], message, true, retentionMs);
    },
    list: listLines,
    async read(messageId) {
      const shard = shards.shardOf(messageId);
      if (shard === undefined) return { events: [], bytes: 0, retriedAs: [] };
      const key = keyspace.history(shard, messageId);
      let fields = await redis.hgetall(key);
      let pending: Message | undefined;
      if (fields[logFields.created] === undefined) {
        pending = (await shards.at(shard).get(messageId))?.message;
        // A message whose job is gone has ended in the meantime, and now its log says what it was.
        if (!pending) fields = await redis.hgetall(key);
      }
      const bytes = Object.values(fields).reduce((sum, value) => sum + value.length, 0);
      const retriedAs = fields[retriedAsField]?.split(',') ?? [];
      const events = parseHistory(messageId, pending, fields);
      return { events: events[0]?.message.workflow ? [] : events, bytes, retriedAs };
    },
    async noteRetry(messageId, newId) {
      const shard = shards.shardOf(messageId);
      if (shard === undefined) return;
      const key = keyspace.history(shard, messageId);
      const known = (await redis.hget(key, retriedAsField))?.split(',') ?? [];
      if (known.includes(newId)) return;
      await redis.setField(key, logFields.created, retriedAsField, [...known, newId].join(','));
    },
    async readResponse({ messageId, retried, answer }) {
      const begin = Buffer.from(answer?.body ?? '', 'base64');
      const isCut = answer?.isCut === true;
      if (!answer?.isElsewhere) return { body: begin, isCut };
      const body = await answers.read(messageId, retried);
      return { body: body ?? begin, isCut: isCut || !body };
    },
    trim: (maxLines) => list.trim(maxLines, forget),
    shorten: () => list.shorten(forget),
    lines: list,
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
