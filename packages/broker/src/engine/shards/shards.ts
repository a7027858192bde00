import { newMessageId, readShard } from '@posthorn/shared';
import type { Log } from '@posthorn/process';
import type { RedisConnection } from '../redis/connect.ts';
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
  close(): Promise<void>;
}

export function openShards(redis: RedisConnection, count: number, log: Log): Shards {
  const shards = Array.from({ length: count }, (_, shard) => openShard(redis, shard, log));
  let turn = 0;

  return {
    count,
    newId(nowMs, together) {
      const shard = together === undefined ? turn++ % count : hashText(together) % count;
      return { id: newMessageId(shard, nowMs), shard };
    },
    shardOf(messageId) {
      const shard = readShard(messageId);
      return shard !== undefined && shard < count ? shard : undefined;
    },
    of: (name) => hashText(name) % count,
    at(shard) {
      const found = shards[shard];
      if (!found) throw new RangeError(`There is no shard ${shard}.`);
      return found;
    },
    async close() {
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
}
