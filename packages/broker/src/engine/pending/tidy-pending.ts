import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { readRowId, rowBytes, segmentBytes, toColumns, toRows, formatRows, type Segment } from './pending-rows.ts';

/** How the index reads the messages of its shard. */
export interface PendingMessages {
  /** Pages of the ids of all messages that have not ended, some of them perhaps twice. */
  walk(): AsyncGenerator<string[]>;
  read(ids: readonly string[]): Promise<{ id: string; message: Message }[]>;
}

interface TidyParts {
  redis: RedisConnection;
  head: string;
  rowsKey: string;
  segmentKey: (number: number) => string;
  jobPrefix: string;
  messages: PendingMessages;
  /** Pages of all ids that are in the index. */
  readIds: () => AsyncGenerator<string[]>;
}

/** A segment that this process tidies. */
interface ClaimedSegment extends Segment {
  intervalMs: number;
  claim: string;
}

/** A process that dies leaves its segments to others after this time. */
const claimMs = 120_000;
/** Messages that an older version has added are looked for when it has added none for this time. */
const quietMs = 60_000;
/** The interval at which a segment is tidied: at first, and at last. It is doubled each time. */
const firstIntervalMs = 10_000;
const lastIntervalMs = firstIntervalMs * 2 ** 8;
/** Messages that one call of the script looks for: Redis does nothing else in the meantime. */
const findAtOnce = 500;

/** Claims what is to be tidied in the index of a shard, and gives the work if there is any. */
export async function claimTidying(parts: TidyParts): Promise<(() => Promise<void>) | undefined> {
  const { redis, head, rowsKey, jobPrefix } = parts;
  const lists = ['id', 'wait', 'active', 'delayed'].map((name) => jobPrefix + name);
  const [now, gap, ...fields] = await redis.claimPending(head, rowsKey, ...(lists as Lists), claimMs, quietMs);
  const byInterval = new Map<number, ClaimedSegment[]>();
  for (let index = 0; index < fields.length; index += 5) {
    const [number = 0, rows = 0, intervalMs = 0] = fields.slice(index, index + 3).map(Number);
    const [claim = '', labelColumns = ''] = fields.slice(index + 3);
    const segment = { number, rows, labelColumns: parseLabelColumns(labelColumns), intervalMs, claim };
    byInterval.set(intervalMs, [...(byInterval.get(intervalMs) ?? []), segment]);
  }
  if (byInterval.size === 0 && gap === '') return undefined;
  return async () => {
    for (const [intervalMs, segments] of byInterval) await mergeSegments(parts, segments, intervalMs, Number(now));
    if (gap !== '') await addMissing(parts, gap, Number(now));
  };
}

/** What the head of the index says of a segment; '' if an earlier version has made it. */
export function parseLabelColumns(text = ''): number | undefined {
  return text === '' ? undefined : Number(text);
}

type Lists = [counter: string, wait: string, active: string, delayed: string];

/** Puts what is left of segments that have the same interval into new ones, which have the next longer one. */
async function mergeSegments(
  parts: TidyParts,
  segments: readonly ClaimedSegment[],
  intervalMs: number,
  now: number,
): Promise<void> {
  const { redis, segmentKey } = parts;
  const nextMs = intervalMs === 0 ? firstIntervalMs : Math.min(intervalMs * 2, lastIntervalMs);
  // At multiples of the interval: segments of one age are tidied together, and become one.
  const nextAt = (Math.floor(now / nextMs) + 1) * nextMs;
  let left: Buffer[] = [];
  let bytes = 0;
  let replaced: ClaimedSegment[] = [];
  const replace = async () => {
    if (replaced.length > 0) await putSegment(parts, Buffer.concat(left), nextAt, nextMs, replaced);
    left = [];
    bytes = 0;
    replaced = [];
  };

  for (const segment of segments) {
    const content = await redis.getBuffer(segmentKey(segment.number));
    if (!content) continue;
    const pending = await keepPending(parts, segment.rows === 0 ? content : toRows(content, segment.labelColumns));
    if (bytes + pending.length > segmentBytes) await replace();
    left.push(pending);
    bytes += pending.length;
    replaced.push(segment);
  }
  await replace();
}

/** Stores rows as a segment, in place of others if there are any. */
async function putSegment(
  { redis, head }: TidyParts,
  rows: Buffer,
  nextAt: number,
  intervalMs: number,
  replaced: readonly ClaimedSegment[] = [],
): Promise<void> {
  const { columns, labelColumns } = toColumns(rows);
  const claims = replaced.flatMap(({ number, claim }) => [number, claim]);
  await redis.replacePending(head, rows.length / rowBytes, labelColumns, nextAt, intervalMs, columns, ...claims);
}

/** The rows of messages that have not ended. */
async function keepPending({ redis, jobPrefix }: TidyParts, rows: Buffer): Promise<Buffer> {
  const kept: Buffer[] = [];
  const atOnce = findAtOnce * rowBytes;
  for (let from = 0; from < rows.length; from += atOnce) {
    const some = rows.subarray(from, from + atOnce);
    const offsets = Array.from({ length: Math.floor(some.length / rowBytes) }, (_, index) => index * rowBytes);
    const found = await redis.findPending(offsets.length, ...offsets.map((at) => jobPrefix + readRowId(some, at)));
    kept.push(...offsets.filter((_, index) => found[index] === '1').map((at) => some.subarray(at, at + rowBytes)));
  }
  return Buffer.concat(kept);
}

/** Adds rows of the messages that have none: a version without the index has stored them. */
async function addMissing(parts: TidyParts, gap: string, now: number): Promise<void> {
  const { redis, head, messages, readIds } = parts;
  const known = new Set<string>();
  let added: Buffer[] = [];
  let bytes = 0;
  const put = async () => {
    if (bytes > 0) await putSegment(parts, Buffer.concat(added), now + firstIntervalMs, firstIntervalMs);
    added = [];
    bytes = 0;
  };
  for await (const ids of readIds()) for (const id of ids) known.add(id);
  // Twice, for a message may pass from a list that was not read yet to one that was.
  for (let round = 0; round < 2; round++) {
    for await (const ids of messages.walk()) {
      const missing = ids.filter((id) => !known.has(id));
      const found = await messages.read(missing);
      for (const { id } of found) known.add(id);
      const rows = formatRows(found.filter(({ message }) => !message.workflow));
      if (bytes + rows.length > segmentBytes) await put();
      added.push(rows);
      bytes += rows.length;
    }
  }
  await put();
  await redis.closePendingGap(head, gap);
}
