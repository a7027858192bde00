import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { LogOffset } from './entry-list.ts';
import { readRecord, readTime, recordBytes, type EntryRecord } from './record.ts';

/** A record with where it is in the log. */
export interface TailRecord extends EntryRecord, LogOffset {
  /** The bytes of its digest. */
  records: Buffer;
  at: number;
}

/** Follows the end of the list of all entries of the log. */
export interface LogTail {
  /** Behind the newest entry. */
  findEnd(): Promise<LogOffset>;
  /** Up to `max` entries of one segment from an offset on, oldest first, and the offset behind them. Entries before it may be gone. */
  readFrom(start: LogOffset, max: number): Promise<{ records: TailRecord[]; next: LogOffset }>;
}

/** Reads a record when it is asked for: a busy log has thousands a second, of which a reader is shown few. */
class StoredRecord implements TailRecord {
  readonly records: Buffer;
  readonly at: number;
  readonly segment: number;
  readonly number: number;
  #entry: EntryRecord | undefined;

  constructor(records: Buffer, index: number, first: LogOffset) {
    this.records = records;
    this.at = index * recordBytes;
    this.segment = first.segment;
    this.number = first.number + index;
  }

  get messageId() {
    return this.read().messageId;
  }
  get state() {
    return this.read().state;
  }
  get retried() {
    return this.read().retried;
  }
  get time() {
    return readTime(this.records, this.at);
  }

  /** Once for all readers. */
  private read(): EntryRecord {
    return (this.#entry ??= readRecord(this.records, this.at));
  }
}

/** Segments that a reader can be behind; older ones are left out. */
const maxBehind = 512;

export function createLogTail(redis: RedisConnection): LogTail {
  const countEntries = async (segment: number) =>
    Math.floor((await redis.strlen(keyspace.logSegment(segment))) / recordBytes);

  return {
    async findEnd() {
      const segment = Number(await redis.get(keyspace.logHead));
      return { segment, number: segment > 0 ? await countEntries(segment) : 0 };
    },
    async readFrom(start, max) {
      const head = Number(await redis.get(keyspace.logHead));
      let { segment, number } = start;
      if (segment < head - maxBehind) [segment, number] = [head - maxBehind, 0];
      for (;;) {
        const length = segment > 0 ? await countEntries(segment) : 0;
        if (number < length) break;
        // A segment that is behind the head grows no more.
        if (segment >= head) return { records: [], next: { segment, number } };
        segment++;
        number = 0;
      }
      const bytes = await redis.getrangeBuffer(
        keyspace.logSegment(segment),
        number * recordBytes,
        (number + max) * recordBytes - 1,
      );
      const count = Math.floor(bytes.length / recordBytes);
      const first = { segment, number };
      const records = Array.from({ length: count }, (_, index) => new StoredRecord(bytes, index, first));
      return { records, next: { segment, number: number + count } };
    },
  };
}
