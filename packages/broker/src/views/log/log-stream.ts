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
  /** An entry as JSON, and its cursor. @returns `false` when the reader is too slow to take it */
  entry(cursor: string, json: string): boolean;
  /** This number of entries was left out. */
  skipped(count: number): void;
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
/** Entries that one look reads for a reader, and in how many pieces. */
const maxRead = 10_000;
const pieceSize = 1000;
/** Bytes of one entry with its body, about. */
const maxEntryBytes = 64 * 1024;

interface Subscription {
  filter: StreamFilter;
  test: (record: TailRecord) => boolean;
  reader: StreamReader;
  /** `undefined` until the end of the log is known. */
  next: LogOffset | undefined;
  sentInSecond: number;
  skipped: number;
}

export function createLogStream({ tail, logs, bodies, log }: LogStreamParts): LogStream {
  const subscriptions = new Set<Subscription>();
  let timer: NodeJS.Timeout | undefined;
  let isBusy = false;
  let second = 0;
  /** The end of the log at the last look. What is before it has been written to the logs of messages, too. */
  let seenEnd: LogOffset | undefined;

  const look = async () => {
    const end = await tail.findEnd();
    // The last reader has gone meanwhile; what the next one finds is new to it.
    if (!timer) return;
    const limit = seenEnd;
    seenEnd = end;
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      second = now;
      for (const one of subscriptions) {
        one.sentInSecond = 0;
        if (one.skipped > 0) one.reader.skipped(one.skipped);
        one.skipped = 0;
      }
    }
    const shared = createShared(tail, logs, bodies);
    await Promise.all(
      [...subscriptions].map(async (one) => {
        if (!one.next) one.next = end;
        else if (limit) await advance(one, limit, shared);
      }),
    );
  };

  const advance = async (one: Subscription, limit: LogOffset, shared: Shared) => {
    for (let read = 0; read < maxRead && one.next && isBefore(one.next, limit);) {
      const { records, next } = await shared.read(one.next);
      const within = records.filter((record) => isBefore(record, limit));
      for (const record of within) {
        const isWanted = one.test(record);
        const isSkipped = isWanted && one.sentInSecond >= (one.filter.maxPerSecond ?? maxStreamed);
        // Before the reader goes on: an entry that cannot be read now is read again.
        const json = isWanted && !isSkipped ? await shared.format(record, one.filter) : undefined;
        one.next = { segment: record.segment, number: record.number + 1 };
        if (isSkipped) one.skipped++;
        if (json === undefined) continue;
        one.sentInSecond++;
        if (!one.reader.entry(`${record.segment}-${record.number}`, json)) one.skipped++;
        if (!subscriptions.has(one)) return;
      }
      read += records.length;
      if (within.length < records.length || records.length === 0) {
        if (records.length === 0) one.next = next;
        return;
      }
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
  read(from: LogOffset): ReturnType<LogTail['readFrom']>;
  format(record: TailRecord, filter: StreamFilter): Promise<string | undefined>;
}

function createShared(tail: LogTail, logs: LogStore, bodies: BodyStore): Shared {
  const pieces = new Map<string, ReturnType<LogTail['readFrom']>>();
  const messageLogs = new Map<string, Promise<MessageLog>>();
  const texts = new Map<string, Promise<string>>();
  const remember = <T>(map: Map<string, T>, key: string, make: () => T): T => {
    const known = map.get(key) ?? make();
    map.set(key, known);
    return known;
  };
  return {
    read: (from) => remember(pieces, `${from.segment}-${from.number}`, () => tail.readFrom(from, pieceSize)),
    async format({ messageId, state, retried, time, segment, number }, { trimBody = 0, ...filter }) {
      const { entries } = await remember(messageLogs, messageId, () => logs.read(messageId));
      const entry = entries.find((one) => one.state === state && one.retried === retried && one.writtenAt === time);
      const { state: _s, messageId: _m, maxPerSecond: _p, cursor: _c, callerIP, ...fields } = filter;
      if (!entry || !matches({ ...fields, callerIp: fields.callerIp ?? callerIP }, entry.message, time))
        return undefined;
      return remember(texts, `${segment}-${number}-${trimBody}`, async () =>
        JSON.stringify(await createEntryFormatter(logs, bodies, { maxBytes: maxEntryBytes, trimBody }).format(entry)),
      );
    },
  };
}

function createTest({ state, messageId, fromDate = 0, toDate = Infinity, callerIP, ...filter }: StreamFilter) {
  const digestTest = createDigestTest({ ...filter, callerIp: filter.callerIp ?? callerIP });
  return (record: TailRecord): boolean =>
    (!state || state.includes(record.state)) &&
    (!messageId || messageId.includes(record.messageId)) &&
    record.time >= fromDate &&
    record.time <= toDate &&
    (digestTest?.(record.records, record.at) ?? true);
}

function isBefore(a: LogOffset, b: LogOffset): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.number < b.number);
}

/** The offset behind the entry with this cursor. */
function parseCursor(cursor: string): LogOffset {
  const [segment = 0, number = 0] = cursor.split('-').map(Number);
  return { segment, number: number + 1 };
}
