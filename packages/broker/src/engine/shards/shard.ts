import type { Message, MessageFilter } from '@posthorn/shared';
import { Queue, type Job } from 'bullmq';
import type { Log } from '@posthorn/process';
import { openPendingIndex, type PendingIndex } from '../pending/pending-index.ts';
import type { RedisConnection } from '../redis/connect.ts';
import { bullmqQueue, keyspace } from '../redis/keyspace.ts';
import type { NineKeys } from '../redis/scripts/scripts.ts';
import type { AddMessages, NewDelivery } from './add-messages.ts';
import { canceledField, cancelJobs, type CanceledNow } from './cancel-jobs.ts';
import { createLoneAttempts, type LoneAttempts } from './lone-attempts.ts';
import { restoreMessage } from './stored-message.ts';
import { isMessage } from './unreadable.ts';
import { readMessages, walkJobs } from './walk-jobs.ts';

/** What a script takes to add jobs: BullMQ's keys, and what BullMQ puts before the ids of the jobs. */
export function listAddArguments(shard: number): { keys: NineKeys; jobPrefix: string } {
  const jobPrefix = keyspace.bullmq(shard);
  const names = ['wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker'];
  return { keys: names.map((name) => jobPrefix + name) as NineKeys, jobPrefix };
}

/** The delivery of a message: the message in its shard, and what became of it so far. */
export interface Delivery {
  id: string;
  shard: number;
  message: Message;
  /** Failed attempts so far, which is the number of retries made when the next attempt starts. */
  retried: number;
  /** Why its last attempt failed; only of one that was read by its id. */
  lastError?: string;
  /** How often a dispatcher has ended, or lost Redis for long, while it had this message, begun or just fetched. */
  crashes: number;
  /** The value of the lock, for a message that a worker has. */
  token?: string;
  /** Frees the worker slot of a message for another one while its attempt continues. */
  freeSlot?: () => void;
  /** Its message is not what was stored but stands for it. */
  isUnreadable?: true;
}

/** What has become of a message while an attempt was running. `lost`: it has ended, or is in other hands. */
export type Standing = 'ours' | 'canceled' | 'lost';

/** One BullMQ queue and the keys beside it, in our words. A job of it is a message, from publish to its end. */
export interface Shard {
  /**
   * Stores messages durably under their ids, in this order. Doing it twice changes nothing. Resolves to the ids under
   * which they are stored: that of an earlier message for one that exists only once.
   */
  add(deliveries: readonly NewDelivery[]): Promise<string[]>;
  get(id: string): Promise<Delivery | undefined>;
  /** Pages of the ids of all messages that have not ended, some of them perhaps twice. */
  pending(): AsyncGenerator<string[]>;
  /**
   * Pages of messages that have not ended, some of them perhaps twice: all that match the filter, and few others if the
   * index of pending messages can be searched.
   */
  search(filter: MessageFilter): AsyncGenerator<{ id: string; message: Message }[]>;
  /** The ids in the index alone; `undefined` if it cannot be searched. */
  searchIndex: PendingIndex['search'];
  /** Claims what is to be tidied in that index, and gives the work if there is any. */
  claimTidying: PendingIndex['claimTidying'];
  /** Cancels messages and writes it to their logs; for each the message as it was, if it was canceled now. */
  cancel(ids: readonly string[], now: number, logRetentionMs: number): Promise<(CanceledNow | undefined)[]>;
  /** Wakes messages that wait for a slot. */
  wake(ids: readonly string[]): Promise<('woken' | 'awake' | 'missing')[]>;
  /** A message that was stored parked sleeps until this instant instead, unless it was woken. */
  sleepUntil(delivery: NewDelivery, wakeAt: number): Promise<void>;
  exists(id: string): Promise<boolean>;
  /** Attempts in flight. */
  countActive(): Promise<number>;
  /** Messages by state; `due` are those of the delayed ones whose time has come. */
  count(now: number): Promise<{ waiting: number; delayed: number; due: number; inFlight: number }>;
  /** The message that is delivered next. */
  next(): Promise<Delivery | undefined>;
  /** The delayed message whose time came first, if that is before now. */
  overdue(now: number): Promise<Delivery | undefined>;
  /** Maximum number of attempts in flight over all dispatchers; 0 without a limit. */
  globalConcurrency(): Promise<number>;
  setGlobalConcurrency(max: number): Promise<void>;
  standing(delivery: Pick<Delivery, 'id' | 'token'>): Promise<Standing>;
  loneAttempts: LoneAttempts;
  close(): Promise<void>;
}

export function openShard(redis: RedisConnection, shard: number, log: Log, addMessages: AddMessages): Shard {
  const jobPrefix = keyspace.bullmq(shard);
  const wakeKeys = ['delayed', 'wait', 'paused', 'meta', 'prioritized', 'active', 'pc', 'events', 'marker'].map(
    (key) => jobPrefix + key,
  ) as NineKeys;
  const queue = new Queue<unknown>(bullmqQueue, {
    connection: redis,
    prefix: keyspace.shard(shard),
    // With only the first of these two, a queue whose Redis was away at its start never recovers.
    skipWaitingForReady: true,
    skipVersionCheck: true,
  });
  queue.on('error', (error) => log.debug({ shard, reason: error.message }, 'redis.failed'));

  const index = openPendingIndex(redis, shard, jobPrefix, {
    walk: () => walkJobs(redis, jobPrefix),
    read: (ids) => readMessages(redis, jobPrefix, ids),
  });
  const addKeys = [jobPrefix, ...index.keys] as const;

  return {
    add: (deliveries) => addMessages(addKeys, deliveries),
    async get(id) {
      const job = await queue.getJob(id).catch((error: unknown) => {
        // Its data is no JSON: a dispatcher will set it aside.
        if (!(error instanceof SyntaxError)) throw error;
      });
      const message = restoreMessage(job?.data);
      if (!job || !isMessage(message)) return undefined;
      return { ...toDelivery(shard, job, message), ...(job.failedReason ? { lastError: job.failedReason } : {}) };
    },
    pending: () => walkJobs(redis, jobPrefix),
    async *search(filter) {
      const ids = (await index.search(filter)) ?? walkJobs(redis, jobPrefix);
      for await (const page of ids) yield await readMessages(redis, jobPrefix, page);
    },
    searchIndex: index.search,
    claimTidying: index.claimTidying,
    cancel: (ids, now, logRetentionMs) => cancelJobs(redis, shard, jobPrefix, ids, now, logRetentionMs),
    async wake(ids) {
      const results = await redis.wakeMessages(...wakeKeys, jobPrefix, ...ids);
      return results.map((result) => (result === 1 ? 'woken' : result === 0 ? 'awake' : 'missing'));
    },
    async sleepUntil({ id, message, parkedMs = 0 }, wakeAt) {
      await redis.extendSleep(`${jobPrefix}delayed`, id, message.createdAt + parkedMs, Math.round(wakeAt));
    },
    exists: async (id) => (await redis.exists(jobPrefix + id)) === 1,
    countActive: () => redis.llen(`${jobPrefix}active`),
    async count(now) {
      const [waiting, delayed, due, inFlight] = await Promise.all([
        redis.llen(`${jobPrefix}wait`),
        redis.zcard(`${jobPrefix}delayed`),
        redis.zcount(`${jobPrefix}delayed`, 0, now * scorePerMs),
        redis.llen(`${jobPrefix}active`),
      ]);
      return { waiting, delayed, due, inFlight };
    },
    async next() {
      const id = await redis.lindex(`${jobPrefix}wait`, -1);
      return id === null ? undefined : this.get(id);
    },
    async overdue(now) {
      const [id, score] = await redis.zrange(`${jobPrefix}delayed`, '0', '0', 'WITHSCORES');
      return id === undefined || Number(score) > now * scorePerMs ? undefined : this.get(id);
    },
    globalConcurrency: async () => (await queue.getGlobalConcurrency()) ?? 0,
    async setGlobalConcurrency(max) {
      if ((await this.globalConcurrency()) === max) return;
      if (max > 0) await queue.setGlobalConcurrency(max);
      else await queue.removeGlobalConcurrency();
    },
    async standing({ id, token }) {
      const [lock, isCanceled] = await Promise.all([
        redis.get(`${jobPrefix}${id}:lock`),
        redis.hexists(jobPrefix + id, canceledField),
      ]);
      if (token === undefined || lock !== token) return 'lost';
      return isCanceled === 1 ? 'canceled' : 'ours';
    },
    loneAttempts: createLoneAttempts(redis, jobPrefix),
    close: () => queue.close(),
  };
}

/** BullMQ puts a counter below the milliseconds of the score of a delayed job. */
export const scorePerMs = 0x1000;

/** A job in our words. */
export function toDelivery(shard: number, job: Job<unknown>, message: Message, token?: string): Delivery {
  const { id = '', attemptsMade: retried, stalledCounter: crashes } = job;
  const delivery: Delivery = { id, shard, message, retried, crashes };
  if (token !== undefined) delivery.token = token;
  return delivery;
}
