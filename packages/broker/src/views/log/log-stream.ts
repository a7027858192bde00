import { maxStreamed, type StreamFilter } from '@posthorn/shared';
import { createDigestTest } from '../../engine/log/digest.ts';
import { createEntryFormatter } from './entry-formatter.ts';
import type { LogStore } from '../../engine/log/log-store.ts';
import { matches } from '../filter.ts';
import type { MessageLog } from '../../engine/log/log-entries.ts';
import type { LogOffset } from '../../engine/log/entry-list.ts';
import type { LogTail, TailRecord } from '../../engine/log/log-tail.ts';
import type { Log } from '@posthorn/process';
import type { BodyStore } from '../../engine/shards/body.ts';

/** What a reader of the live log gets. */
export interface StreamReader {
  /** Whether the reader is too slow to take an entry now. */
  isFull(): boolean;
  /** An entry as JSON, and its cursor. @returns `false` when the reader is too slow to take it. */
  entry(cursor: string, json: string): boolean;
  /** This number of entries, at least, was left out. @returns `false` when the reader is too slow to be told */
  skipped(count: number): boolean;
}

/** Sends new entries of the log to readers. All readers share one look at the log, and entries that several want. */
export interface LogStream {
  /**
   * Starts behind the cursor, or with the entries from now on. Returns a function that ends it.
   *
   * @param cursor id of the last entry that the reader has
   */
  open(filter: StreamFilter, cursor: string | undefined, reader: StreamReader): () => void;
  /** Readers now. */
  count(): number;
}

export interface LogStreamParts {
  tail: LogTail;
  logs: LogStore;
  bodies: BodyStore;
  log: Log;
}

const everyMs = 250;
/**
 * What one look does for all readers together: to read a record of the log costs 1, to read the log of a message or to
 * write an entry as JSON about as much as five records, and to look at a record for one more reader a tenth of it. Readers
 * that are behind go on in the next look.
 */
const maxCost = 10_000;
const entryCost = 5;
const testCost = 0.1;
/** Records that are read at once for a reader, before it is the turn of others. */
const pieceSize = 1000;
/** Logs of messages that are read at once: one command for each, one after the other, would cost both sides a wake-up each. */
const readAtOnce = 25;
/** Bytes of one entry with its body, about. */
const maxEntryBytes = 64 * 1024;
/** Bytes of logs of messages and of entries that readers share in one look. What is more is read again. */
const maxSharedBytes = 8 * 1024 * 1024;

interface Subscription {
  filter: StreamFilter;
  /** `undefined`: every record is wanted. */
  test: ((record: TailRecord) => boolean) | undefined;
  reader: StreamReader;
  /** `undefined` until the end of the log is known. */
  next: LogOffset | undefined;
  /** Whether there was more to read than the last look had time for. */
  isBehind: boolean;
  sentInSecond: number;
  skipped: number;
}

export function createLogStream({ tail, logs, bodies, log }: LogStreamParts): LogStream {
  /** Of those that are behind, the one that has waited longest comes first. */
  let subscriptions = new Set<Subscription>();
  let timer: NodeJS.Timeout | undefined;
  let isBusy = false;
  let second = 0;
  /** The end of the log at the last look. What is before it has been written to the logs of messages, too. */
  let seenEnd: LogOffset | undefined;

  const look = async () => {
    // A reader that comes meanwhile may know a later end from another process.
    const earlier = [...subscriptions];
    const end = await tail.findEnd();
    // The last reader has gone meanwhile; what the next one finds is new to it.
    if (!timer) return;
    for (const one of earlier) if (one.next && isBefore(end, one.next)) goBack(one, end);
    const limit = seenEnd && isBefore(end, seenEnd) ? end : seenEnd;
    seenEnd = end;
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      second = now;
      for (const one of subscriptions) {
        one.sentInSecond = 0;
        if (one.skipped > 0 && one.reader.skipped(one.skipped)) one.skipped = 0;
      }
    }
    const shared = createShared(tail, logs, bodies);
    // What is new does not wait for readers that are behind: the others share one piece of the log.
    const waiting = [...subscriptions].sort((a, b) => Number(a.isBehind) - Number(b.isBehind));
    // One at a time, so that few entries are in memory, and in turn, so that all of them go on.
    while (waiting.length > 0 && shared.cost() < maxCost) {
      const one = waiting.shift();
      if (!one || !subscriptions.has(one)) continue;
      if (!one.next) one.next = end;
      else if (limit) {
        one.isBehind = await advance(one, limit, shared);
        if (one.isBehind) waiting.push(one);
      }
    }
    subscriptions = new Set([...waiting.filter((one) => subscriptions.has(one)), ...subscriptions]);
  };

  /** The log is shorter than it was: Redis was emptied or restored. How many entries the reader misses is not known. */
  const goBack = (one: Subscription, end: LogOffset) => {
    one.next = end;
    one.skipped++;
  };

  /** Sends one piece of the log to its reader, and says whether there may be more. */
  const advance = async (one: Subscription, limit: LogOffset, shared: Shared): Promise<boolean> => {
    try {
      if (!one.next || !isBefore(one.next, limit)) return false;
      const { records, next } = await shared.read(one.next);
      const [first] = records;
      if (first && !isBefore(first, limit)) return false;
      const wanted = first?.segment === limit.segment ? records.slice(0, limit.number - first.number) : records;
      const maxPerSecond = one.filter.maxPerSecond ?? maxStreamed;
      for (const [index, record] of wanted.entries()) {
        const isWanted = one.test?.(record) ?? true;
        const hasEnough = one.sentInSecond >= maxPerSecond;
        if (hasEnough && !one.test) {
          // So is all that follows in this second, which is not looked at.
          one.skipped += wanted.length - index;
          one.next = behind(wanted.at(-1) ?? record);
          break;
        }
        const isSkipped = isWanted && (hasEnough || one.reader.isFull());
        if (!one.test && !isSkipped && index % readAtOnce === 0) {
          const count = Math.min(readAtOnce, maxPerSecond - one.sentInSecond);
          shared.readAhead(wanted.slice(index, index + count));
        }
        // Before the reader goes on: an entry that cannot be read now is read again.
        const formatted =
          isWanted && !isSkipped ? shared.format(record, one.filter, one.test === undefined) : undefined;
        // What another reader has got already is not waited for.
        const json = typeof formatted === 'object' ? await formatted : formatted;
        if (!subscriptions.has(one)) return false;
        one.next = behind(record);
        if (isSkipped) one.skipped++;
        if (json === undefined) continue;
        one.sentInSecond++;
        if (!one.reader.entry(`${record.segment}-${record.number}`, json)) one.skipped++;
      }
      if (records.length === 0) one.next = next;
      return records.length > 0 && wanted.length === records.length;
    } catch (error) {
      // The others go on.
      log.debug({ err: error }, 'stream.failed');
      return false;
    }
  };

  const tick = () => {
    if (isBusy) return;
    isBusy = true;
    look()
      .catch((error: unknown) => log.debug({ err: error }, 'stream.failed'))
      .finally(() => (isBusy = false));
  };

  return {
    count: () => subscriptions.size,
    open(filter, cursor, reader) {
      const one: Subscription = {
        filter,
        test: createTest(filter),
        reader,
        next: cursor === undefined ? seenEnd : parseCursor(cursor),
        isBehind: cursor !== undefined,
        sentInSecond: 0,
        skipped: 0,
      };
      subscriptions.add(one);
      if (!timer) {
        timer = setInterval(tick, everyMs);
        timer.unref();
        tick();
      }
      return () => {
        subscriptions.delete(one);
        if (subscriptions.size > 0) return;
        clearInterval(timer);
        timer = undefined;
        seenEnd = undefined;
      };
    },
  };
}

/** What readers share in one look: pieces of the log, logs of messages, and entries as JSON. */
interface Shared {
  /** What was done for it so far. */
  cost(): number;
  read(from: LogOffset): ReturnType<LogTail['readFrom']>;
  /** Begins to read what these records will need to be written. */
  readAhead(records: readonly TailRecord[]): void;
  /** @returns an entry as JSON, at once if it is known; `undefined` if the filter does not mean it after all */
  format(record: TailRecord, filter: StreamFilter, isAllWanted: boolean): string | Promise<string | undefined>;
}

function createShared(tail: LogTail, logs: LogStore, bodies: BodyStore): Shared {
  const pieces = new Map<string, ReturnType<LogTail['readFrom']>>();
  const messageLogs = new Map<string, Promise<MessageLog>>();
  const texts = new Map<string, string>();
  let cost = 0;
  let bytes = 0;
  const remember = <T>(map: Map<string, T>, key: string, make: () => T): T => {
    const known = map.get(key) ?? make();
    map.set(key, known);
    return known;
  };
  const keep = (more: number) => {
    bytes += more;
    if (bytes <= maxSharedBytes) return;
    bytes = 0;
    messageLogs.clear();
    texts.clear();
  };
  const readPiece = async (from: LogOffset) => {
    const piece = await tail.readFrom(from, pieceSize);
    cost += piece.records.length;
    return piece;
  };
  const readMessageLog = async (messageId: string) => {
    cost += entryCost;
    const messageLog = await logs.read(messageId);
    keep(messageLog.bytes);
    return messageLog;
  };
  const format = async (record: TailRecord, { trimBody, ...filter }: StreamFilter, key: string) => {
    const { messageId, state, retried, time } = record;
    const { entries } = await remember(messageLogs, messageId, () => readMessageLog(messageId));
    const entry = entries.find((one) => one.state === state && one.retried === retried && one.writtenAt === time);
    const { state: _s, messageId: _m, maxPerSecond: _p, cursor: _c, callerIP, ...fields } = filter;
    if (!entry || !matches({ ...fields, callerIp: fields.callerIp ?? callerIP }, entry.message, time)) return undefined;
    const known = texts.get(key);
    if (known !== undefined) return known;
    cost += entryCost;
    const options = { maxBytes: maxEntryBytes, trimBody: trimBody ?? 0, readsStored: false };
    const text = JSON.stringify(await createEntryFormatter(logs, bodies, options).format(entry));
    texts.set(key, text);
    keep(text.length);
    return text;
  };
  return {
    cost: () => cost,
    async read(from) {
      const piece = await remember(pieces, `${from.segment}-${from.number}`, () => readPiece(from));
      cost += testCost * piece.records.length;
      return piece;
    },
    readAhead(records) {
      for (const { messageId } of records) {
        // Who needs it learns that it could not be read.
        remember(messageLogs, messageId, () => readMessageLog(messageId)).catch(() => undefined);
      }
    },
    format(record, filter, isAllWanted) {
      const key = `${record.segment}-${record.number}-${filter.trimBody ?? 0}`;
      return (isAllWanted ? texts.get(key) : undefined) ?? format(record, filter, key);
    },
  };
}

/** @returns `undefined` for a filter that every record passes */
function createTest({ state, messageId, fromDate, toDate, callerIP, ...filter }: StreamFilter) {
  const digestTest = createDigestTest({ ...filter, callerIp: filter.callerIp ?? callerIP });
  if ([digestTest, state, messageId, fromDate, toDate].every((one) => one === undefined)) return undefined;
  const messageIds = messageId && new Set(messageId);
  return (record: TailRecord): boolean =>
    (!state || state.includes(record.state)) &&
    (!messageIds || messageIds.has(record.messageId)) &&
    (fromDate === undefined || record.time >= fromDate) &&
    (toDate === undefined || record.time <= toDate) &&
    (digestTest?.(record.records, record.at) ?? true);
}

const behind = ({ segment, number }: LogOffset): LogOffset => ({ segment, number: number + 1 });

function isBefore(a: LogOffset, b: LogOffset): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.number < b.number);
}

/** The position behind the entry with this cursor. */
function parseCursor(cursor: string): LogOffset {
  const [segment = 0, number = 0] = cursor.split('-').map(Number);
  return behind({ segment, number });
}
