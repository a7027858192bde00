import { states, type LogFilter } from '@posthorn/shared';
import { createDigestTest } from '../../engine/log/digest.ts';
import type { LogStore } from '../../engine/log/log-store.ts';
import { matches } from '../filter.ts';
import type { LogEntry, MessageLog } from '../../engine/log/log-entries.ts';
import type { LogOffset } from '../../engine/log/entry-list.ts';
import { readRecord, readStateIndex, readTime, recordBytes, type EntryRecord } from '../../engine/log/record.ts';

/** What a search has found. */
export interface Hit extends LogOffset {
  /** One entry, or, in a search for groups, all entries of one message that match, the newest first. */
  entries: LogEntry[];
}

export interface Search extends LogFilter {
  count: number;
  retentionMs: number;
}

/** About how many bytes of logs are read at once, so that the process can do other work in between. */
const readBytesAtOnce = 128 * 1024;
const readAtOnce = { min: 5, max: 100 };
/** What one search looks at: a search that needs more gives what was found so far, and a cursor. */
const maxEntries = 5_000_000;
const maxBytes = 32 * 1024 * 1024;

/**
 * Finds entries in the list and reads them. The list may have entries that are in no log: of a message that in the end
 * was not stored, or of an attempt that was made again after a crash. They are not found.
 *
 * A group is found at its first entry that matches. Later entries do not move it, so a walk with cursors meets every
 * message once.
 *
 * @returns what was found, and `next` where to go on if there may be more
 */
export async function searchEntries(logs: LogStore, search: Search): Promise<{ hits: Hit[]; next?: LogOffset }> {
  const { count, order, isGrouped } = search;
  const { from, to, after } = readBounds(search);
  const test = createRecordTest(search, from, to);
  const known = new Map<string, Promise<MessageLog>>();
  const hits: Hit[] = [];
  const found = new Set<LogEntry>();
  let candidates: (EntryRecord & LogOffset)[] = [];
  let looked = 0;
  let bytes = 0;
  let hitBytes = 0;
  /** The last candidate that was looked at, once the logs in memory are too many to look at another one. */
  let stoppedAt: LogOffset | undefined;

  const isFull = () => hits.length === count || hitBytes > search.maxBytes;

  const readOnce = (messageId: string): Promise<MessageLog> => {
    const earlier = known.get(messageId);
    if (earlier) return earlier;
    const read = logs.read(messageId).then((log) => {
      bytes += log.bytes;
      return log;
    });
    known.set(messageId, read);
    return read;
  };

  const readHit = (record: EntryRecord, { entries }: MessageLog): LogEntry[] | undefined => {
    const entry = entries.find((each) => isSameEntry(each, record));
    // An entry may be listed twice: a trigger that is repeated after a crash makes the same message at the same instant.
    if (!entry || found.has(entry) || !isMeant(search, entry, from, to)) return undefined;
    found.add(entry);
    if (!isGrouped) return [entry];
    const group = entries.filter((each) => isMeant(search, each, from, to));
    return group[0] === entry ? group.reverse() : undefined;
  };

  /** Reads the candidates; gives the last one that was looked at if that was enough and there are more. */
  const check = async (): Promise<LogOffset | undefined> => {
    if (search.label) candidates = await logs.keepLabeled(candidates, search.label);
    for (let begin = 0, end: number; begin < candidates.length; begin = end) {
      if (stoppedAt) return stoppedAt;
      const fitting = bytes === 0 ? 0 : Math.round((readBytesAtOnce * known.size) / bytes);
      end = begin + Math.min(readAtOnce.max, Math.max(readAtOnce.min, fitting));
      const some = candidates.slice(begin, end);
      const read = await Promise.all(some.map(({ messageId }) => readOnce(messageId)));
      for (const [index, { segment, number, ...record }] of some.entries()) {
        const log = read[index];
        const entries = log && readHit(record, log);
        if (!entries) continue;
        // One more than a page shows tells that there are more.
        if (isFull()) return hits.at(-1);
        hits.push({ segment, number, entries });
        for (const entry of entries) hitBytes += estimateBytes(entry, search.trimBody);
      }
      if (bytes > maxBytes) stoppedAt = some.at(-1);
    }
    candidates = [];
    return undefined;
  };

  /** The last record that was looked at. */
  let last: LogOffset | undefined;
  for await (const { segment, number, records } of logs.entries.walk({ order, after, from, to })) {
    if (looked >= maxEntries) {
      const next = (await check()) ?? last;
      return next ? { hits, next } : { hits };
    }
    const length = Math.floor(records.length / recordBytes);
    for (let step = 0; step < length; step++) {
      const index = order === 'latestFirst' ? length - 1 - step : step;
      if (!test(records, index * recordBytes)) continue;
      candidates.push({ segment, number: number + index, ...readRecord(records, index * recordBytes) });
      const isEnough = hits.length + candidates.length > count || isFull() || stoppedAt !== undefined;
      const next = isEnough ? await check() : undefined;
      if (next) return { hits, next };
    }
    looked += length;
    last = { segment, number: order === 'latestFirst' ? number : number + length - 1 };
  }
  const next = await check();
  return next ? { hits, next } : { hits };
}

/** About the bytes that an entry takes in a response; without a body that lies beside its message. */
function estimateBytes({ message, response }: LogEntry, trimBody = Infinity): number {
  const { body } = message;
  const bodyBytes = body.kind === 'text' ? body.text.length : body.kind === 'base64' ? body.base64.length * 0.75 : 0;
  const headers = [message.header, response?.header ?? {}].flatMap((map) => Object.values(map).flat());
  const shown = Math.min(bodyBytes, trimBody) + Math.min(response?.body?.length ?? 0, trimBody);
  return (shown * 4) / 3 + headers.reduce((sum, value) => sum + value.length, 0);
}

/** A cursor is an offset in the list, or an instant: then what is older is meant. */
function readBounds({ cursor, fromDate = 0, toDate = Infinity, retentionMs }: Search) {
  const from = Math.max(fromDate, Date.now() - retentionMs);
  if (cursor === undefined) return { from, to: toDate };
  const [first = 0, number] = cursor.split('-').map(Number);
  if (number === undefined) return { from, to: Math.min(toDate, first - 1) };
  return { from, to: toDate, after: { segment: first, number } };
}

/** Looks at a record alone: it lets everything through that is meant, and little else. */
function createRecordTest({ state, ...filter }: Search, from: number, to: number) {
  const digestTest = createDigestTest(filter);
  const isState = states.map((each) => !state || state.includes(each));
  return (records: Buffer, at: number): boolean => {
    if (!isState[readStateIndex(records, at)]) return false;
    const time = readTime(records, at);
    return time >= from && time <= to && (digestTest?.(records, at) ?? true);
  };
}

function isSameEntry(entry: LogEntry, { state, retried, time }: EntryRecord): boolean {
  return entry.state === state && entry.retried === retried && entry.writtenAt === time;
}

/** Whether a filter means an entry that was written at an instant within these bounds. */
export function isMeant(
  { state, fromDate: _f, toDate: _t, ...filter }: LogFilter,
  entry: LogEntry,
  from: number,
  to: number,
): boolean {
  if (state && !state.includes(entry.state)) return false;
  return entry.writtenAt >= from && entry.writtenAt <= to && matches(filter, entry.message);
}
