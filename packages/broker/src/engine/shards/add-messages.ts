import type { Message } from '@posthorn/shared';
import { segmentBytes, formatRows } from '../pending/pending-rows.ts';
import { callTogether, groupBy, type Task } from '../redis/call-together.ts';
import type { RedisConnection } from '../redis/connect.ts';
import { formatMessage } from './stored-message.ts';

/** A message that is to be stored in its shard. */
export interface NewDelivery {
  id: string;
  message: Message;
  /** Only the first message with this key is stored within `forMs`, even if it has ended. */
  once?: { key: string; forMs: number };
  /** It waits for a slot in a lane, which wakes it before this time has passed. */
  parkedMs?: number;
}

/** Keys of a shard that `add-messages.lua` takes. */
export type AddKeys = readonly [jobPrefix: string, pendingHead: string, pendingRows: string];

/**
 * Adds messages to a shard, in their order, and resolves to the ids under which they are stored. Rejects with Redis' own
 * errors; then some of them may be stored.
 */
export type AddMessages = (keys: AddKeys, deliveries: readonly NewDelivery[]) => Promise<string[]>;

interface Addition extends Task<string[]> {
  keys: AddKeys;
  deliveries: readonly NewDelivery[];
}

/** Messages in one call of the script: Redis does nothing else in the meantime, for some milliseconds. */
const maxAtOnce = 100;

/** Adds the messages of one turn of the event loop, to all shards, with one call; of a cluster, with one for each shard. */
export function createAddMessages(redis: RedisConnection): AddMessages {
  let waiting: Addition[] = [];

  const write = () => {
    const additions = waiting;
    waiting = [];
    const parts = groupBy(additions, ({ keys }) => keys[0]).flatMap((ofShard) => bundle(ofShard).map(join));
    for (const together of redis.joinsShards ? bundle(parts) : parts.map((part) => [part])) {
      void callTogether(together, addNow);
    }
  };
  const addNow = (additions: readonly Addition[]) => {
    const messages = additions.flatMap(({ deliveries }) => [
      formatRows(deliveries),
      deliveries.length,
      ...deliveries.flatMap(formatDelivery),
    ]);
    const [first] = additions;
    if (!redis.joinsShards && first) return redis.addToShard(...first.keys, segmentBytes, ...messages);
    return redis.addMessages(3 * additions.length, ...additions.flatMap(({ keys }) => keys), segmentBytes, ...messages);
  };
  const add = (keys: AddKeys, deliveries: readonly NewDelivery[]) =>
    new Promise<string[]>((resolve, reject) => {
      if (waiting.length === 0) redis.sendAhead(write);
      waiting.push({ keys, deliveries, resolve, reject });
    });

  return async (keys, deliveries) => {
    if (deliveries.length <= maxAtOnce) return add(keys, deliveries);
    const parts: Promise<string[]>[] = [];
    for (let from = 0; from < deliveries.length; from += maxAtOnce) {
      parts.push(add(keys, deliveries.slice(from, from + maxAtOnce)));
    }
    return (await Promise.all(parts)).flat();
  };
}

/** Additions in their order, as many together as go with one call. */
function bundle(additions: readonly Addition[]): Addition[][] {
  const bundles: Addition[][] = [];
  let messages = maxAtOnce;
  for (const addition of additions) {
    messages += addition.deliveries.length;
    if (messages > maxAtOnce) {
      bundles.push([]);
      messages = addition.deliveries.length;
    }
    bundles.at(-1)?.push(addition);
  }
  return bundles;
}

/** Additions to one shard as one. */
function join(additions: Addition[]): Addition {
  const [first] = additions;
  if (first && additions.length === 1) return first;
  return {
    keys: first?.keys ?? ['', '', ''],
    deliveries: additions.flatMap(({ deliveries }) => deliveries),
    resolve(ids) {
      let from = 0;
      for (const { deliveries, resolve } of additions) resolve(ids.slice(from, (from += deliveries.length)));
    },
    reject(error) {
      for (const { reject } of additions) reject(error);
    },
  };
}

/** A message as `add-messages.lua` wants it. */
function formatDelivery({ id, message, once, parkedMs = 0 }: NewDelivery): [head: string, data: string] {
  const delayMs = Math.max(0, message.notBefore - message.createdAt, Math.round(parkedMs));
  const head = `${id} ${message.createdAt} ${delayMs}`;
  return [once ? `${head} ${once.key} ${once.forMs}` : head, formatMessage(message)];
}
