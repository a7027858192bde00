import type { RedisConnection } from '../engine/redis/connect.ts';
import { runKeys } from './run-keys.ts';
import type { EntryDescription } from './run-entry.ts';

/** An element of the log of a run. */
export interface LogElement {
  messageId: string;
  body: Buffer;
  callType: string;
}

/** Where an element is, and what is known of it besides its body. */
export interface LogEntry extends EntryDescription {
  messageId: string;
  start: number;
  end: number;
  createdAt: number;
}

/** Bytes of the log that are read at once. */
const pieceBytes = 1024 * 1024;
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

/** The log up to `end` as the endpoint gets it; `undefined` if it is not there. */
export async function readLogText(
  redis: RedisConnection,
  shard: number,
  name: string,
  end: number,
): Promise<string | undefined> {
  const text = await redis.getrange(runKeys.log(shard, name), 0, end - 1);
  return text.length === end ? `${text}]` : undefined;
}

/** The whole log, in pieces; nothing if it is not there. */
export async function* readLogPieces(redis: RedisConnection, shard: number, name: string): AsyncGenerator<Buffer> {
  const key = runKeys.log(shard, name);
  const size = await redis.strlen(key);
  for (let from = 0; from < size; from += pieceBytes) {
    const to = Math.min(from + pieceBytes, size);
    // Bytes, not text: a long log is fetched once per step, and text would be decoded and encoded again each time.
    const piece = await redis.getrangeBuffer(key, from, to - 1);
    if (piece.length < to - from) throw new Error('The log of a run was removed while it was read.');
    yield piece;
  }
  if (size > 0) yield closingBracket;
}

export async function readEntries(redis: RedisConnection, shard: number, name: string): Promise<LogEntry[]> {
  const texts = await redis.lrange(runKeys.entries(shard, name), 0, -1);
  return texts.map(parseEntry);
}

function parseEntry(text: string): LogEntry {
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
