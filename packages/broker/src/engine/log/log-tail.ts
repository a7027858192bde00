import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { Position } from './line-list.ts';
import { readRecord, recordBytes, type LineRecord } from './record.ts';

/** A record with where it is in the log. */
export interface TailRecord extends LineRecord, Position {
  /** The bytes of its digest. */
  records: Buffer;
  at: number;
}

/** Follows the end of the list of all entries of the log. */
export interface LogTail {
  /** Behind the newest entry. */
  findEnd(): Promise<Position>;
  /** Entries from a place on, up to a number, oldest first, and the place behind them. Those before it may be gone. */
  readFrom(start: Position, max: number): Promise<{ records: TailRecord[]; next: Position }>;
}

/** Segments that a reader can be behind; older ones are left out. */
const maxBehind = 512;

export function createLogTail(redis: RedisConnection): LogTail {
  const countLines = async (segment: number) =>
    Math.floor((await redis.strlen(keyspace.logSegment(segment))) / recordBytes);

  return {
    async findEnd() {
      const segment = Number(await redis.get(keyspace.logHead));
      return { segment, line: segment > 0 ? await countLines(segment) : 0 };
    },
    async readFrom(start, max) {
      const head = Number(await redis.get(keyspace.logHead));
      let { segment, line } = start;
      if (segment < head - maxBehind) [segment, line] = [head - maxBehind, 0];
      for (;;) {
        const lines = segment > 0 ? await countLines(segment) : 0;
        if (line < lines) break;
        // A segment that is behind the head grows no more.
        if (segment >= head) return { records: [], next: { segment, line } };
        segment++;
        line = 0;
      }
      const bytes = await redis.getrangeBuffer(
        keyspace.logSegment(segment),
        line * recordBytes,
        (line + max) * recordBytes - 1,
      );
      const count = Math.floor(bytes.length / recordBytes);
      const records = Array.from({ length: count }, (_, index) => ({
        ...readRecord(bytes, index * recordBytes),
        segment,
        line: line + index,
        records: bytes,
        at: index * recordBytes,
      }));
      return { records, next: { segment, line: line + count } };
    },
  };
}
