import { isUtf8 } from 'node:buffer';
import type { Body } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';

/** A body up to this size lies in its message; a larger one under a key of its own, so that the queue stays light. */
export const maxInlineBytes = 16 * 1024;

/** An unconfirmed body expires after this time: its publisher died between storing the body and adding the message. */
const unconfirmedMs = 3_600_000;
/**
 * A message whose end is being written keeps its bytes this long at least: if the dispatcher dies before the job has
 * ended, another one delivers it again.
 */
export const endingMs = 600_000;

/** The form of a small body in its message. */
export function inlineBody(bytes: Buffer): Body {
  if (bytes.length === 0) return { kind: 'empty' };
  return isUtf8(bytes)
    ? { kind: 'text', text: bytes.toString('utf8') }
    : { kind: 'base64', base64: bytes.toString('base64') };
}

/** The bytes of a body that lies in its message; `undefined` for one that is stored elsewhere. */
export function inlineBytes(body: Body): Buffer | undefined {
  switch (body.kind) {
    case 'empty':
      return Buffer.alloc(0);
    case 'text':
      return Buffer.from(body.text, 'utf8');
    case 'base64':
      return Buffer.from(body.base64, 'base64');
    case 'stored':
      return undefined;
  }
}

/** Large bodies. One is stored once for all messages of a group publish, and removed when the last of them ends. */
export interface BodyStore {
  /** Stores the bytes for these messages, under the id of one of them. They expire soon unless `confirm` follows. */
  put(key: string, bytes: Buffer, messageIds: readonly string[]): Promise<unknown>;
  /**
   * Messages are stored: keep their bytes for as long as one of them needs them. One that has released them meanwhile
   * does not. Doing it twice changes nothing.
   *
   * @param messageIds those for which they may be held
   */
  confirm(body: Body, messageIds?: readonly string[]): Promise<void>;
  /**
   * Messages are about to be stored that share these bytes with another one, or with a schedule. The bytes are kept for
   * them for an hour, unless `confirm` follows. Gives whether the bytes are there.
   */
  hold(body: Body, messageIds: readonly string[]): Promise<boolean>;
  /** The bytes of a body, wherever they are; `undefined` for stored ones that are gone. */
  read(body: Body): Promise<Buffer | undefined>;
  /** About how many bytes `read` would give. */
  size(body: Body): Promise<number>;
  /** Whether `read` would find it. */
  exists(body: Body): Promise<boolean>;
  /** Keeps the bytes for the message for `keepMs` from now, whatever was set before. Doing it twice changes nothing. */
  release(body: Body, messageId: string, keepMs: number): Promise<void>;
}

/** @param shardOf the shard that a message id names */
export function createBodyStore(redis: RedisConnection, shardOf: (messageId: string) => number | undefined): BodyStore {
  const keyOf = (id: string) => {
    const shard = shardOf(id);
    return shard === undefined ? undefined : keyspace.body(shard, id);
  };
  /** The key of a stored body; `undefined` for one in its message, and for an id that is not ours. */
  const findKey = (body: Body) => (body.kind === 'stored' ? keyOf(body.key) : undefined);
  const keep = (key: string, step: 'confirm' | 'hold' | 'release', ms: number, messageIds: readonly string[]) =>
    redis.keepBody(key, bytesField, messageField(''), heldPrefix, step, ms, ...messageIds);
  return {
    put(id, bytes, messageIds) {
      const key = keyOf(id);
      if (key === undefined) throw new RangeError('A body needs the id of a message.');
      const fields = messageIds.flatMap((messageId) => [messageField(messageId), '0']);
      return Promise.all([redis.hset(key, bytesField, bytes, ...fields), redis.pexpire(key, unconfirmedMs)]);
    },
    async confirm(body, messageIds = []) {
      const key = findKey(body);
      if (key !== undefined) await keep(key, 'confirm', 0, messageIds);
    },
    async hold(body, messageIds) {
      if (body.kind !== 'stored') return true;
      const key = findKey(body);
      if (key === undefined) return false;
      return (await keep(key, 'hold', unconfirmedMs, messageIds)) === 1;
    },
    async read(body) {
      if (body.kind !== 'stored') return inlineBytes(body);
      const key = findKey(body);
      return key === undefined ? undefined : ((await redis.hgetBuffer(key, bytesField)) ?? undefined);
    },
    async size(body) {
      const key = findKey(body);
      if (key !== undefined) return redis.hstrlen(key, bytesField);
      return body.kind === 'text' ? body.text.length : body.kind === 'base64' ? body.base64.length : 0;
    },
    async exists(body) {
      if (body.kind !== 'stored') return true;
      const key = findKey(body);
      return key !== undefined && (await redis.hexists(key, bytesField)) === 1;
    },
    async release(body, messageId, keepMs) {
      const key = findKey(body);
      if (key !== undefined) await keep(key, 'release', keepMs, [messageId]);
    },
  };
}

/** The fields of the hash of a stored body; `keep-body.lua` gets their names. */
const bytesField = 'bytes';
const messageField = (messageId: string) => `message:${messageId}`;
const heldPrefix = 'held:';
