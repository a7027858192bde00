import {
  canceledLine,
  logRepeats,
  within,
  workShard,
  type Broker,
  type Log,
  type ProcessMetrics,
  type RedisConnection,
  type ShardWorker,
} from '@posthorn/broker';
import type { Config } from './config.ts';
import { createAdmission } from './delivery/admit.ts';
import { deliver, type Steps } from './delivery/deliver.ts';
import { judge } from './delivery/judge.ts';
import { createPrepare } from './delivery/prepare.ts';
import { createQuarantine } from './delivery/quarantine.ts';
import { createSender } from './delivery/send.ts';
import { createSettlement } from './delivery/settle.ts';
import { createTurns } from './delivery/turn.ts';
import { heedClock } from './loops/heed-clock.ts';
import { startScheduler } from './loops/fire-schedules.ts';
import { startSweeper } from './loops/sweep.ts';
import { startTrimmer } from './loops/trim-events.ts';
import { watchProgress } from './loops/watch-progress.ts';
import { createDeliveryMetrics } from './metrics.ts';

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
  /** Why no messages are being fetched, if that is so. */
  trouble(): string | undefined;
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
  const prepare = createPrepare({
    broker,
    currentKey: keys.current,
    signatureLifetimeSeconds: config.SIGNATURE_TTL_SECONDS,
    userAgent: config.DELIVERY_USER_AGENT,
    region: config.UPSTASH_REGION,
  });
  const settlement = createSettlement({
    broker,
    log,
    graceMs: config.MESSAGE_GRACE_SECONDS,
    dlqRetentionMs: config.DLQ_RETENTION_SECONDS,
    maxStoredResponseBytes: config.MAX_STORED_RESPONSE_BYTES,
  });
  const rules = { maxRetryDelayMs: config.MAX_RETRY_DELAY_SECONDS, backoffFactor: config.BACKOFF_FACTOR };
  const slots = Math.max(1, Math.ceil(config.DISPATCHER_CONCURRENCY / config.SHARDS));

  const turns = createTurns(broker);
  const sweeper = startSweeper(broker, isClockWrong, log);
  const scheduler = startScheduler(broker, config.SCHEDULE_CATCHUP_SECONDS, log);
  const trimmer = startTrimmer(broker, config.MAX_LOG_LINES, log);
  const quarantine = createQuarantine(config.POISON_AFTER);
  const metrics = createDeliveryMetrics(parts.metrics, () => workers, slots * config.SHARDS);
  const send = metrics.timed(sender.send);
  const failed = logRepeats(log, 'warn', 'redis.failed');

  let attempts = 0;
  const workers: ShardWorker[] = Array.from({ length: config.SHARDS }, (_, shard) => {
    const steps: Steps = {
      isPoisoned: quarantine.isPoisoned,
      ...quarantine.around(createAdmission(slots, Date.now)),
      takeTurn: turns.takeTurn,
      endTurn: turns.endTurn,
      prepare: (job) => {
        metrics.started(job);
        return prepare(job);
      },
      send,
      standing: async (job) => {
        const standing = await broker.shards.at(shard).standing(job);
        if (standing === 'lost') log.warn({ messageId: job.id }, 'attempt.lost');
        return standing;
      },
      judge: (job, answer) => judge(job, answer, rules, Date.now()),
      settle: settlement.settle,
    };
    return workShard({
      redis,
      shard,
      concurrency: slots,
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
    trouble: progress.trouble,
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
