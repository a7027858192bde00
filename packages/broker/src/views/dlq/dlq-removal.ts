import type { Body } from '@posthorn/shared';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import { readRedisTime } from '../../engine/redis/time.ts';
import type { BodyStore } from '../../engine/shards/body.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import { parseDlqId } from './dlq-list.ts';

/** Whose entry it is: what a removal must know, so that it need not read the entry. */
interface Owner {
  messageId: string;
  /** The message whose id names the stored body, of an entry that has one. */
  bodyKey?: string;
}

/** Removes entries of the dead letter queue. Both work in a Redis without memory. */
export interface DlqRemover {
  /** Removes entries with their responses and bodies, and gives how many there were. */
  remove(dlqIds: readonly string[]): Promise<number>;
  /** Removes entries that are past their retention, and gives how many. Their bodies and responses expire by themselves. */
  expire(): Promise<number>;
  /** Without any of these keys, `expire` finds nothing. */
  keys: string[];
}

export interface DlqRemoverParts {
  redis: RedisConnection;
  shards: Shards;
  bodies: BodyStore;
  retentionMs: number;
}

/** Entries that one call of the script removes: Redis does nothing else in the meantime. */
const removeAtOnce = 100;

/** The owner of an entry as `bury-message.lua` stores it: the id of the message, and the key of a stored body. */
export function formatOwner(messageId: string, body: Body): string {
  return body.kind === 'stored' ? `${messageId} ${body.key}` : messageId;
}

function parseOwner(text: string): Owner {
  const [messageId = '', bodyKey] = text.split(' ');
  return { messageId, ...(bodyKey ? { bodyKey } : {}) };
}

/** The owner of an entry from the entry itself; `undefined` for none, and for one that is damaged. */
function findOwner(entry: string | null): Owner | undefined {
  try {
    const letter = JSON.parse(entry ?? 'null') as { messageId: string; message: { body: Body } } | null;
    return letter ? parseOwner(formatOwner(letter.messageId, letter.message.body)) : undefined;
  } catch {
    return undefined;
  }
}

export function createDlqRemover({ redis, shards, bodies, retentionMs }: DlqRemoverParts): DlqRemover {
  /** The owners of entries, in their order; `undefined` for an entry that does not exist. */
  async function readOwners(shard: number, dlqIds: readonly string[]): Promise<(Owner | undefined)[]> {
    const texts = await redis.hmget(keyspace.dlqIds(shard), ...dlqIds);
    const owners: (Owner | undefined)[] = [];
    for (const [index, dlqId] of dlqIds.entries()) {
      const text = texts[index];
      // Entries of earlier versions have no owner beside them. One at a time: each may be large.
      owners.push(text ? parseOwner(text) : findOwner(await redis.hget(keyspace.dlqEntries(shard), dlqId)));
    }
    return owners;
  }

  /** Removes these entries of one shard, at most `removeAtOnce`, and gives the owners of those that were there. */
  async function removeIn(shard: number, dlqIds: readonly string[]): Promise<Owner[]> {
    const owners = await readOwners(shard, dlqIds);
    const removed = await redis.removeDeadLetters(
      keyspace.dlq(shard),
      keyspace.dlqEntries(shard),
      keyspace.dlqIds(shard),
      keyspace.response(shard, ''),
      keyspace.messageLog(shard, ''),
      ...dlqIds.flatMap((dlqId, index) => [dlqId, owners[index]?.messageId ?? '']),
    );
    return owners.flatMap((owner, index) => (removed[index] === 1 ? [owner ?? { messageId: '' }] : []));
  }

  async function removeWithBodies(shard: number, dlqIds: readonly string[]): Promise<number> {
    let count = 0;
    for (let from = 0; from < dlqIds.length; from += removeAtOnce) {
      const removed = await removeIn(shard, dlqIds.slice(from, from + removeAtOnce));
      count += removed.length;
      await Promise.all(
        removed.map(async ({ messageId, bodyKey }) => {
          if (bodyKey !== undefined) await bodies.release({ kind: 'stored', key: bodyKey }, messageId, 0);
        }),
      );
    }
    return count;
  }

  async function expireIn(shard: number): Promise<number> {
    // The clock is that of Redis: a dispatcher whose clock is ahead would remove entries too early.
    const oldest = (await readRedisTime(redis)) - retentionMs;
    let count = 0;
    let ids: string[];
    do {
      const members = await redis.zrangebyscore(keyspace.dlq(shard), '-inf', oldest, 'LIMIT', 0, removeAtOnce);
      ids = members.map((member) => member.split(':', 1)[0] ?? '');
      if (ids.length > 0) count += (await removeIn(shard, ids)).length;
    } while (ids.length === removeAtOnce);
    return count;
  }

  return {
    async remove(dlqIds) {
      const byShard = new Map<number, string[]>();
      for (const id of dlqIds) {
        const parsed = parseDlqId(id);
        if (!parsed) continue;
        const shard = parsed.n % shards.count;
        byShard.set(shard, [...(byShard.get(shard) ?? []), id]);
      }
      return sum(await Promise.all(Array.from(byShard, ([shard, ids]) => removeWithBodies(shard, ids))));
    },
    keys: Array.from({ length: shards.count }, (_, shard) => keyspace.dlq(shard)),
    async expire() {
      return sum(await Promise.all(Array.from({ length: shards.count }, (_, shard) => expireIn(shard))));
    },
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
