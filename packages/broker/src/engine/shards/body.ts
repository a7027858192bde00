import { isUtf8 } from 'node:buffer';
import type { Body } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';

/** A body up to this size lies in its message; a larger one under a key of its own, so that the queue stays light. */
export const maxInlineBytes = 16 * 1024;

/** A body that nobody confirmed expires after this time: the publisher died between storing and adding. */
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

/** Large bodies: stored once for all messages of a group publish, gone when the last of them needs them no more. */
export interface BodyStore {
  /** Stores the bytes for these messages, under the id of one of them. They expire soon unless `confirm` follows. */
  put(key: string, bytes: Buffer, messageIds: readonly string[]): Promise<unknown>;
  /**
   * A message is stored: keep its bytes for as long as one of them needs them. Doing it twice changes nothing.
   *
   * @param messageIds more messages that need them from now on
   */
  confirm(body: Body, messageIds?: readonly string[]): Promise<void>;
  /**
   * A message is about to be stored that shares these bytes with another one; `confirm` follows. Gives whether the bytes
   * are there.
   */
  hold(body: Body, messageId: string): Promise<boolean>;
  /** The bytes of a body, wherever they are; `undefined` for stored ones that are gone. */
  read(body: Body): Promise<Buffer | undefined>;
  /** About the bytes that `read` would give. */
  size(body: Body): Promise<number>;
  /** Whether `read` would find it. */
  exists(body: Body): Promise<boolean>;
  /** The message needs its bytes for so long from now, whatever was said before. Doing it twice changes nothing. */
  release(body: Body, messageId: string, keepMs: number): Promise<void>;
}

/** @param shardOf the shard that a message id names */
export function createBodyStore(redis: RedisConnection, shardOf: (messageId: string) => number | undefined): BodyStore {
  const keyOf = (key: string) => keyspace.body(shardOf(key) ?? 0, key);
  return {
    put(id, bytes, messageIds) {
      const key = keyOf(id);
      const fields = messageIds.flatMap((messageId) => [`message:${messageId}`, '0']);
      return Promise.all([redis.hset(key, 'bytes', bytes, ...fields), redis.pexpire(key, unconfirmedMs)]);
    },
    async confirm(body, messageIds = []) {
      if (body.kind === 'stored') await redis.keepBody(keyOf(body.key), 'confirm', 0, ...messageIds);
    },
    async hold(body, messageId) {
      return body.kind !== 'stored' || (await redis.keepBody(keyOf(body.key), 'hold', unconfirmedMs, messageId)) === 1;
    },
    async read(body) {
      if (body.kind !== 'stored') return inlineBytes(body);
      return (await redis.hgetBuffer(keyOf(body.key), 'bytes')) ?? undefined;
    },
    async size(body) {
      if (body.kind === 'stored') return redis.hstrlen(keyOf(body.key), 'bytes');
      return body.kind === 'empty' ? 0 : (body.kind === 'text' ? body.text : body.base64).length;
    },
    async exists(body) {
      return body.kind !== 'stored' || (await redis.hexists(keyOf(body.key), 'bytes')) === 1;
    },
    async release(body, messageId, keepMs) {
      if (body.kind === 'stored') await redis.keepBody(keyOf(body.key), 'release', keepMs, messageId);
    },
  };
}
