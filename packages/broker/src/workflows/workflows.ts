import type { Outcome, Published, RunLetter, RunView, Triggered } from '@posthorn/shared';
import type { RunAttempts, RunDelivery } from '../delivery/run-attempts.ts';
import type { PublishRequest } from '../intake/accept.ts';
import { acceptRunRequests } from './accept-run.ts';
import { composeDelivery } from './compose-delivery.ts';
import { endRun, reportToInvoker } from './end-run.ts';
import { runKeys } from './run-keys.ts';
import { cancelCallback, repeatCallback } from './repeat-callback.ts';
import {
  findLetters,
  listLetters,
  readLetter,
  removeLetters,
  viewLetter,
  type LetterFilter,
  type LetterPage,
} from './run-letters.ts';
import { listRuns, matchesRun, type RunFilter } from './run-list.ts';
import { readLogPieces } from './run-log.ts';
import { listRunViews, type PageSize } from './run-pages.ts';
import type { RunParts } from './run-parts.ts';
export type { RunLimits } from './run-parts.ts';
import { createRunScripts } from './run-scripts.ts';
import { repeatRuns } from './restart-run.ts';
import { createRuns, parseName } from './runs.ts';
import { judgeRunOutcome, noteRefusal, settleRunOutcome } from './settle-run.ts';
import { triggerRuns } from './trigger.ts';
import { registerWaiter } from './register-waiter.ts';
import type { Notified, WaiterView } from './waiter-view.ts';
import { notifyAll, notifyRun, readWaiters, takesWebhook } from './waiters.ts';

/** Runs of workflows: a record and a step log each, in one shard (contract W1). */
export interface Workflows extends RunAttempts {
  /**
   * Checks requests that belong to runs, and gives what stores them: all of them, unless another client is faster.
   *
   * @param name the same error about one of the requests, by its index
   * @throws {RunOverError} for runs that are over; {PosthornError} `limit_exceeded` for every other refusal
   */
  accept(
    requests: readonly PublishRequest[],
    name?: (error: unknown, index: number) => unknown,
  ): Promise<() => Promise<Published[]>>;
  /** The server has refused the result of a call, whose step is perhaps not known. */
  noteRefusal(runId: string, stepId: number | undefined, text: string): Promise<void>;
  /** The step log of an active run, as JSON in pieces; `undefined` for any other. */
  readLog(runId: string): Promise<AsyncGenerator<Buffer> | undefined>;
  /** The workflow has returned. Says whether the run was ever known. */
  finish(runId: string, result: string): Promise<boolean>;
  /** The same for a workflow that cancels itself. */
  cancel(runId: string): Promise<'canceled' | 'over' | 'unknown'>;
  /** @throws {RunOverError}; {PosthornError} `limit_exceeded` */
  wait(eventId: string, headers: readonly string[], json: unknown): Promise<void>;
  /** Resumes all waiters of an event, or those of one run, for which the data is kept if there are none. */
  notify(eventId: string, data: Buffer, runId?: string): Promise<Notified[]>;
  /**
   * Whether a run takes a call of this webhook now, or would keep it. It is asked before the call is read.
   *
   * @throws {PosthornError} `limit_exceeded` when the run has no room for it
   */
  takesWebhook(runId: string, eventId: string): Promise<boolean>;
  /** Gives a webhook call to one waiter; `false` if there is no such run (any more). */
  receiveWebhook(runId: string, eventId: string, data: Buffer): Promise<boolean>;
  waiters(eventId: string): Promise<WaiterView[]>;

  /**
   * Begins runs for a client without an SDK, all or none of them.
   *
   * @param name the same error about one of the requests, by its index
   */
  trigger(requests: readonly PublishRequest[], name?: (error: unknown, index: number) => unknown): Promise<Triggered[]>;
  /**
   * A page of runs that match, newest first, and where to go on if there may be more.
   *
   * @throws {PosthornError} `invalid_request` for a cursor that is none
   */
  list(filter: RunFilter, size: PageSize, cursor?: string): Promise<{ runs: RunView[]; cursor?: string }>;
  /** Cancels runs by their ids, and gives the number of those that went on. */
  cancelMany(runIds: readonly string[]): Promise<number>;
  /** The same for runs that match, at most `count` of them. */
  cancelMatching(filter: RunFilter, count: number): Promise<number>;

  letters: {
    /** A page of entries that match, oldest first, of about so many bytes; a single entry may be larger. */
    list(filter: LetterFilter, maxBytes: number): Promise<{ messages: RunLetter[]; cursor?: string }>;
    /** The ids of such entries, however large these are. */
    find(filter: LetterFilter): Promise<LetterPage>;
    get(dlqId: string): Promise<RunLetter | undefined>;
    remove(dlqIds: readonly string[]): Promise<number>;
    /** Runs that have failed once more, as new runs; `undefined` if one of the entries does not exist. */
    repeat(
      dlqIds: readonly string[],
      mode: 'restart' | 'resume',
      headers: readonly string[],
    ): Promise<Triggered[] | undefined>;
    /** @throws {PosthornError} `invalid_request` unless the failure callback has failed */
    repeatCallback(dlqId: string): Promise<Triggered | undefined>;
    /** @throws {PosthornError} `invalid_request` unless the failure callback is in progress */
    cancelCallback(dlqId: string): Promise<Triggered | undefined>;
  };

  /** Carries an outcome out for the run, before its message ends. Doing it twice changes nothing. */
  settle(
    delivery: RunDelivery,
    outcome: Exclude<Outcome, { kind: 'deferred' }>,
    maxStoredBytes: number,
    maxResultBytes?: number,
  ): Promise<void>;
  /** Runs that this process has ended since it started, by state. */
  ended: Readonly<RunParts['ended']>;
  /** How many steps of runs this process has made. */
  total(): number;
  /** Active runs and those that are remembered, and how long the oldest one has been active. */
  measure(): Promise<{ active: number; ended: number; oldestMs: number }>;
  /** Does for one shard what a process that died has left undone. Says whether there was anything. */
  sweep(shard: number): Promise<boolean>;
  /** Forgets the runs and the dead letters of a shard that are past their retention. */
  expire(shard: number): Promise<void>;
  /** The keys of a shard without which `sweep` finds nothing, and those without which `expire` finds nothing. */
  upkeepKeys(shard: number): { swept: string[]; expiring: string[] };
}

/** Runs that one call looks after. */
const sweepAtOnce = 100;

export interface WorkflowsParts extends Omit<RunParts, 'scripts' | 'runs' | 'ended'> {
  /** What clients read: on a connection of its own, where that process has one, so that reading delays no write. */
  reads: Pick<RunParts, 'redis' | 'shards'>;
}

export function createWorkflows({ reads, ...given }: WorkflowsParts): Workflows {
  const { redis, shards, log } = given;
  const parts: RunParts = {
    ...given,
    scripts: createRunScripts(redis),
    runs: createRuns(redis, shards),
    ended: { RUN_SUCCESS: 0, RUN_FAILED: 0, RUN_CANCELED: 0 },
  };
  const readers: RunParts = { ...parts, ...reads, runs: createRuns(reads.redis, reads.shards) };

  return {
    total: parts.scripts.total,
    accept: (requests, name) => acceptRunRequests(parts, requests, name),
    noteRefusal: (runId, stepId, text) => noteRefusal(parts, runId, stepId, text),

    async readLog(runId) {
      const run = await readers.runs.read(runId);
      return run?.state === 'RUN_STARTED' ? readLogPieces(readers.redis, run) : undefined;
    },
    async finish(runId, result) {
      return (await endRun(parts, { runId }, 'RUN_SUCCESS', result === '' ? {} : { result })).result !== 'unknown';
    },
    async cancel(runId) {
      const { result } = await endRun(parts, { runId }, 'RUN_CANCELED');
      return result === 'ended' ? 'canceled' : result;
    },

    wait: (eventId, headers, json) => registerWaiter(parts, eventId, headers, json),
    async notify(eventId, data, runId) {
      return runId === undefined
        ? notifyAll(parts, eventId, data)
        : ((await notifyRun(parts, runId, eventId, data)) ?? []);
    },
    takesWebhook: (runId, eventId) => takesWebhook(parts, runId, eventId),
    async receiveWebhook(runId, eventId, data) {
      return (await notifyRun(parts, runId, eventId, data, true)) !== undefined;
    },
    waiters: (eventId) => readWaiters(readers, eventId),

    trigger: (requests, name) => triggerRuns(parts, requests, name),
    list: (filter, size, cursor) => listRunViews(readers, filter, size, cursor),
    async cancelMany(runIds) {
      let canceled = 0;
      for (const runId of new Set(runIds)) {
        if ((await endRun(parts, { runId }, 'RUN_CANCELED')).result === 'ended') canceled++;
      }
      return canceled;
    },
    async cancelMatching(filter, count) {
      let canceled = 0;
      const active: RunFilter = { ...filter, state: ['RUN_STARTED'] };
      for await (const run of listRuns(readers, active)) {
        if (canceled >= count) break;
        if (!matchesRun(run, active)) continue;
        const { runId, createdAt } = run;
        if ((await endRun(parts, { runId, createdAt }, 'RUN_CANCELED')).result === 'ended') canceled++;
      }
      return canceled;
    },

    letters: {
      list: (filter, maxBytes) => listLetters(readers, filter, maxBytes),
      find: (filter) => findLetters(readers, filter),
      async get(dlqId) {
        const run = await readLetter(readers, dlqId);
        return run && viewLetter(readers, run);
      },
      remove: (dlqIds) => removeLetters(parts, dlqIds),
      repeat: (dlqIds, mode, headers) => repeatRuns(parts, dlqIds, mode, headers),
      repeatCallback: (dlqId) => repeatCallback(parts, dlqId),
      cancelCallback: (dlqId) => cancelCallback(parts, dlqId),
    },

    compose: (delivery) => composeDelivery(parts, delivery),
    judge: (delivery, outcome) => judgeRunOutcome(parts, delivery, outcome),
    settle: (delivery, outcome, maxStoredBytes, maxResultBytes) =>
      settleRunOutcome(parts, delivery, outcome, maxStoredBytes, maxResultBytes),

    ended: parts.ended,
    async measure() {
      const counts = await Promise.all(
        Array.from({ length: shards.count }, async (_, shard) => {
          const [active, ended, first] = await Promise.all([
            redis.zcard(runKeys.active(shard)),
            redis.zcard(runKeys.ended(shard)),
            redis.zrange(runKeys.active(shard), '0', '0', 'WITHSCORES'),
          ]);
          return { active, ended, began: Number(first[1] ?? Infinity) };
        }),
      );
      const began = Math.min(...counts.map((one) => one.began));
      return {
        active: counts.reduce((sum, one) => sum + one.active, 0),
        ended: counts.reduce((sum, one) => sum + one.ended, 0),
        oldestMs: began === Infinity ? 0 : Math.max(0, Date.now() - began),
      };
    },

    upkeepKeys: (shard) => ({
      swept: [runKeys.unreported(shard)],
      expiring: [runKeys.dlq(shard), runKeys.expiry(shard)],
    }),

    async sweep(shard) {
      const due = await readDue(runKeys.unreported(shard), Date.now() - 1000);
      for (const name of due) {
        const { runId, createdAt } = parseName(name);
        await reportToInvoker(parts, runId, createdAt).catch((error: unknown) =>
          log.warn({ err: error, runId }, 'workflow.invoker-not-reported'),
        );
      }
      return due.length > 0;
    },

    async expire(shard) {
      const [letters, old] = await Promise.all([
        readDue(runKeys.dlq(shard), Date.now() - parts.runLimits.retentionMs),
        readDue(runKeys.expiry(shard), Date.now()),
      ]);
      await removeLetters(parts, letters);
      for (const name of old) {
        await redis.zrem(runKeys.ended(shard), name);
        await redis.zrem(runKeys.unreported(shard), name);
        await redis.zrem(runKeys.expiry(shard), name);
      }
    },
  };

  function readDue(key: string, before: number): Promise<string[]> {
    return redis.zrangebyscore(key, '-inf', before, 'LIMIT', 0, sweepAtOnce);
  }
}
