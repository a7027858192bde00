import { callTogether, groupBy, type Task } from '../redis/call-together.ts';
import type { RedisConnection } from '../redis/connect.ts';
import type { CompletedJob } from '../redis/scripts/scripts.ts';

/** A job that is done. */
export interface DoneJob {
  /** What BullMQ puts before the ids of the jobs of its shard. */
  jobPrefix: string;
  id: string;
  /** The value of its lock. */
  token: string;
  /** Time until the lock of the next job of the shard expires; 0 if none is to be handed over. */
  nextLockMs: number;
}

/** Ends a job. Rejects with Redis' own errors. */
export type CompleteJob = (job: DoneJob) => Promise<CompletedJob>;

type Ending = DoneJob & Task<CompletedJob>;

/** Jobs in one call of the script: Redis does nothing else in the meantime, for some milliseconds. */
const maxAtOnce = 50;

/**
 * Ends the jobs of one turn of the event loop, of all shards, with one call; of a cluster, those of each shard. They are
 * sent after everything else of the turn: what a job has done is stored before it ends.
 */
export function createCompleteJob(redis: RedisConnection): CompleteJob {
  let waiting: Ending[] = [];

  const write = () => {
    const endings = waiting;
    waiting = [];
    for (const group of redis.joinsShards ? [endings] : groupBy(endings, ({ jobPrefix }) => jobPrefix)) {
      for (let from = 0; from < group.length; from += maxAtOnce) {
        void callTogether(group.slice(from, from + maxAtOnce), completeNow);
      }
    }
  };
  const completeNow = (endings: readonly Ending[]) => {
    const prefixes: string[] = [];
    const texts = endings.map(({ jobPrefix, id, token, nextLockMs }) => {
      let index = prefixes.indexOf(jobPrefix);
      if (index < 0) index = prefixes.push(jobPrefix) - 1;
      return `${index + 1} ${nextLockMs} ${token} ${id}`;
    });
    return redis.completeJobs(prefixes.length, ...prefixes, Date.now(), ...texts);
  };

  return (job) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) redis.sendLast(write);
      waiting.push({ ...job, resolve, reject });
    });
}
