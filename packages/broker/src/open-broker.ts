import { once } from 'node:events';
import { within, type Environment, type Log, type ProcessMetrics, type serverSettings } from '@posthorn/process';
import type { Broker, BrokerOptions } from './broker.ts';
import { createBroker } from './create-broker.ts';
import { connectForRequests, connectForWork } from './engine/redis/connect.ts';
import { agreeOnData, inspectRedis } from './engine/redis/inspect.ts';
import { watchRedis, type RedisState, type Trouble } from './engine/redis/watch.ts';
import { addBrokerMetrics } from './views/metrics/broker-metrics.ts';

export interface OpenBrokerOptions extends Pick<
  BrokerOptions,
  'ownPorts' | 'publish' | 'urlGroups' | 'queues' | 'maxSchedules' | 'maxHeldFlowControlKeys'
> {
  config: Environment<typeof serverSettings>;
  log: Log;
  /**
   * `requests`: accepts messages and answers readers; commands fail soon while Redis is unavailable. `work`: delivers;
   * commands wait until Redis is back, and a full Redis is no reason to stop.
   */
  use: 'requests' | 'work';
  /** Maximum number of attempts in flight over all dispatchers, 0 without a limit; for `work`. */
  globalParallelism?: number;
}

/** A broker on a Redis that was found fit for it, and is watched. */
export interface OpenBroker {
  broker: Broker;
  redisVersion: string;
  /** Looks at Redis now, and gives the first reason why this process cannot do its work. */
  findTrouble(): Promise<string | undefined>;
  /** Whether the clock of this process was too far from that of Redis at the last look. */
  isClockWrong(): boolean;
  /** What Redis promises of an accepted message, as of the last look. */
  durability(): RedisState['durability'];
  /** What Redis uses, as of the last look. */
  redisState(): RedisState;
  /** A name of the data in Redis, which is gone with it; empty if there is none. */
  dataName: string;
  addMetrics(metrics: ProcessMetrics): void;
  /** Ends the watch; the broker is closed by itself. */
  stopWatch(): void;
}

const redisTimeoutMs = 8000;
const fatal: readonly Trouble[] = [
  'unavailable',
  'denied',
  'full',
  'read-only',
  'refuses-writes',
  'disk-failed',
  'evicting',
  'clock-wrong',
];

/**
 * Connects to Redis, refuses one that posthorn cannot use, agrees with other processes on the data, and opens a broker.
 *
 * @throws {ConfigurationError} that says what to change
 */
export async function openBroker(options: OpenBrokerOptions): Promise<OpenBroker> {
  const { config, log, use, globalParallelism = 0, ...limits } = options;
  const forRequests = use === 'requests';
  const redis = forRequests ? connectForRequests(config.redisUrl) : connectForWork(config.redisUrl);
  // Long reads have a connection of their own, so that a publish never waits behind the response to one.
  const reads = forRequests ? connectForRequests(config.redisUrl) : undefined;
  for (const connection of [redis, reads]) {
    connection?.on('error', (error) => log.debug({ reason: error.message }, 'redis.failed'));
  }

  const { version, warnings } = await inspectRedis(redis, redisTimeoutMs);
  for (const reason of warnings) log.warn({ reason }, 'redis.shared');
  if (reads && reads.status !== 'ready') {
    await within(
      redisTimeoutMs,
      once(reads, 'ready').catch(() => undefined),
    );
  }
  const agree = () => agreeOnData(redis, config.shards);
  const data = await agree();
  const watch = watchRedis(redis, log, {
    fullAtPercent: config.memoryWatermarkPercent,
    durability: config.durability,
    // A process that delivers takes messages out of a full Redis.
    fatal: forRequests ? fatal : fatal.filter((trouble) => trouble !== 'full'),
    data,
    emptied: async () => {
      if (!forRequests) await broker.shards.limitParallelism(globalParallelism);
      return agree();
    },
  });
  await watch.hasLooked;
  const broker = createBroker({
    ...limits,
    redis,
    ...(reads ? { reads } : {}),
    log,
    shards: config.shards,
    graceMs: config.messageGraceMs,
    logRetentionMs: config.logRetentionMs,
    maxLogLines: config.maxLogLines,
    dlqRetentionMs: config.dlqRetentionMs,
    destinations: {
      allowPrivate: config.allowPrivateDestinations,
      allow: config.destinationAllow,
      deny: config.destinationDeny,
    },
    runs: {
      maxRuns: config.workflowMaxRuns,
      maxSteps: config.workflowMaxSteps,
      maxLogBytes: config.workflowMaxLogBytes,
      lazyBytes: config.workflowLazyBytes,
      retentionMs: Math.max(config.logRetentionMs, config.dlqRetentionMs),
    },
    findNoRoom: () => watch.trouble('full'),
    // By a wrong clock a delay would end too early, or an hour too late.
    ...(forRequests ? { findRefusal: () => watch.trouble('clock-wrong') } : {}),
  });
  watch.followWork(broker.upkeep.countWork);
  if (!forRequests) await broker.shards.limitParallelism(globalParallelism);

  return {
    broker,
    redisVersion: version,
    findTrouble: watch.findTrouble,
    isClockWrong: () => watch.trouble('clock-wrong') !== undefined,
    durability: () => watch.state().durability,
    redisState: watch.state,
    dataName: data,
    addMetrics(metrics) {
      const { backlogs, accepted, logs, workflows } = broker;
      const runs = workflows.measure;
      const endedRuns = workflows.ended;
      addBrokerMetrics(metrics, { redis, watch, backlogs, accepted, runs, endedRuns, lostEntries: logs.lost });
    },
    stopWatch: watch.stop,
  };
}
