import type { Log } from '@posthorn/process';
import type { Body, HeaderMap, Message, Outcome } from '@posthorn/shared';
import type { Slot } from '../engine/lanes/lanes.ts';
import type { LogStore } from '../engine/log/log-store.ts';
import { activeEntry, canceledEntry } from '../engine/log/log-entries.ts';
import type { BodyStore } from '../engine/shards/body.ts';
import { createCompleteJob } from '../engine/shards/complete-jobs.ts';
import type { Delivery } from '../engine/shards/shard.ts';
import { divideParallelism, type Shards } from '../engine/shards/shards.ts';
import { workShard, type ShardWorker, type WorkOptions } from '../engine/shards/worker.ts';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { holdsAnything, type Holdings } from './holdings.ts';
import { createSharedReads } from './shared-reads.ts';
import { isRunDelivery, type RunAttempts } from './run-attempts.ts';
import type { Settlement } from './settle.ts';
import type { Slots } from './slots.ts';

/**
 * What to send. `body` is text or bytes; `undefined` if the stored bytes no longer exist. `dropped` says why a message of
 * a workflow has nothing to send any more.
 */
export type Begun =
  | { has: true; header: HeaderMap; body: Buffer | string | undefined }
  | { has: true; dropped: string }
  | Extract<Slot, { has: false }>;

/**
 * One attempt after another at the messages of all shards, and their ends. A process takes messages with `work`; for
 * each it calls `begin`, makes its request, and hands the outcome to `finish`. What a message holds is freed in this
 * order; of a canceled message that no worker has, it is freed when the message is canceled (`endCanceled`):
 *
 * 1. `finish` does what must survive a crash, before the message ends, under ids that are the same when it is repeated.
 * 2. The worker ends the message in its shard.
 * 3. Then `afterEnd` frees what the message held; after a crash sweeps and expiries do.
 */
export interface Deliverer {
  /** Starts a worker of one shard, which calls `process` once for each message that it takes. */
  work(options: DeliveryWorkOptions): ShardWorker;
  /** Takes the slots that an attempt needs, logs its start and reads the body. What throws has freed the slots again. */
  begin(delivery: Delivery): Promise<Begun>;
  /**
   * Ends an attempt: carries the outcome out and gives back what `begin` took. A failure counts only for a message that
   * is still wanted and still ours, so that the outcome may change.
   *
   * @returns what the worker does with the message
   */
  finish(delivery: Delivery, outcome: Outcome): Promise<Outcome>;
  /** Ends a message to which no attempt can be made. */
  giveUp(delivery: Delivery, error: string): Promise<Outcome>;
  /** Dispatchers that ended while they delivered this message alone, at this attempt. */
  countLoneCrashes(delivery: Delivery): Promise<number>;
  /** Notes, before it begins, that the message is delivered alone. */
  noteLoneAttempt(delivery: Delivery): Promise<void>;
  /** The share of one shard in a limit of attempts in flight over all dispatchers. */
  divideParallelism(max: number, shard: number): number;
  /** Resolves when Redis has the ends of the messages that were on their way. */
  flush(): Promise<unknown>;
  close(): void;
}

export type DeliveryWorkOptions = Omit<
  WorkOptions,
  'redis' | 'log' | 'completeJob' | 'shards' | 'drop' | 'parked' | 'isAwaited' | 'ended'
>;

export interface DelivererParts {
  redis: RedisConnection;
  log: Log;
  shards: Shards;
  bodies: BodyStore;
  logs: LogStore;
  slots: Slots;
  holdings: Holdings;
  settlement: Settlement;
  runs: RunAttempts;
  /** Ends a message that was canceled and that no worker has. */
  endCanceled: (id: string, message: Message) => Promise<void>;
}

export function createDeliverer(parts: DelivererParts): Deliverer {
  const { log, shards, bodies, logs, slots, holdings, settlement, runs, endCanceled } = parts;

  const readStored = createSharedReads();
  const completeJob = createCompleteJob(parts.redis);

  async function readBody(body: Body): Promise<Buffer | string | undefined> {
    // Text stays text: the transport writes it as UTF-8, which is what it was.
    if (body.kind === 'text') return body.text;
    // Attempts at all endpoints of a URL group need the same bytes, perhaps at once.
    if (body.kind === 'stored') return readStored(body.key, () => bodies.read(body));
    const bytes = await bodies.read(body);
    // Only a body that is stored elsewhere can be missing.
    if (bytes === undefined) throw new TypeError('This kind of body is not known.');
    return bytes;
  }

  /** A failure counts only for a message that is still wanted, and still ours. */
  async function reconsider(delivery: Delivery, outcome: Outcome): Promise<Outcome> {
    if (outcome.kind !== 'retry' && outcome.kind !== 'failed') return outcome;
    switch (await shards.at(delivery.shard).standing(delivery)) {
      case 'ours':
        return outcome;
      case 'canceled':
        return { ...outcome, kind: 'canceled' };
      case 'lost':
        // This process stood still for longer than its lock. The worker that has the message now logs its end.
        log.warn({ messageId: delivery.id }, 'attempt.lost');
        return { kind: 'deferred', delayMs: 0 };
    }
  }

  /** Frees what the message held, after it has ended in its shard: no worker will deliver it again. */
  async function afterEnd(delivery: Delivery, outcome: Outcome): Promise<void> {
    await Promise.all([holdings.freeAfterEnd(delivery.id, delivery.message), settlement.ended(delivery, outcome)]);
  }

  /** The end of a message that was canceled in flight by a dispatcher that did not get to it. Only its log knows it. */
  async function dropCanceled(id: string, bodyKey: string | undefined): Promise<void> {
    const message = (await logs.read(id)).entries[0]?.message;
    if (message) {
      logs.ended(id, [canceledEntry(Date.now())], message);
      await endCanceled(id, message);
    }
    if (bodyKey) await bodies.release({ kind: 'stored', key: bodyKey }, id, 0);
  }

  return {
    work: (options) =>
      workShard({
        ...options,
        redis: parts.redis,
        log,
        completeJob,
        shards,
        isAwaited: holdsAnything,
        parked: slots.recheck,
        ended: afterEnd,
        drop: dropCanceled,
      }),

    async begin(delivery) {
      const slot = await slots.acquire(delivery);
      if (!slot.has) return slot;
      try {
        // The log of its run says what becomes of it.
        if (isRunDelivery(delivery)) return { has: true, ...(await runs.compose(delivery)) };
        logs.started(delivery.id, delivery.message, activeEntry(delivery.retried, Date.now()));
        return { has: true, header: delivery.message.header, body: await readBody(delivery.message.body) };
      } catch (error) {
        await slots.release(delivery);
        throw error;
      }
    },

    async finish(delivery, judged) {
      try {
        const ofRun = isRunDelivery(delivery) ? await runs.judge(delivery, judged) : judged;
        const outcome = await reconsider(delivery, ofRun);
        await settlement.settle(delivery, outcome);
        return outcome;
      } finally {
        await slots.release(delivery);
      }
    },

    async giveUp(delivery, error) {
      const outcome = failWithoutAttempt(error);
      try {
        await settlement.settle(delivery, outcome);
        return outcome;
      } finally {
        await slots.release(delivery);
      }
    },

    countLoneCrashes: (delivery) => shards.at(delivery.shard).loneAttempts.countCrashes(delivery),
    noteLoneAttempt: (delivery) => shards.at(delivery.shard).loneAttempts.note(delivery),
    divideParallelism: (max, shard) => divideParallelism(max, shards.count, shard),
    flush: () => parts.redis.ping(),
    close: slots.close,
  };
}

/** The outcome of a message to which no request can be made. */
export function failWithoutAttempt(error: string): Extract<Outcome, { kind: 'failed' }> {
  return { kind: 'failed', error, response: { status: 0, header: {}, body: new Uint8Array(), error } };
}
