import { PosthornError } from '@posthorn/shared';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { runKeys } from './run-keys.ts';
import type { EntryDescription } from './run-entry.ts';
import { hasName, type Run } from './runs.ts';

/** An element of the log of a run. */
export interface LogElement {
  messageId: string;
  body: Buffer;
  callType: string;
}

/** Where an element is, and what is known of it besides its body. */
export interface RunLogEntry extends EntryDescription {
  messageId: string;
  start: number;
  end: number;
  createdAt: number;
}

/** Bytes of the log that are read at once: each endpoint that fetches a log, however slow, holds so many. */
const pieceBytes = 256 * 1024;
const closingBracket = Buffer.from(']');

/** The element that begins after `start` bytes; `undefined` if the log is not there. */
export async function readElement(
  redis: RedisConnection,
  shard: number,
  name: string,
  { start, end }: { start: number; end: number },
): Promise<LogElement | undefined> {
  const text = await redis.getrange(runKeys.log(shard, name), start, end - 1);
  if (text === '') return undefined;
  const { messageId, body, callType } = JSON.parse(text) as { messageId: string; body: string; callType: string };
  return { messageId, body: Buffer.from(body, 'base64'), callType };
}

/** Bytes at each end of an element in which the short fields of its body are. */
const endBytes = 8 * 1024;
const bodyStart = '"body":"';
const bodyEnd = '","callType":';

/** The body of an element, or the beginning and the end of a long one. */
export async function readEnds(
  redis: RedisConnection,
  { shard, name }: Pick<Run, 'shard' | 'name'>,
  { start, end }: { start: number; end: number },
): Promise<Buffer | undefined> {
  if (end - start <= 2 * endBytes) return (await readElement(redis, shard, name, { start, end }))?.body;
  const key = runKeys.log(shard, name);
  const first = await redis.getrange(key, start, start + endBytes - 1);
  const last = await redis.getrange(key, end - endBytes, end - 1);
  if (first === '' || last === '') return undefined;
  const beginning = first.slice(first.indexOf(bodyStart) + bodyStart.length);
  const ending = last.slice(0, last.lastIndexOf(bodyEnd));
  // Four characters of base64 stand for three bytes; the last four end with the body.
  return Buffer.concat([Buffer.from(beginning, 'base64'), Buffer.from(ending.slice(ending.length % 4), 'base64')]);
}

/** Bytes of a log that is delivered which are read with one command. */
const deliveredPieceBytes = 1024 * 1024;

/** Whether `readLogUpTo` sends its only command before it gives a promise. */
export const isReadAtOnce = (end: number): boolean => end <= deliveredPieceBytes;

/**
 * The log up to `end` as the endpoint gets it; `undefined` if it is not there. It may be long, and deliveries keep their
 * bodies outside of the heap: bytes, not text, in memory once. Pieces may be of two runs, when a later one takes the id in
 * the meantime: the state has to be read behind the log.
 */
export async function readLogUpTo(
  redis: RedisConnection,
  shard: number,
  name: string,
  end: number,
): Promise<Buffer | undefined> {
  const key = runKeys.log(shard, name);
  if (isReadAtOnce(end)) {
    const bytes = await redis.getrangeBuffer(key, 0, end - 1);
    return bytes.length === end ? Buffer.concat([bytes, closingBracket]) : undefined;
  }
  const all = Buffer.allocUnsafe(end + closingBracket.length);
  for (let from = 0; from < end; from += deliveredPieceBytes) {
    const to = Math.min(from + deliveredPieceBytes, end);
    const piece = await redis.getrangeBuffer(key, from, to - 1);
    if (piece.copy(all, from) < to - from) return undefined;
  }
  closingBracket.copy(all, end);
  return all;
}

/**
 * The whole log, in pieces.
 *
 * @throws {PosthornError} `not_found` if the log is not there, was removed, or a later run took the id, while it was read:
 *   no whole log has been given then
 */
export async function* readLogPieces(
  redis: RedisConnection,
  run: Pick<Run, 'shard' | 'name' | 'createdAt'>,
): AsyncGenerator<Buffer> {
  const key = runKeys.log(run.shard, run.name);
  const size = await redis.strlen(key);
  const gone = () => new PosthornError('not_found', `workflow run ${run.name}: its log was removed while it was read`);
  if (size === 0) throw gone();
  for (let from = 0; from < size; from += pieceBytes) {
    const to = Math.min(from + pieceBytes, size);
    // Bytes, not text: a long log is fetched once per step, and text would be decoded and encoded again each time.
    const piece = await redis.getrangeBuffer(key, from, to - 1);
    if (piece.length < to - from || !(await hasName(redis, run))) throw gone();
    yield piece;
  }
  yield closingBracket;
}

/** Elements that are read at once: each may have many headers. */
const entriesAtOnce = 200;

/**
 * The elements of the log without their bodies.
 *
 * @param maxBytes of all descriptions together: elements behind it have no headers here
 */
export async function readEntries(
  redis: RedisConnection,
  { shard, name }: Pick<Run, 'shard' | 'name'>,
  maxBytes: number,
): Promise<RunLogEntry[]> {
  const entries: RunLogEntry[] = [];
  let bytes = 0;
  for (;;) {
    const from = entries.length;
    const texts = await redis.lrange(runKeys.entries(shard, name), from, from + entriesAtOnce - 1);
    for (const text of texts) {
      const entry = parseEntry(text);
      bytes += text.length;
      entries.push(bytes > maxBytes ? { ...entry, header: {} } : entry);
    }
    if (texts.length < entriesAtOnce) return entries;
  }
}

/** One element of the log without its body. */
export async function readEntry(
  redis: RedisConnection,
  { shard, name }: Pick<Run, 'shard' | 'name'>,
  index: number,
): Promise<RunLogEntry | undefined> {
  const text = await redis.lindex(runKeys.entries(shard, name), index);
  return text === null ? undefined : parseEntry(text);
}

function parseEntry(text: string): RunLogEntry {
  const [, start, end, createdAt, messageId = '', description = '{}'] =
    /^(\d+) (\d+) (\d+) (\S+) (.*)$/s.exec(text) ?? [];
  return {
    ...(JSON.parse(description) as EntryDescription),
    messageId,
    start: Number(start),
    end: Number(end),
    createdAt: Number(createdAt),
  };
}
