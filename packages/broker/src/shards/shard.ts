import type { Message, Outcome } from '@posthorn/shared';
import { DelayedError, Queue, UnrecoverableError, WaitingError, Worker, type Job as BullJob } from 'bullmq';
import type { Log } from '../process/log.ts';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';

const queueName = 'deliver';
/** Name of our own backoff in BullMQ: the wait is computed by `judge` and travels on the error. */
const backoff = { type: 'posthorn' };

/** A message in its shard, with what BullMQ knows about it. */
export interface Job {
  id: string;
  message: Message;
  /** Failed attempts so far, which is the number of retries made when the next attempt starts. */
  retried: number;
}

/** One BullMQ queue and the keys beside it, in our words. The job is the message, from publish to its end. */
export interface Shard {
  /** Stores a message durably under its id. Doing it twice changes nothing. */
  add(id: string, message: Message): Promise<void>;
  get(id: string): Promise<Job | undefined>;
  close(): Promise<void>;
}

export function openShard(redis: RedisConnection, shard: number, log: Log): Shard {
  const queue = new Queue<Message, undefined, 'm'>(queueName, {
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
    async add(id, message) {
      await queue.add('m', message, {
        jobId: id,
        timestamp: message.createdAt,
        delay: Math.max(0, message.notBefore - message.createdAt),
        attempts: message.maxRetries + 1,
        backoff,
        // What has ended is read from the log and the dead letter queue; keeping the job too costs a tenth of Redis' time.
        removeOnComplete: true,
        removeOnFail: true,
        stackTraceLimit: 1,
      });
    },
    async get(id) {
      const job = (await queue.getJob(id)) as BullJob<Message> | undefined;
      return job && readJob(job);
    },
    close: () => queue.close(),
  };
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
export function workShard({ redis, shard, concurrency, stalledAfterMs, log, process }: WorkOptions): ShardWorker {
  const worker = new Worker<Message, undefined, 'm'>(
    queueName,
    async (job, token) => {
      let outcome: Outcome;
      try {
        outcome = await process(readJob(job));
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
async function carryOut(outcome: Outcome, job: BullJob<Message>, token: string | undefined): Promise<void> {
  switch (outcome.kind) {
    case 'delivered':
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

function readJob(job: BullJob<Message>): Job {
  return { id: job.id ?? '', message: job.data, retried: job.attemptsMade };
}
