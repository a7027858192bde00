import { isUtf8 } from 'node:buffer';
import type { DestinationResponse } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { Shards } from '../shards/shards.ts';

/** The part of the response to a failed attempt that is kept for the log and the dead letter queue. */
export interface KeptResponse {
  status: number;
  header: DestinationResponse['header'];
  body: Buffer;
  /** The destination sent a longer body than this. */
  isCut: boolean;
}

/** Bytes of response headers that are kept: names and values. A header that does not fit is left out. */
const maxHeaderBytes = 8 * 1024;

/**
 * Cuts a response to the part that is kept: `maxBodyBytes` of its body, and 8 KiB of headers. Text is cut between
 * characters.
 *
 * @param maxBodyBytes 0 keeps neither body nor headers: Redis is full
 */
export function cutResponse({ status, header, body, isCut }: DestinationResponse, maxBodyBytes: number): KeptResponse {
  const kept = { status, body: cutBody(body, maxBodyBytes), isCut: isCut === true || body.length > maxBodyBytes };
  return { ...kept, header: maxBodyBytes === 0 ? {} : cutHeader(header) };
}

/** A response that is cut to the part that is kept; the same in all else. */
export function shortenResponse(response: DestinationResponse, maxBodyBytes: number): DestinationResponse {
  const { isCut, ...kept } = cutResponse(response, maxBodyBytes);
  return { ...response, ...kept, ...(isCut ? { isCut } : {}) };
}

function cutHeader(header: DestinationResponse['header']): DestinationResponse['header'] {
  let left = maxHeaderBytes;
  return Object.fromEntries(
    Object.entries(header).filter(([name, values]) => {
      const size = Buffer.byteLength(name) + values.reduce((sum, value) => sum + Buffer.byteLength(value), 0);
      if (size > left) return false;
      left -= size;
      return true;
    }),
  );
}

/** A copy, so that the rest of a large response can be freed. */
export function cutBody(body: Uint8Array, maxBytes: number): Buffer {
  if (body.length <= maxBytes) return Buffer.from(body);
  let end = maxBytes;
  // The first bytes of a character that is cut off would turn text into bytes that are no text.
  while (end > 0 && end > maxBytes - 4 && ((body[end] ?? 0) & 0xc0) === 0x80) end--;
  const cut = Buffer.from(body.subarray(0, end));
  return isUtf8(cut) ? cut : Buffer.from(body.subarray(0, maxBytes));
}

/**
 * The response body of the last failed attempt of each message, if it is too large for the log and for the dead letter:
 * one copy for both. Writes are not awaited. A Redis without memory refuses them, so that responses cannot fill it
 * beyond its limit. Readers then see a body that was cut.
 */
export interface ResponseStore {
  /** Replaces the body of an earlier attempt, and keeps it for at least `keepMs`. */
  put(messageId: string, retried: number, body: Buffer, keepMs: number): void;
  /** `undefined` if the body of this attempt was not kept or was removed. */
  read(messageId: string, retried: number): Promise<Buffer | undefined>;
}

export function createResponseStore(redis: RedisConnection, shards: Shards): ResponseStore {
  const keyOf = (messageId: string) => {
    const shard = shards.shardOf(messageId);
    return shard === undefined ? undefined : keyspace.response(shard, messageId);
  };
  return {
    put(messageId, retried, body, keepMs) {
      const key = keyOf(messageId);
      if (key === undefined) return;
      const value = Buffer.concat([Buffer.from(`${retried}:`), body]);
      redis.set(key, value, 'PX', Math.ceil(keepMs)).catch(() => undefined);
    },
    async read(messageId, retried) {
      const key = keyOf(messageId);
      if (key === undefined) return undefined;
      const value = await redis.getBuffer(key);
      const prefix = `${retried}:`;
      return value?.toString('latin1', 0, prefix.length) === prefix ? value.subarray(prefix.length) : undefined;
    },
  };
}
