import { createSecureContext } from 'node:tls';
import {
  addBrokerMetrics,
  agreeOnData,
  connectForWork,
  createBroker,
  inspectRedis,
  readBrokerOptions,
  watchRedis,
} from '@posthorn/broker';
import { createProcessMetrics, openLog, runProcess, startProbeServer, within } from '@posthorn/process';
import { readConfig, warnOfMisspeltVariables } from './config.ts';
import { limitParallelism, startDispatcher } from './dispatcher.ts';

const redisTimeoutMs = 8000;

await runProcess(async (giveUp) => {
  const config = readConfig();
  const { log, dropped } = openLog('dispatcher', config.logLevel);
  warnOfMisspeltVariables(log);
  const redis = connectForWork(config.redisUrl);
  redis.on('error', (error) => log.debug({ reason: error.message }, 'redis.failed'));

  // Reads the authorities now, while there are descriptors: Node.js does it once, and goes on without what it cannot read.
  createSecureContext();
  const { version, warnings } = await inspectRedis(redis, redisTimeoutMs);
  for (const reason of warnings) log.warn({ reason }, 'redis.shared');
  const agree = () => agreeOnData(redis, config.shards);
  const data = await agree();
  const watch = watchRedis(redis, log, {
    fullAtPercent: config.memoryWatermarkPercent,
    durability: config.durability,
    // Of a full Redis this process takes messages out.
    fatal: ['away', 'denied', 'read-only', 'disk-failed', 'evicting', 'clock-wrong'],
    data,
    emptied: async () => {
      await limitParallelism(broker, config);
      return agree();
    },
  });
  await watch.hasLooked;
  const broker = createBroker({
    redis,
    log,
    findNoRoom: () => watch.trouble('full'),
    ...readBrokerOptions(config),
    ownPorts: [config.probePort, config.port, config.metricsPort],
    // The queue of a schedule was within the limit when it was made; it may come back after its removal.
    queues: { maxQueues: Infinity, maxParallelism: Infinity },
  });
  const { backlogs, accepted, events } = broker;
  const metrics = createProcessMetrics(dropped);
  addBrokerMetrics(metrics, { redis, watch, backlogs, accepted, lostLines: events.lost });
  const dispatcher = await startDispatcher({
    broker,
    redis,
    config,
    log,
    metrics,
    isClockWrong: () => watch.trouble('clock-wrong') !== undefined,
    giveUp,
  });

  let isStopping = false;
  const findTrouble = async () => {
    if (isStopping) return 'The process is stopping.';
    return (await watch.findTrouble()) ?? dispatcher.trouble();
  };
  const details = () => ({
    shards: config.shards,
    durability: watch.state().durability,
    ...dispatcher.slowAttempts(),
  });
  const probe = config.probePort
    ? await startProbeServer({ host: config.probeHost, port: config.probePort, findTrouble, details, metrics })
    : undefined;
  log.info({ concurrency: config.dispatcherConcurrency, redis: version }, 'dispatcher.started');

  return async () => {
    isStopping = true;
    watch.stop();
    await dispatcher.stop();
    await within(2000, broker.close());
    probe?.closeAllConnections();
    probe?.close();
    log.info('dispatcher.stopped');
  };
});
