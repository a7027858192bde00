import { parseCreatedAt, type Message, type Outcome } from '@posthorn/shared';
import { DelayedError, UnrecoverableError, WaitingError, type Job } from 'bullmq';
import type { Log } from '@posthorn/process';
import type { RedisConnection } from '../redis/connect.ts';
import { bullmqQueue, keyspace } from '../redis/keyspace.ts';
import { isCanceled } from './cancel-jobs.ts';
import type { CompleteJob } from './complete-jobs.ts';
import { maxBlockSeconds, QueueWorker } from './queue-worker.ts';
import { toDelivery, type Delivery } from './shard.ts';
import type { Shards } from './shards.ts';
import { restoreMessage } from './stored-message.ts';
import { createStandIn, isMessage, unwrapText } from './unreadable.ts';

export interface WorkOptions {
  redis: RedisConnection;
  shard: number;
  /** Messages in worker slots. */
  concurrency: number;
  /** Maximum number of attempts that continue after their worker slot was freed. */
  maxDetached: number;
  /** A job whose worker died is taken back this long after the last sign of life, at most. */
  stalledAfterMs: number;
  log: Log;
  /** Ends the jobs of all shards and hands over the next ones. */
  completeJob: CompleteJob;
  /** What is asked, for all shards at once, before a worker looks at its own shard without having been woken. */
  shards: Pick<Shards, 'hasActive' | 'hasPending'>;
  /** Redis has failed, perhaps thousands of times a second. */
  failed: (reason: string) => void;
  /** One attempt with its effects. An error that it throws is a fault of this process and uses no retry. */
  process: (delivery: Delivery) => Promise<Outcome>;
  /** A message was canceled while an attempt was running, and the dispatcher of that attempt did not get to its end. */
  drop: (id: string, bodyKey: string | undefined) => Promise<void>;
  /** The message waits for a slot in a lane, and may have been granted one while it was still on its way to sleep. */
  parked: (delivery: Delivery) => Promise<void>;
  /** Whether `ended` has something to do for a message. */
  isAwaited: (message: Message) => boolean;
  /** The job of a message has ended. Not called after a crash: lanes are swept, and bodies expire. */
  ended: (delivery: Delivery, outcome: Outcome) => Promise<void>;
}

/** The worker of one shard. */
export interface ShardWorker {
  /** Takes no new messages; those in flight continue. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Leaves at once. Messages still in flight are taken back by other workers after a while. */
  leave(): Promise<void>;
  /**
   * Since the start: messages that were fetched and those taken back from other dispatchers. Now: messages in worker
   * slots, and those whose attempt goes on without one.
   */
  progress(): { fetched: number; inSlots: number; detached: number; takenBack: number };
}

/** A message that we ourselves could not handle is tried again after this time. */
const handBack: Outcome = { kind: 'deferred', delayMs: 1000 };

/** Takes messages out of a shard, one call of `process` each, and turns the outcomes into BullMQ's own steps. */
export function workShard({
  redis,
  shard,
  concurrency,
  maxDetached,
  stalledAfterMs,
  log,
  completeJob,
  shards,
  failed,
  process,
  drop,
  parked,
  isAwaited,
  ended,
}: WorkOptions): ShardWorker {
  /** Messages whose job is about to end: only then may the next one of their queue start, and their body go. */
  const ending = new Map<string, { delivery: Delivery; outcome: Outcome }>();
  let fetched = 0;
  let inSlots = 0;
  let detached = 0;
  let takenBack = 0;
  const worker = new QueueWorker(
    bullmqQueue,
    async (job, token) => {
      const data = restoreMessage(job.data);
      const slot = { isTaken: true };
      const freeSlot = () => {
        if (!worker.detach(job)) return;
        slot.isTaken = false;
        inSlots--;
        detached++;
      };
      let taken = toDelivery(shard, job, data as Message, token);
      taken.freeSlot = freeSlot;
      let outcome: Outcome;
      const setAside = () => {
        const standIn = createStandIn(unwrapText(job.data), parseCreatedAt(job.id ?? ''));
        taken = { ...toDelivery(shard, job, standIn, token), isUnreadable: true };
        return process(taken);
      };
      fetched++;
      inSlots++;
      // The job is back because Redis did not record its previous end.
      ending.delete(job.id ?? '');
      try {
        if (isCanceled(data)) {
          if (data.canceled === 'in flight') await drop(job.id ?? '', data.bodyKey);
          return undefined;
        }
        outcome = await process(taken);
        // It would be tried forever: how many attempts it has cannot be read.
        if (outcome.kind === 'retry' && !isMessage(data)) outcome = await setAside();
      } catch (error) {
        log.error({ messageId: job.id, err: error }, 'attempt.broken');
        outcome = isMessage(data) || isCanceled(data) ? handBack : await setAside().catch(() => handBack);
      } finally {
        if (slot.isTaken) inSlots--;
        else detached--;
      }
      if (outcome.kind === 'deferred') await park(outcome, job, token, () => parked(taken));
      else if (outcome.kind === 'retry') throw new AttemptFailed(outcome.error, outcome.delayMs);
      if (isAwaited(taken.message)) {
        ending.set(taken.id, { delivery: taken, outcome });
        // More than can be in flight: another dispatcher has ended the oldest.
        if (ending.size > concurrency + maxDetached) ending.delete(ending.keys().next().value ?? '');
      }
      if (outcome.kind === 'failed') throw new UnrecoverableError(outcome.error);
      return undefined;
    },
    {
      connection: redis,
      prefix: keyspace.shard(shard),
      concurrency,
      // A lock lives two thirds of the time and stalled jobs are looked for each third: together the promised bound.
      lockDuration: Math.round((stalledAfterMs * 2) / 3),
      stalledInterval: Math.round(stalledAfterMs / 3),
      drainDelay: maxBlockSeconds,
      // By default a job fails for good at its second stall ever, which would lose a message in silence.
      maxStalledCount: 1_000_000,
      runRetryDelay: 1000,
      settings: {
        backoffStrategy: (_attempts, _type, error) => (error instanceof AttemptFailed ? error.delayMs : -1),
      },
    },
  );
  worker.restWhileEmpty(shards);
  worker.completeBy(completeJob, keyspace.bullmq(shard));
  const end = (id: string | undefined) => {
    const last = ending.get(id ?? '');
    if (!last || !ending.delete(last.delivery.id)) return;
    const { delivery, outcome } = last;
    ended(delivery, outcome).catch((error: unknown) =>
      log.warn({ messageId: delivery.id, err: error }, 'message.release-failed'),
    );
  };
  worker.on('completed', (job) => end(job.id));
  worker.on('failed', (job) => end(job?.id));
  worker.on('stalled', (messageId) => {
    takenBack++;
    log.warn({ messageId, shard }, 'message.taken-back');
  });
  worker.on('error', (error) => failed(error.message));

  return {
    pause: () => worker.pause(true),
    resume: () => worker.resume(),
    leave: () => worker.close(true),
    progress: () => ({ fetched, inSlots, detached, takenBack }),
  };
}

/** Sends a job to sleep without using an attempt. BullMQ wants that as an error. */
async function park(
  { delayMs, inLane }: Extract<Outcome, { kind: 'deferred' }>,
  job: Job<unknown>,
  token: string | undefined,
  parked: () => Promise<void>,
): Promise<never> {
  if (delayMs <= 0) {
    await job.moveToWait(token);
    throw new WaitingError();
  }
  await job.moveToDelayed(Date.now() + Math.ceil(delayMs), token);
  if (inLane) await parked();
  throw new DelayedError();
}

/** A failed attempt with retries left, and the wait until the next one. */
class AttemptFailed extends Error {
  readonly delayMs: number;

  constructor(message: string, delayMs: number) {
    super(message);
    this.delayMs = delayMs;
    // BullMQ stores the stack in Redis. Ours is of no use.
    this.stack = '';
  }
}
