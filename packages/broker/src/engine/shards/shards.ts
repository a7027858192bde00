import { newMessageId, parseShard } from '@posthorn/shared';
import type { Log } from '@posthorn/process';
import { anyExists } from '../redis/any-exists.ts';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { createAddMessages } from './add-messages.ts';
import { hashText } from './hash.ts';
import { openShard, type Shard } from './shard.ts';

/** All shards, and which of them a message lives in. */
export interface Shards {
  count: number;
  /** A new id in the shard of `together`: all that must see each other (a lane, a deduplication id) share one. */
  newId(nowMs: number, together?: string): { id: string; shard: number };
  /** The shard that an id names; `undefined` for a text that is no id of ours. */
  shardOf(messageId: string): number | undefined;
  /** The shard of anything else that has a name. */
  of(name: string): number;
  at(shard: number): Shard;
  /** The shard in which a message with this id would be; `undefined` for a text that is no id of ours. */
  find(messageId: string): Shard | undefined;
  /** Ids by their shards, in their order; those that are no ids of ours apart. */
  group(messageIds: Iterable<string>): { byShard: Map<number, string[]>; unknown: string[] };
  /**
   * Whether a message of any shard has not ended, or was stored since the index of these messages was tidied. Calls at the
   * same time share one question, as those of `hasActive` do.
   */
  hasPending(): Promise<boolean>;
  /** Whether an attempt is in flight in any shard. */
  hasActive(): Promise<boolean>;
  /** Sets the maximum number of attempts in flight over all dispatchers, 0 without a limit; Redis keeps it. */
  limitParallelism(max: number): Promise<void>;
  close(): Promise<void>;
}

/** The part of one shard in a limit over all of them: BullMQ counts per shard, and no key is shared. */
export function divideParallelism(max: number, count: number, shard: number): number {
  return Math.floor((max + shard) / count);
}

export function openShards(redis: RedisConnection, count: number, log: Log): Shards {
  const addMessages = createAddMessages(redis);
  const shards = Array.from({ length: count }, (_, shard) => openShard(redis, shard, log, addMessages));
  let turn = 0;
  const keysOf = (...names: string[]) =>
    shards.flatMap((_, shard) => names.map((name) => keyspace.bullmq(shard) + name));
  const pendingKeys = [
    ...keysOf('wait', 'active', 'delayed'),
    ...shards.map((_, shard) => keyspace.pendingRows(shard)),
  ];
  const activeKeys = keysOf('active', 'stalled');
  const shardOf = (messageId: string) => {
    const shard = parseShard(messageId);
    return shard !== undefined && shard < count ? shard : undefined;
  };

  return {
    count,
    find(messageId) {
      const shard = shardOf(messageId);
      return shard === undefined ? undefined : shards[shard];
    },
    group(messageIds) {
      const byShard = new Map<number, string[]>();
      const unknown: string[] = [];
      for (const id of messageIds) {
        const shard = shardOf(id);
        const ids = shard === undefined ? unknown : (byShard.get(shard) ?? []);
        if (shard !== undefined) byShard.set(shard, ids);
        ids.push(id);
      }
      return { byShard, unknown };
    },
    newId(nowMs, together) {
      const shard = together === undefined ? turn++ % count : hashText(together) % count;
      return { id: newMessageId(shard, nowMs), shard };
    },
    shardOf,
    of: (name) => hashText(name) % count,
    at(shard) {
      const found = shards[shard];
      if (!found) throw new RangeError(`There is no shard ${shard}.`);
      return found;
    },
    hasPending: shareQuestion(() => anyExists(redis, pendingKeys)),
    hasActive: shareQuestion(() => anyExists(redis, activeKeys)),
    async limitParallelism(max) {
      await Promise.all(shards.map((one, shard) => one.setGlobalConcurrency(divideParallelism(max, count, shard))));
    },
    async close() {
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
}

/** The workers of all shards ask the same within some turns of the event loop. */
function shareQuestion<T>(ask: () => Promise<T>): () => Promise<T> {
  let question: Promise<T> | undefined;
  return () => (question ??= ask().finally(() => (question = undefined)));
}
