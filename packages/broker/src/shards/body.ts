import { isUtf8 } from 'node:buffer';
import type { Body } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';

/** A body up to this size lies in its message; a larger one under a key of its own, so that the queue stays light. */
export const maxInlineBytes = 16 * 1024;

/** A body that nobody confirmed expires after this time: the publisher died between storing and adding. */
const unconfirmedMs = 3_600_000;
/** An ended message keeps its bytes this long at least, for a dispatcher that died at the end will come again. */
const leastKeepMs = 600_000;

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

/** Large bodies: stored once for all messages of a group publish, gone when the last of them has ended. */
export interface BodyStore {
  /** Stores the bytes for these messages. They expire soon unless `confirm` follows. */
  put(shard: number, key: string, bytes: Buffer, messageIds: readonly string[]): Promise<unknown>;
  /** A message is stored: keep the bytes for as long as one of them needs them. Doing it twice changes nothing. */
  confirm(shard: number, key: string): Promise<unknown>;
  get(shard: number, key: string): Promise<Buffer | undefined>;
  /** The message has ended; its bytes may be asked for until `keepMs` from now. Doing it twice changes nothing. */
  release(shard: number, key: string, messageId: string, keepMs: number): Promise<unknown>;
}

export function createBodyStore(redis: RedisConnection): BodyStore {
  return {
    put(shard, id, bytes, messageIds) {
      const key = keyspace.body(shard, id);
      const fields = messageIds.flatMap((messageId) => [`message:${messageId}`, '1']);
      return Promise.all([
        redis.hset(key, 'bytes', bytes, 'keepUntil', '0', ...fields),
        redis.pexpire(key, unconfirmedMs),
      ]);
    },
    confirm: (shard, id) => redis.confirmBody(keyspace.body(shard, id)),
    async get(shard, id) {
      return (await redis.hgetBuffer(keyspace.body(shard, id), 'bytes')) ?? undefined;
    },
    release: (shard, id, messageId, keepMs) =>
      redis.releaseBody(keyspace.body(shard, id), messageId, Date.now() + Math.max(keepMs, leastKeepMs)),
  };
}
