import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { readTime, recordBytes, writeRecord, type EntryRecord } from './record.ts';

/** Gets what is in a segment before it is removed. */
type Forget = (slice: Slice) => Promise<void>;

/** Where in the list an entry is. */
export interface LogOffset {
  segment: number;
  /** The number of the entry in its segment. */
  number: number;
}

/** A piece of the list: records one after the other. */
export interface Slice extends LogOffset {
  records: Buffer;
}

export interface WalkOptions {
  order: 'latestFirst' | 'earliestFirst';
  /** The walk begins behind this entry. */
  after?: LogOffset | undefined;
  /** Segments that hold nothing between these instants are left out. */
  from: number;
  to: number;
}

/**
 * The list of all entries of the log: records of fixed size, in the order in which they were written. Writing is never
 * waited for; what cannot be written is counted.
 */
export interface EntryList {
  append(entry: EntryRecord, message: Message): void;
  /** Pieces of the list, each inside in the order of writing, and one after the other in the order that is asked for. */
  walk(options: WalkOptions): AsyncGenerator<Slice>;
  /** Removes the oldest segments as long as at least `keep` entries are left, and gives the number of those removed. */
  trim(keep: number, forget: Forget): Promise<number>;
  /** Removes the oldest segment, also if it is the only one, and gives the number of its entries. */
  shorten(forget: Forget): Promise<number>;
  lost(): number;
  /** Resolves when all that was appended is written, or lost. */
  flush(): Promise<void>;
}

export interface EntryListOptions {
  retentionMs: number;
  /** Maximum number of entries that are kept; 0 for no limit. */
  maxEntries: number;
}

/**
 * Entries of a piece that is read at once: Redis copies it in some ten microseconds. The first piece of a walk is smaller:
 * a page without a filter needs no more.
 */
const sliceEntries = { first: 1000, others: 5000 };
/** Pieces that are under way from Redis while one is looked at. */
const readAhead = 3;
/** A segment is a string that grows; were it larger, growing it would stop Redis for milliseconds. */
const maxSegmentEntries = 65_536;
/** Entries on their way to Redis; more of them are dropped, for the log must never fill the memory. */
const maxPending = 50_000;
/** Entries of several machines may stand in an order that is wrong by this much. */
const disorderMs = 60_000;
/** Segments that are asked for at once; the newest ones often have enough. */
const listAtOnce = { first: 2, others: 64 };
/** The list is looked through again after this time, also if no segment was added to it. */
const lookThroughMs = 10_000;

interface Segment {
  segment: number;
  /** Number of its entries. */
  count: number;
}

export function createEntryList(redis: RedisConnection, { retentionMs, maxEntries }: EntryListOptions): EntryList {
  // The limit is kept by removing whole segments, so that they are small if it is.
  const segmentEntries = maxEntries === 0 ? maxSegmentEntries : Math.min(maxSegmentEntries, Math.ceil(maxEntries / 16));
  let waiting: [entry: EntryRecord, message: Message][] = [];
  let pending = 0;
  let lost = 0;
  let lastWrite = Promise.resolve();
  /** The last look through the list that found nothing to remove. */
  let kept = { head: '', keep: 0, until: 0 };

  /** All entries of one turn of the event loop go with one command. */
  const write = () => {
    const entries = waiting;
    waiting = [];
    if (entries.length === 0) return;
    const records = Buffer.allocUnsafe(entries.length * recordBytes);
    let written = 0;
    for (const [entry, message] of entries) {
      try {
        writeRecord(entry, message, records, written);
        written += recordBytes;
      } catch {
        // A message in a format that cannot be read must not end the process.
        lost++;
      }
    }
    pending += entries.length;
    lastWrite = redis
      .appendEntries(
        keyspace.logHead,
        keyspace.logSegment(''),
        segmentEntries * recordBytes,
        retentionMs,
        records.subarray(0, written),
      )
      .then(
        () => undefined,
        () => {
          lost += written / recordBytes;
        },
      )
      .finally(() => (pending -= entries.length));
  };

  /** Number and length of segments, the newest first, from the newest or from one on. Some may have expired. */
  async function* findSegments(newest?: number): AsyncGenerator<Segment[]> {
    const head = Number(await redis.get(keyspace.logHead));
    let atOnce = listAtOnce.first;
    for (let next = Math.min(head, newest ?? head); next > 0; next -= atOnce, atOnce = listAtOnce.others) {
      const numbers = Array.from({ length: Math.min(atOnce, next) }, (_, index) => next - index);
      const lengths = await Promise.all(numbers.map((segment) => redis.strlen(keyspace.logSegment(segment))));
      const there = numbers
        .map((segment, index) => ({ segment, count: Math.floor((lengths[index] ?? 0) / recordBytes) }))
        .filter(({ count }) => count > 0);
      if (there.length === 0 && atOnce === listAtOnce.others) return;
      yield there;
    }
  }

  /** All segments, the oldest first. */
  const listSegments = async () => {
    const segments: Segment[] = [];
    for await (const found of findSegments()) segments.push(...found);
    return segments.reverse();
  };

  const read = async (segment: number, from: number, to: number): Promise<Slice> => {
    const key = keyspace.logSegment(segment);
    const records = await redis.getrangeBuffer(key, from * recordBytes, to * recordBytes - 1);
    return { segment, number: from, records };
  };

  const isWithin = async ({ segment, count }: Segment, { from, to }: WalkOptions) => {
    const [first, last] = await Promise.all([read(segment, 0, 1), read(segment, count - 1, count)]);
    if (first.records.length < recordBytes || last.records.length < recordBytes) return false;
    return readTime(first.records, 0) - disorderMs <= to && readTime(last.records, 0) + disorderMs >= from;
  };

  /** The pieces of a walk: entries `from` to before `to` of a segment. They are looked for as far as the walk goes. */
  async function* findPieces(options: WalkOptions): AsyncGenerator<{ segment: number; from: number; to: number }> {
    const { order, after } = options;
    const isForward = order === 'earliestFirst';
    let most = sliceEntries.first;
    for await (const found of isForward ? [await listSegments()] : findSegments(after?.segment)) {
      const segments = found.filter(({ segment }) => !isForward || !after || segment >= after.segment);
      const within = await Promise.all(segments.map((segment) => isWithin(segment, options)));
      for (const { segment, count } of segments.filter((_, index) => within[index])) {
        const isHere = after?.segment === segment;
        let from = isHere && isForward ? after.number + 1 : 0;
        let to = isHere && !isForward ? Math.min(after.number, count) : count;
        while (from < to) {
          const size = Math.min(most, to - from);
          yield isForward ? { segment, from, to: from + size } : { segment, from: to - size, to };
          if (isForward) from += size;
          else to -= size;
          most = sliceEntries.others;
        }
      }
    }
  }

  async function* walk(options: WalkOptions): AsyncGenerator<Slice> {
    const pieces = findPieces(options);
    const reads: Promise<Slice>[] = [];
    // The first piece is often enough, so reading ahead starts with the second.
    for (let atOnce = 1; ; atOnce = readAhead) {
      while (reads.length < atOnce) {
        const piece = await pieces.next();
        if (piece.done) break;
        const next = read(piece.value.segment, piece.value.from, piece.value.to);
        next.catch(() => undefined);
        reads.push(next);
      }
      const slice = await reads.shift();
      if (!slice) return;
      yield slice;
    }
  }

  const remove = async (segment: number, count: number, forget: Forget) => {
    for (let from = 0; from < count; from += sliceEntries.others) {
      await forget(await read(segment, from, Math.min(from + sliceEntries.others, count)));
    }
    await redis.unlink(keyspace.logSegment(segment));
  };

  return {
    append(entry, message) {
      if (pending + waiting.length >= maxPending) {
        lost++;
        return;
      }
      if (waiting.length === 0) redis.sendAhead(write);
      waiting.push([entry, message]);
    },
    walk,
    async trim(keep, forget) {
      const head = (await redis.get(keyspace.logHead)) ?? '';
      if (head === kept.head && keep === kept.keep && performance.now() < kept.until) return 0;
      const segments = await listSegments();
      const total = segments.reduce((sum, { count }) => sum + count, 0);
      let removed = 0;
      for (const { segment, count } of segments) {
        if (total - removed - count < keep) break;
        await remove(segment, count, forget);
        removed += count;
      }
      if (removed === 0) kept = { head, keep, until: performance.now() + lookThroughMs };
      return removed;
    },
    async shorten(forget) {
      const [oldest] = await listSegments();
      if (oldest) await remove(oldest.segment, oldest.count, forget);
      return oldest?.count ?? 0;
    },
    lost: () => lost,
    async flush() {
      write();
      await lastWrite;
    },
  };
}
