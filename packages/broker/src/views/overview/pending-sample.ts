import type { RedisConnection } from '../../engine/redis/connect.ts';
import { samplePending, type SampledMessage } from '../../engine/shards/pending.ts';
import type { Shards } from '../../engine/shards/shards.ts';

/** A sample of the messages that have not ended, which several views share. */
export interface PendingSample {
  /** At most two seconds old. */
  read(): Promise<SampledMessage[]>;
}

/** Messages that are read at most, in all shards together. */
const maxMessages = 1000;
const keptMs = 2000;

export function createPendingSample(redis: RedisConnection, shards: Shards): PendingSample {
  let sample: { messages: Promise<SampledMessage[]>; at: number } | undefined;
  const maxPerList = Math.max(8, Math.ceil(maxMessages / 3 / shards.count));
  return {
    read() {
      if (sample && Date.now() - sample.at < keptMs) return sample.messages;
      const lists = Array.from({ length: shards.count }, (_, shard) => samplePending(redis, shard, maxPerList));
      const messages = Promise.all(lists).then((found) => found.flat());
      const taken = (sample = { messages, at: Date.now() });
      messages.catch(() => {
        if (sample === taken) sample = undefined;
      });
      return messages;
    },
  };
}
