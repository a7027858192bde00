import type { Message, MessageFilter } from '@posthorn/shared';
import type { LogStore } from '../engine/log/log-store.ts';
import { canceledEntry, cancelRequestedEntry } from '../engine/log/log-entries.ts';
import type { Shards } from '../engine/shards/shards.ts';
import { matches } from '../views/filter.ts';

export interface Canceler {
  /** Cancels those that have not ended and were not canceled before, and gives their number (contract D28, D29). */
  cancel(messageIds: readonly string[]): Promise<number>;
  /** The same for all messages that match, or for the first `count` of them. */
  cancelMatching(filter: MessageFilter, count?: number): Promise<number>;
}

export interface CancelParts {
  shards: Shards;
  /** The same on the connection for large reads. */
  readers: Shards;
  logs: LogStore;
  /** Ends a message that was canceled and that no worker has. */
  endCanceled: (id: string, message: Message) => Promise<void>;
  logRetentionMs: number;
}

/** Ids in one call of the script: Redis does nothing else in the meantime, for less than two milliseconds. */
const cancelAtOnce = 200;

export function createCanceler({ shards, readers, logs, endCanceled, logRetentionMs }: CancelParts): Canceler {
  return {
    async cancel(messageIds) {
      const { byShard } = shards.group(new Set(messageIds));
      return sum(await Promise.all(Array.from(byShard, ([shard, ids]) => cancelIn(shard, ids))));
    },

    async cancelMatching(filter, count = Infinity) {
      const all = Array.from({ length: shards.count }, (_, shard) => shard);
      if (count === Infinity) return sum(await Promise.all(all.map((shard) => cancelMatchingIn(shard, filter, count))));
      let canceled = 0;
      for (const shard of all) canceled += await cancelMatchingIn(shard, filter, count - canceled);
      return canceled;
    },
  };

  async function cancelMatchingIn(shard: number, filter: MessageFilter, count: number): Promise<number> {
    let canceled = 0;
    if (count <= 0) return canceled;
    for await (const ids of findMatching(shard, filter)) {
      canceled += await cancelIn(shard, ids, count - canceled);
      if (canceled >= count) break;
    }
    return canceled;
  }

  async function* findMatching(shard: number, filter: MessageFilter): AsyncGenerator<string[]> {
    // Also messages that cannot be read.
    if (Object.values(filter).every((value) => value === undefined)) yield* readers.at(shard).pending();
    else {
      for await (const page of readers.at(shard).search(filter)) {
        yield page.filter(({ message }) => matches(filter, message)).map(({ id }) => id);
      }
    }
  }

  /** Cancels messages of one shard, at most `count` of them. */
  async function cancelIn(shard: number, ids: readonly string[], count = Infinity): Promise<number> {
    let canceled = 0;
    for (let from = 0; from < ids.length && canceled < count;) {
      const some = ids.slice(from, from + Math.min(cancelAtOnce, count - canceled));
      from += some.length;
      const now = Date.now();
      const results = await shards.at(shard).cancel(some, now, logRetentionMs);
      await Promise.all(
        results.map(async (result, index) => {
          if (!result) return;
          canceled++;
          const { message, isInFlight } = result;
          const id = some[index] ?? '';
          logs.list(id, [cancelRequestedEntry(now), ...(isInFlight ? [] : [canceledEntry(now)])], message);
          if (!isInFlight) await endCanceled(id, message);
        }),
      );
    }
    return canceled;
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
