import type { RedisConnection } from '../../engine/redis/connect.ts';
import { sampleJobs, type SampledJob } from '../../engine/shards/place.ts';
import type { Shards } from '../../engine/shards/shards.ts';

/** A sample of the messages that have not ended, which several views share. */
export interface PendingSample {
  /** At most two seconds old. */
  read(): Promise<SampledJob[]>;
}

/** Messages that are read at most, in all shards together. */
const maxJobs = 1000;
const keptMs = 2000;

export function createPendingSample(redis: RedisConnection, shards: Shards): PendingSample {
  let sample: { jobs: Promise<SampledJob[]>; at: number } | undefined;
  const maxPerList = Math.max(8, Math.ceil(maxJobs / 3 / shards.count));
  return {
    read() {
      if (sample && Date.now() - sample.at < keptMs) return sample.jobs;
      const lists = Array.from({ length: shards.count }, (_, shard) => sampleJobs(redis, shard, maxPerList));
      const jobs = Promise.all(lists).then((found) => found.flat());
      const taken = (sample = { jobs, at: Date.now() });
      jobs.catch(() => {
        if (sample === taken) sample = undefined;
      });
      return jobs;
    },
  };
}
