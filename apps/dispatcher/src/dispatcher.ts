import {
  canceledLine,
  isRunJob,
  logRepeats,
  otherOpenFiles,
  readOpenFilesLimit,
  warnOfFewOpenFiles,
  within,
  workShard,
  type Broker,
  type Log,
  type ProcessMetrics,
  type RedisConnection,
  type ShardWorker,
} from '@posthorn/broker';
import type { Answer, Outcome } from '@posthorn/shared';
import type { Config } from './config.ts';
import { createAdmission } from './delivery/admit.ts';
import { deliver, type Steps } from './delivery/deliver.ts';
import { judge } from './delivery/judge.ts';
import { createOwnFaults } from './delivery/own-faults.ts';
import { createPrepare } from './delivery/prepare.ts';
import { createQuarantine } from './delivery/quarantine.ts';
import { createSettlement } from './delivery/settle.ts';
import { settleRuns } from './delivery/settle-run.ts';
import { createSlowAttempts, noSlowPlace } from './delivery/slow-attempts.ts';
import { createSpacing } from './delivery/spacing.ts';
import { createTurns } from './delivery/turn.ts';
import { heedClock } from './loops/heed-clock.ts';
import { startScheduler } from './loops/fire-schedules.ts';
import { startSweeper } from './loops/sweep.ts';
import { startTrimmer } from './loops/trim-events.ts';
import { watchProgress } from './loops/watch-progress.ts';
import { createDeliveryMetrics } from './metrics.ts';
import { createSender } from './transport/send.ts';

export interface DispatcherParts {
  broker: Broker;
  redis: RedisConnection;
  config: Config;
  log: Log;
  metrics: ProcessMetrics;
  isClockWrong: () => boolean;
  /** Ends the process because it cannot do its work. */
  giveUp: () => void;
}

export interface Dispatcher {
  /** Why messages are not fetched or not delivered, if that is so. */
  trouble(): string | undefined;
  /** Slow attempts now, and the most at once. */
  slowAttempts(): { slowAttempts: number; maxSlowAttempts: number };
  /** Takes nothing new, lets attempts finish within the grace time, hands the rest back. */
  stop(): Promise<void>;
}

/** The process as a list: what it starts, and in which order it stops. */
export async function startDispatcher(parts: DispatcherParts): Promise<Dispatcher> {
  const { broker, redis, config, log, isClockWrong } = parts;
  const keys = await broker.signingKeys.follow();
  await limitParallelism(broker, config);
  const sender = createSender({
    guard: broker.guard,
    connectTimeoutMs: config.CONNECT_TIMEOUT_SECONDS,
    maxResponseBytes: config.MAX_RESPONSE_BYTES,
  });
  parts.metrics.counter(
    'requests_resent_total',
    'Requests that were sent once more, because the destination had closed the kept connection.',
    sender.resent,
  );
  const prepare = createPrepare({
    broker,
    currentKey: keys.current,
    signatureLifetimeSeconds: config.SIGNATURE_TTL_SECONDS,
    userAgent: config.DELIVERY_USER_AGENT,
    region: config.UPSTASH_REGION,
  });
  const settleOptions = {
    broker,
    log,
    graceMs: config.MESSAGE_GRACE_SECONDS,
    dlqRetentionMs: config.DLQ_RETENTION_SECONDS,
    maxStoredResponseBytes: config.MAX_STORED_RESPONSE_BYTES,
  };
  const settlement = settleRuns(createSettlement(settleOptions), settleOptions);
  const rules = { maxRetryDelayMs: config.MAX_RETRY_DELAY_SECONDS, backoffFactor: config.BACKOFF_FACTOR };
  const slots = Math.max(1, Math.ceil(config.DISPATCHER_CONCURRENCY / config.SHARDS));

  const turns = createTurns(broker);
  const sweeper = startSweeper(broker, isClockWrong, log);
  const scheduler = startScheduler(broker, config.SCHEDULE_CATCHUP_SECONDS, log);
  const trimmer = startTrimmer(broker, config.MAX_LOG_LINES, log);
  const quarantine = createQuarantine(config.POISON_AFTER);
  const now = () => performance.now();
  const openFiles = readOpenFilesLimit();
  warnOfFewOpenFiles(log, openFiles, config.DISPATCHER_CONCURRENCY + config.MAX_SLOW_ATTEMPTS + otherOpenFiles);
  const slowPlaces = readSlowPlaces(config, openFiles);
  // Each of them may hold a worker slot for a second before it is known that there is no place.
  const returnsPerSecond = Math.max(1, config.DISPATCHER_CONCURRENCY / 2);
  const slow = createSlowAttempts({
    places: slowPlaces,
    maxBytes: Math.max(slowBytes, 2 * config.MAX_RESPONSE_BYTES),
    returnsPerSecond,
    now,
  });
  const faults = createOwnFaults(log, now);
  const faultMs = createSpacing(returnsPerSecond, now);
  /** An attempt that could not be made, or not go on, for a reason of our own. */
  const defer = (answer: Answer): Outcome | undefined => {
    if (answer.code === noSlowPlace) return { kind: 'held', delayMs: slow.deferMs() };
    if (!faults.isOurs(answer)) return undefined;
    sender.closeIdle();
    return { kind: 'held', delayMs: faultMs() };
  };
  const metrics = createDeliveryMetrics(parts.metrics, {
    workers: () => workers,
    slots: slots * config.SHARDS,
    slowPlaces,
    slow,
    faults,
  });
  const send = metrics.timed(sender.send);
  const failed = logRepeats(log, 'warn', 'redis.failed');

  let attempts = 0;
  const workers: ShardWorker[] = Array.from({ length: config.SHARDS }, (_, shard) => {
    const admission = quarantine.around(createAdmission(slots, slow, now));
    const steps: Steps = {
      isPoisoned: quarantine.isPoisoned,
      admit: admission.admit,
      leave: admission.leave,
      takeTurn: turns.takeTurn,
      endTurn: turns.endTurn,
      prepare: (job) => {
        metrics.started(job);
        return prepare(job);
      },
      send: async (job, request) => {
        const answer = await send(request, (exchange) => {
          slow.watch(job, {
            requestBytes: request.body?.length ?? 0,
            heldBytes: exchange.heldBytes,
            fail: exchange.fail,
            moved: () => admission.moved(job),
          });
        });
        slow.answered(job);
        return answer;
      },
      standing: async (job) => {
        const standing = await broker.shards.at(shard).standing(job);
        if (standing === 'lost') log.warn({ messageId: job.id }, 'attempt.lost');
        return standing;
      },
      judge: (job, answer) => {
        const outcome = defer(answer) ?? judge(job, answer, rules, Date.now());
        return isRunJob(job) ? broker.workflows.judge(job, outcome) : outcome;
      },
      settle: settlement.settle,
    };
    return workShard({
      redis,
      shard,
      concurrency: slots,
      maxDetached: slowPlaces,
      stalledAfterMs: config.STALLED_AFTER_SECONDS,
      log,
      failed,
      process: async (job) => {
        attempts++;
        try {
          const outcome = await deliver(job, steps);
          metrics.finished(outcome);
          return outcome;
        } finally {
          attempts--;
        }
      },
      parked: turns.parked,
      ended: async (job, outcome) => {
        await Promise.all([turns.ended(job), settlement.ended(job, outcome)]);
      },
      drop: async (id, bodyKey) => {
        // Only the log still knows what it was.
        const message = (await broker.events.read(id)).events[0]?.message;
        if (message) {
          broker.events.ended(id, [canceledLine(Date.now())], message);
          await broker.messages.forget(id, message);
        }
        if (bodyKey) await broker.bodies.release({ kind: 'stored', key: bodyKey }, id, 0);
      },
    });
  });

  const clock = heedClock({ workers, isWrong: isClockWrong });
  const progress = watchProgress({
    workers,
    slots,
    limitOf: (shard) => readLimit(config, shard),
    backlogs: broker.backlogs,
    isHeld: clock.isHeld,
    deafAfterMs: config.DEAF_AFTER_SECONDS,
    log,
    giveUp: parts.giveUp,
  });

  return {
    trouble: () => progress.trouble() ?? faults.trouble() ?? slow.trouble(),
    slowAttempts: () => ({ slowAttempts: slow.inUse(), maxSlowAttempts: slowPlaces }),
    async stop() {
      progress.stop();
      clock.stop();
      sweeper.stop();
      trimmer.stop();
      await within(2000, scheduler.stop());
      await Promise.all(workers.map((worker) => worker.pause()));
      if (!(await within(config.SHUTDOWN_GRACE_SECONDS, untilIdle()))) {
        log.warn({ inFlight: attempts }, 'attempts.handed-back');
        sender.abort();
        await within(2000, untilIdle());
      }
      // The end of the last jobs is on its way to Redis; a Redis that is away must not hold the process.
      await within(2000, redis.ping());
      await within(2000, Promise.all(workers.map((worker) => worker.leave())));
      slow.stop();
      faults.stop();
      turns.close();
      keys.close();
    },
  };

  async function untilIdle(): Promise<void> {
    while (attempts > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    // What comes after an attempt, the job's own end, starts in the same turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Slow attempts hold at most so many bytes of requests and responses, or twice a response when that is more. */
const slowBytes = 256 * 1024 * 1024;

/** Of a cap over all dispatchers, and of few descriptors, slow attempts take one half at most. */
function readSlowPlaces({ MAX_SLOW_ATTEMPTS, GLOBAL_PARALLELISM }: Config, openFiles: number): number {
  const cap = GLOBAL_PARALLELISM > 0 ? GLOBAL_PARALLELISM : Infinity;
  const half = Math.floor(Math.min(cap, openFiles - otherOpenFiles / 2) / 2);
  return Math.max(1, Math.min(MAX_SLOW_ATTEMPTS, half));
}

/** Sets the most attempts in flight over all dispatchers, which Redis keeps. */
export async function limitParallelism({ shards }: Broker, config: Config): Promise<void> {
  await Promise.all(
    Array.from({ length: config.SHARDS }, (_, shard) =>
      shards.at(shard).setGlobalConcurrency(readLimit(config, shard)),
    ),
  );
}

/** The configured cap over all dispatchers, divided over the shards: BullMQ counts per shard, and no key is shared. */
function readLimit({ GLOBAL_PARALLELISM, SHARDS }: Config, shard: number): number {
  return Math.floor((GLOBAL_PARALLELISM + shard) / SHARDS);
}
