import type { Message, Outcome } from '@posthorn/shared';
import {
  DelayedError,
  Queue,
  UnrecoverableError,
  WaitingError,
  Worker,
  type Job as BullJob,
  type JobsOptions,
} from 'bullmq';
import type { Log } from '../process/log.ts';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { NineKeys } from '../redis/scripts/scripts.ts';

const queueName = 'deliver';
/** BullMQ wants every job to have a name. */
const jobName = 'm';
/** Name of our own backoff in BullMQ: the wait is computed by `judge` and travels on the error. */
const backoff = { type: 'posthorn' };

/** A message in its shard, with what BullMQ knows about it. */
export interface Job {
  id: string;
  message: Message;
  /** Failed attempts so far, which is the number of retries made when the next attempt starts. */
  retried: number;
}

/** A message that is to be stored. */
export interface NewJob {
  id: string;
  message: Message;
  /** Of all messages with this key only the first is stored, for so long, also after it has ended. */
  once?: { key: string; forMs: number };
}

/** What is left of a canceled message until a worker comes to it. */
interface Canceled {
  /** `waiting`: all is done. `in flight`: an attempt was running, and nobody has told its end yet. */
  canceled: 'waiting' | 'in flight';
  bodyKey?: string;
}

/** One BullMQ queue and the keys beside it, in our words. The job is the message, from publish to its end. */
export interface Shard {
  /**
   * Stores messages durably under their ids, in this order. Doing it twice changes nothing. Resolves to the ids under
   * which they are stored: that of an earlier message for one that exists only once.
   */
  add(jobs: readonly NewJob[]): Promise<string[]>;
  get(id: string): Promise<Job | undefined>;
  /** Pages of all messages that have not ended, some of them perhaps twice; their data only if it is asked for. */
  pending(withMessages: boolean): AsyncGenerator<{ id: string; message: Message | undefined }[]>;
  /** Cancels messages and logs it; for each the key of a body that is not needed any more, or whether it was canceled. */
  cancel(ids: readonly string[], now: number, logRetentionMs: number): Promise<(boolean | { bodyKey: string })[]>;
  /** Whether somebody has canceled a message that is in flight. */
  isCanceled(id: string): Promise<boolean>;
  close(): Promise<void>;
}

export function openShard(redis: RedisConnection, shard: number, log: Log): Shard {
  const jobPrefix = `${keyspace.shard(shard)}:${queueName}:`;
  const keys = ['wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker'];
  const addKeys = keys.map((key) => jobPrefix + key) as NineKeys;
  const queue = new Queue<Message | Canceled, undefined, typeof jobName>(queueName, {
    connection: redis,
    prefix: keyspace.shard(shard),
    // With only the first of these two, a queue whose Redis was away at its start never recovers.
    skipWaitingForReady: true,
    skipVersionCheck: true,
    // BullMQ writes four lines per message into a stream of its own and offers no way to turn that off.
    streams: { events: { maxLen: 1000 } },
  });
  queue.on('error', (error) => log.debug({ shard, reason: error.message }, 'redis.failed'));

  return {
    async add(jobs) {
      const [only] = jobs;
      if (only && jobs.length === 1) {
        const { id } = await queue.add(jobName, only.message, writeOptions(only));
        return [id ?? only.id];
      }
      const stored: Promise<string[]>[] = [];
      for (let from = 0; from < jobs.length; from += addAtOnce) {
        const some = jobs.slice(from, from + addAtOnce).flatMap(writeJob);
        stored.push(redis.addMessages(...addKeys, jobPrefix, jobName, JSON.stringify(commonOptions), ...some));
      }
      return (await Promise.all(stored)).flat();
    },
    async get(id) {
      const job = (await queue.getJob(id)) as BullJob<Message | Canceled> | undefined;
      return job && !isCanceled(job.data) ? readJob(job, job.data) : undefined;
    },
    async *pending(withMessages) {
      // In the order in which a message passes through them; those in flight first, for they may become delayed.
      for await (const ids of pendingIds(redis, jobPrefix)) {
        if (!withMessages) yield ids.map((id) => ({ id, message: undefined }));
        else {
          const texts = await Promise.all(ids.map((id) => redis.hget(jobPrefix + id, 'data')));
          yield ids.flatMap((id, index) => {
            const data = JSON.parse(texts[index] ?? 'null') as Message | Canceled | null;
            return data && !isCanceled(data) ? [{ id, message: data }] : [];
          });
        }
      }
    },
    async cancel(ids, now, logRetentionMs) {
      const history = keyspace.history(shard, '');
      const delayed = `${jobPrefix}delayed`;
      const results = await redis.cancelMessages(delayed, jobPrefix, history, now, logRetentionMs, ...ids);
      return results.map((result) => (typeof result === 'string' ? { bodyKey: result } : result === 1));
    },
    isCanceled: async (id) => (await redis.hexists(jobPrefix + id, 'canceled')) === 1,
    close: () => queue.close(),
  };
}

/** Messages in one call of the script: Redis does nothing else in the meantime, for some milliseconds. */
const addAtOnce = 100;

const commonOptions = {
  backoff,
  // What has ended is read from the log and the dead letter queue; keeping the job too costs a tenth of Redis' time.
  removeOnComplete: true,
  removeOnFail: true,
  stackTraceLimit: 1,
};

/** The options of a job for BullMQ; `writeJob` and its script say the same. */
function writeOptions({ id, message, once }: NewJob): JobsOptions {
  return {
    ...commonOptions,
    jobId: id,
    timestamp: message.createdAt,
    delay: Math.max(0, message.notBefore - message.createdAt),
    attempts: message.maxRetries + 1,
    // With a time to live BullMQ keeps the key for all of it, whatever becomes of the job.
    ...(once ? { deduplication: { id: once.key, ttl: once.forMs } } : {}),
  };
}

function writeJob({ id, message, once }: NewJob): [head: string, data: string] {
  const delay = Math.max(0, message.notBefore - message.createdAt);
  const head = `${id} ${message.createdAt} ${delay} ${message.maxRetries + 1}`;
  return [once ? `${head} ${once.key} ${once.forMs}` : head, JSON.stringify(message)];
}

const pageSize = 500;

async function* pendingIds(redis: RedisConnection, jobPrefix: string): AsyncGenerator<string[]> {
  yield* listPages(redis, `${jobPrefix}active`);
  let cursor = '0';
  do {
    const [next, pairs] = await redis.zscan(`${jobPrefix}delayed`, cursor, 'COUNT', pageSize);
    cursor = next;
    yield pairs.filter((_, index) => index % 2 === 0);
  } while (cursor !== '0');
  yield* listPages(redis, `${jobPrefix}wait`);
  yield* listPages(redis, `${jobPrefix}active`);
}

/** New messages come to the head of the list and shift what has not been read yet towards the tail: nothing is missed. */
async function* listPages(redis: RedisConnection, key: string): AsyncGenerator<string[]> {
  for (let from = 0; ; from += pageSize) {
    const ids = await redis.lrange(key, from, from + pageSize - 1);
    if (ids.length > 0) yield ids;
    if (ids.length < pageSize) return;
  }
}

export interface WorkOptions {
  redis: RedisConnection;
  shard: number;
  concurrency: number;
  /** A job whose worker died is taken back this long after the last sign of life, at most. */
  stalledAfterMs: number;
  log: Log;
  /** One attempt, its effects included. What it throws is our own fault and costs the message no retry. */
  process: (job: Job) => Promise<Outcome>;
  /** A message was canceled while an attempt was running, and the dispatcher of that attempt did not get to its end. */
  drop: (id: string, bodyKey: string | undefined) => Promise<void>;
}

/** The worker of one shard. */
export interface ShardWorker {
  /** Takes no new messages; those in flight go on. */
  pause(): Promise<void>;
  /** Leaves at once. Messages still in flight are taken back by other workers after a while. */
  leave(): Promise<void>;
}

/** How long to wait before a message is tried again that we ourselves could not handle. */
const handBackMs = 1000;

/** Takes messages out of a shard, one call of `process` each, and turns the outcomes into BullMQ's own steps. */
export function workShard({ redis, shard, concurrency, stalledAfterMs, log, process, drop }: WorkOptions): ShardWorker {
  const worker = new Worker<Message | Canceled, undefined, typeof jobName>(
    queueName,
    async (job, token) => {
      const { data } = job;
      let outcome: Outcome;
      try {
        if (isCanceled(data)) {
          if (data.canceled === 'in flight') await drop(job.id ?? '', data.bodyKey);
          return undefined;
        }
        outcome = await process(readJob(job, data));
      } catch (error) {
        log.error({ messageId: job.id, err: error }, 'attempt.broken');
        outcome = { kind: 'held', delayMs: handBackMs };
      }
      await carryOut(outcome, job, token);
      return undefined;
    },
    {
      connection: redis,
      prefix: keyspace.shard(shard),
      concurrency,
      // A lock lives two thirds of the time and stalled jobs are looked for each third: together the promised bound.
      lockDuration: Math.round((stalledAfterMs * 2) / 3),
      stalledInterval: Math.round(stalledAfterMs / 3),
      // By default a job fails for good at its second stall ever, which would lose a message in silence.
      maxStalledCount: 1_000_000,
      runRetryDelay: 1000,
      settings: {
        backoffStrategy: (_attempts, _type, error) => (error instanceof AttemptFailed ? error.delayMs : -1),
      },
    },
  );
  worker.on('error', (error) => log.warn({ shard, reason: error.message }, 'redis.failed'));

  return {
    pause: () => worker.pause(true),
    leave: () => worker.close(true),
  };
}

/** Ends the turn of a job as its outcome says. BullMQ wants most of it as errors. */
async function carryOut(outcome: Outcome, job: BullJob<Message | Canceled>, token: string | undefined): Promise<void> {
  switch (outcome.kind) {
    case 'delivered':
    case 'canceled':
      return;
    case 'retry':
      throw new AttemptFailed(outcome.error, outcome.delayMs);
    case 'failed':
      throw new UnrecoverableError(outcome.error);
    case 'held':
      if (outcome.delayMs <= 0) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      await job.moveToDelayed(Date.now() + outcome.delayMs, token);
      throw new DelayedError();
  }
}

/** A failed attempt with retries left, and the wait until the next one. */
class AttemptFailed extends Error {
  readonly delayMs: number;

  constructor(message: string, delayMs: number) {
    super(message);
    this.delayMs = delayMs;
    // BullMQ keeps the stack in Redis; nobody reads ours.
    this.stack = '';
  }
}

function readJob(job: BullJob<Message | Canceled>, message: Message): Job {
  return { id: job.id ?? '', message, retried: job.attemptsMade };
}

function isCanceled(data: Message | Canceled): data is Canceled {
  return 'canceled' in data;
}
