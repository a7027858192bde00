import { states, type EventFilter } from '@posthorn/shared';
import { createDigestTest } from '../../engine/log/digest.ts';
import type { EventLog } from '../../engine/log/event-log.ts';
import { matches } from '../filter.ts';
import type { Event, History } from '../../engine/log/history.ts';
import type { Position } from '../../engine/log/line-list.ts';
import { readRecord, readStateIndex, readTime, recordBytes, type LineRecord } from '../../engine/log/record.ts';

/** What a search has found. */
export interface Hit extends Position {
  /** One line, or, in a search for groups, all lines of one message that match, the newest first. */
  events: Event[];
}

export interface Search extends EventFilter {
  count: number;
  retentionMs: number;
}

/** About how many bytes of logs are read at once, so that the process can do other work in between. */
const readBytesAtOnce = 128 * 1024;
const readAtOnce = { min: 5, max: 100 };
/** What one search looks at: a search that needs more gives what was found so far, and a cursor. */
const maxLines = 5_000_000;
const maxBytes = 32 * 1024 * 1024;

/**
 * Finds lines in the list and reads what they say. The list may have lines that are no line of any log: of a message that
 * in the end was not stored, or of an attempt that was made again after a crash. They are not found.
 *
 * A group is found where the first of its lines is that matches: later lines do not move it, so that a walk with cursors
 * meets every message once.
 *
 * @returns what was found, and `next` where to go on if there may be more
 */
export async function searchLines(log: EventLog, search: Search): Promise<{ hits: Hit[]; next?: Position }> {
  const { count, order, isGrouped } = search;
  const { from, to, after } = readBounds(search);
  const test = createRecordTest(search, from, to);
  const known = new Map<string, Promise<History>>();
  const hits: Hit[] = [];
  const found = new Set<Event>();
  let candidates: (LineRecord & Position)[] = [];
  let looked = 0;
  let bytes = 0;
  let hitBytes = 0;

  const readOnce = (messageId: string): Promise<History> => {
    const earlier = known.get(messageId);
    if (earlier) return earlier;
    const read = log.read(messageId).then((history) => {
      bytes += history.bytes;
      return history;
    });
    known.set(messageId, read);
    return read;
  };

  const readHit = (record: LineRecord, { events }: History): Event[] | undefined => {
    const event = events.find((each) => isSameLine(each, record));
    // A line may be listed twice: a trigger that is done again after a crash makes the same message at the same instant.
    if (!event || found.has(event) || !isMeant(search, event, from, to)) return undefined;
    found.add(event);
    if (!isGrouped) return [event];
    const group = events.filter((each) => isMeant(search, each, from, to));
    return group[0] === event ? group.reverse() : undefined;
  };

  /** Reads the candidates; gives the last one that was looked at if that was enough. */
  const check = async (): Promise<Position | undefined> => {
    for (let begin = 0, end: number; begin < candidates.length; begin = end) {
      const fitting = bytes === 0 ? 0 : Math.round((readBytesAtOnce * known.size) / bytes);
      end = begin + Math.min(readAtOnce.max, Math.max(readAtOnce.min, fitting));
      const some = candidates.slice(begin, end);
      const histories = await Promise.all(some.map(({ messageId }) => readOnce(messageId)));
      for (const [index, { segment, line, ...record }] of some.entries()) {
        const history = histories[index];
        const events = history && readHit(record, history);
        if (!events) continue;
        // One more than is asked for tells that there are more.
        if (hits.length === count) return hits.at(-1);
        hits.push({ segment, line, events });
        hitBytes += history.bytes;
      }
      // More than a page shows, or than may be in memory.
      if (bytes > maxBytes || hitBytes > search.maxBytes) return some.at(-1);
    }
    candidates = [];
    return undefined;
  };

  for await (const { segment, line, records } of log.lines.walk({ order, after, from, to })) {
    const lines = Math.floor(records.length / recordBytes);
    for (let step = 0; step < lines; step++) {
      const index = order === 'latestFirst' ? lines - 1 - step : step;
      if (!test(records, index * recordBytes)) continue;
      candidates.push({ segment, line: line + index, ...readRecord(records, index * recordBytes) });
      const next = hits.length + candidates.length > count ? await check() : undefined;
      if (next) return { hits, next };
    }
    looked += lines;
    if (looked < maxLines) continue;
    const next = (await check()) ?? { segment, line: order === 'latestFirst' ? line : line + lines - 1 };
    return { hits, next };
  }
  const next = await check();
  return next ? { hits, next } : { hits };
}

/** A cursor is a place in the list, or an instant: then what is older is meant. */
function readBounds({ cursor, fromDate = 0, toDate = Infinity, retentionMs }: Search) {
  const from = Math.max(fromDate, Date.now() - retentionMs);
  if (cursor === undefined) return { from, to: toDate };
  const [first = 0, line] = cursor.split('-').map(Number);
  if (line === undefined) return { from, to: Math.min(toDate, first - 1) };
  return { from, to: toDate, after: { segment: first, line } };
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

function isSameLine(event: Event, { state, retried, time }: LineRecord): boolean {
  return event.state === state && event.retried === retried && event.writtenAt === time;
}

function isMeant(
  { state, fromDate: _f, toDate: _t, ...filter }: Search,
  event: Event,
  from: number,
  to: number,
): boolean {
  if (state && !state.includes(event.state)) return false;
  return event.writtenAt >= from && event.writtenAt <= to && matches(filter, event.message);
}
