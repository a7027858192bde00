import type { Broker, ShardWorker } from '@posthorn/broker';
import {
  logRepeats,
  otherOpenFiles,
  readOpenFilesLimit,
  warnOfFewOpenFiles,
  within,
  type Log,
  type ProcessMetrics,
} from '@posthorn/process';
import type { DestinationResponse, Outcome } from '@posthorn/shared';
import type { Config } from './config.ts';
import { createAdmission } from './delivery/admit.ts';
import { deliver, type Steps } from './delivery/deliver.ts';
import { judge } from './delivery/judge.ts';
import { createOwnFaults } from './delivery/own-faults.ts';
import { createPrepare } from './delivery/prepare.ts';
import { createQuarantine } from './delivery/quarantine.ts';
import { createSlowAttempts, noSlowSlot } from './delivery/slow-attempts.ts';
import { createSpacing } from './delivery/spacing.ts';
import { pauseOnWrongClock } from './loops/pause-on-wrong-clock.ts';
import { startScheduler } from './loops/fire-schedules.ts';
import { startSweeper } from './loops/sweep.ts';
import { startTrimmer } from './loops/trim-log.ts';
import { watchProgress } from './loops/watch-progress.ts';
import { startBeat } from './loops/beat.ts';
import { createDeliveryMetrics } from './metrics.ts';
import { maxFurtherSockets } from './transport/connect.ts';
import { createSender } from './transport/send.ts';

export interface DispatcherParts {
  broker: Broker;
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
  /** Slow attempts now, and their maximum number. */
  slowAttempts(): { slowAttempts: number; maxSlowAttempts: number };
  /** Takes nothing new, lets attempts finish within the grace time, hands the rest back. */
  stop(): Promise<void>;
}

/** All parts of the process, and the order in which they stop. */
export async function startDispatcher(parts: DispatcherParts): Promise<Dispatcher> {
  const { broker, config, log, isClockWrong } = parts;
  const keys = await broker.signingKeys.follow();
  const sender = createSender({
    guard: broker.guard,
    connectTimeoutMs: config.connectTimeoutMs,
    maxResponseBytes: config.maxResponseBytes,
  });
  parts.metrics.counter(
    'requests_resent_total',
    'Requests that were sent once more, because the destination had closed the kept connection.',
    sender.resent,
  );
  const prepare = createPrepare({
    currentKey: keys.current,
    signatureLifetimeSeconds: config.signatureTtlSeconds,
    userAgent: config.deliveryUserAgent,
    region: config.upstashRegion,
  });
  const deliverer = broker.createDeliverer({ maxStoredResponseBytes: config.maxStoredResponseBytes });
  const rules = { maxRetryDelayMs: config.maxRetryDelayMs, backoffFactor: config.backoffFactor };
  const slots = Math.max(1, Math.ceil(config.dispatcherConcurrency / config.shards));

  const sweeper = startSweeper(broker, isClockWrong, log);
  const scheduler = startScheduler(broker, config.scheduleCatchupMs, log);
  const trimmer = startTrimmer(broker, config.maxLogLines, log);
  const quarantine = createQuarantine(config.poisonAfter, deliverer);
  const now = () => performance.now();
  const openFiles = readOpenFilesLimit();
  const { dispatcherConcurrency, maxSlowAttempts } = config;
  warnOfFewOpenFiles(log, openFiles, dispatcherConcurrency + maxSlowAttempts + maxFurtherSockets + otherOpenFiles);
  const slowSlots = limitSlowSlots(config, openFiles);
  // A deferred slow attempt may hold a worker slot for a second before it is deferred again.
  const returnsPerSecond = Math.max(1, config.dispatcherConcurrency / 2);
  const slow = createSlowAttempts({
    maxSlots: slowSlots,
    maxBytes: Math.max(slowBytes, 2 * config.maxResponseBytes),
    returnsPerSecond,
    now,
  });
  const faults = createOwnFaults(log, now);
  const faultMs = createSpacing(returnsPerSecond, now);
  /** An attempt that failed because of a fault of this process. */
  const defer = (response: DestinationResponse): Outcome | undefined => {
    if (response.code === noSlowSlot) return { kind: 'deferred', delayMs: slow.deferMs() };
    if (!faults.isOurs(response)) return undefined;
    sender.closeIdle();
    return { kind: 'deferred', delayMs: faultMs() };
  };
  const metrics = createDeliveryMetrics(parts.metrics, {
    workers: () => workers,
    slots: slots * config.shards,
    slowSlots,
    slow,
    faults,
  });
  const send = metrics.timed(sender.send);
  const failed = logRepeats(log, 'warn', 'redis.failed');

  let attempts = 0;
  const workers: ShardWorker[] = Array.from({ length: config.shards }, (_, shard) => {
    const admission = quarantine.around(createAdmission(slots, slow, now));
    const steps: Steps = {
      isPoisoned: quarantine.isPoisoned,
      admit: admission.admit,
      leave: admission.leave,
      begin: async (delivery) => {
        const begun = await deliverer.begin(delivery);
        if (begun.has) metrics.started(delivery);
        return begun;
      },
      prepare,
      send: async (delivery, request) => {
        const startedAt = now();
        const response = await send(request, (exchange) => {
          slow.watch(delivery, {
            requestBytes: request.body?.length ?? 0,
            heldBytes: exchange.heldBytes,
            fail: exchange.fail,
            moved: () => admission.moved(delivery),
          });
        });
        slow.answered(delivery, response.body.length);
        response.durationMs = now() - startedAt;
        return response;
      },
      judge: (delivery, response) => defer(response) ?? judge(delivery, response, rules, Date.now()),
      finish: deliverer.finish,
      giveUp: deliverer.giveUp,
    };
    return deliverer.work({
      shard,
      concurrency: slots,
      maxDetached: slowSlots,
      stalledAfterMs: config.stalledAfterMs,
      failed,
      process: async (delivery) => {
        attempts++;
        try {
          const outcome = await deliver(delivery, steps);
          metrics.finished(outcome);
          return outcome;
        } finally {
          attempts--;
        }
      },
    });
  });

  const clock = pauseOnWrongClock({ workers, isWrong: isClockWrong });
  const beat = startBeat(broker, () => attempts, log);
  const progress = watchProgress({
    workers,
    slots,
    limitOf: (shard) => deliverer.divideParallelism(config.globalParallelism, shard),
    backlogs: broker.backlogs,
    isPaused: clock.isPaused,
    fetchTimeoutMs: config.fetchTimeoutMs,
    log,
    giveUp: parts.giveUp,
  });

  return {
    trouble: () => progress.trouble() ?? faults.trouble() ?? slow.trouble(),
    slowAttempts: () => ({ slowAttempts: slow.inUse(), maxSlowAttempts: slowSlots }),
    async stop() {
      progress.stop();
      clock.stop();
      sweeper.stop();
      trimmer.stop();
      await within(2000, scheduler.stop());
      await within(500, beat.stop());
      await Promise.all(workers.map((worker) => worker.pause()));
      if (!(await within(config.shutdownGraceMs, untilIdle()))) {
        log.warn({ inFlight: attempts }, 'attempts.handed-back');
        sender.abort();
        await within(2000, untilIdle());
      }
      // The ends of the last messages are on their way to Redis; an unavailable Redis must not hold the process.
      await within(2000, deliverer.flush());
      await within(2000, Promise.all(workers.map((worker) => worker.leave())));
      slow.stop();
      faults.stop();
      deliverer.close();
      keys.close();
    },
  };

  async function untilIdle(): Promise<void> {
    while (attempts > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    // What comes after an attempt, the end of its message, starts in the same turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Maximum bytes of requests and responses of slow attempts, or twice the largest response if that is more. */
const slowBytes = 256 * 1024 * 1024;

/** Slow attempts take at most half of `GLOBAL_PARALLELISM`, and half of the file descriptors. */
function limitSlowSlots({ maxSlowAttempts, globalParallelism }: Config, openFiles: number): number {
  const cap = globalParallelism > 0 ? globalParallelism : Infinity;
  const half = Math.floor(Math.min(cap, openFiles - otherOpenFiles / 2) / 2);
  return Math.max(1, Math.min(maxSlowAttempts, half));
}
