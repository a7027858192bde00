import { keyspace } from '../engine/redis/keyspace.ts';

/**
 * The keys of runs. All keys of one run share the hash tag of its shard. The id of a run comes last, for it may be any
 * text. Of a run whose id was used again, the id is followed by a blank and the time of its creation; of a copy of a log
 * that no run has yet, by a blank and a random text.
 */
export const runKeys = {
  /** Prefix of the keys of a shard, from which the scripts make all others. */
  base: (shard: number) => `${keyspace.shard(shard)}:run`,

  /** hash: state, times, configuration and end of the run. */
  run: (shard: number, name: string) => `${keyspace.shard(shard)}:run:state:${name}`,
  /** string: the elements of the step log as JSON, after `[` and without `]`. */
  log: (shard: number, name: string) => `${keyspace.shard(shard)}:run:log:${name}`,
  /** list: per element `<start> <end> <time> <message id> <JSON of its description>`. */
  entries: (shard: number, name: string) => `${keyspace.shard(shard)}:run:entries:${name}`,
  /**
   * hash: what was accepted once (`result:3`) to its message id, and why the result of a call was refused (`refused:3`);
   * gone with the end of the run.
   */
  steps: (shard: number, name: string) => `${keyspace.shard(shard)}:run:steps:${name}`,
  /** hash: `<step id>:<event id>` to the id of the message of its deadline, a blank, and its JSON; gone with the end of the run. */
  waiters: (shard: number, name: string) => `${keyspace.shard(shard)}:run:waiters:${name}`,
  /** hash: `<number>:<event id>` to data that no waiter has taken yet; gone with the end of the run. */
  notes: (shard: number, name: string) => `${keyspace.shard(shard)}:run:notes:${name}`,

  /** zset: `<run id> <created at>` of the active runs, by that time. */
  active: (shard: number) => `${keyspace.shard(shard)}:run:active`,
  /** zset: the same of runs that have ended. */
  ended: (shard: number) => `${keyspace.shard(shard)}:run:ended`,
  /** zset: the same, by the time at which they are forgotten. */
  expiry: (shard: number) => `${keyspace.shard(shard)}:run:expiry`,
  /** zset: the same, of runs whose invoker does not know their end yet, by the time of that end. */
  unreported: (shard: number) => `${keyspace.shard(shard)}:run:unreported`,
  /** zset: ids of dead letters by time, in milliseconds. */
  dlq: (shard: number) => `${keyspace.shard(shard)}:run:dlq`,
  /** hash: id of a dead letter to `<run id> <created at>`. */
  dlqRuns: (shard: number) => `${keyspace.shard(shard)}:run:dlq-runs`,

  /**
   * zset: `<step id> <created at> <run id>` of waiters for an event, by their deadline, in the shard of the event. It may
   * name waiters that are gone: what the run says counts.
   */
  event: (shard: number, eventId: string) => `${keyspace.shard(shard)}:run:event:${eventId}`,
} as const;
