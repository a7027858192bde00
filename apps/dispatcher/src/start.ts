import { createSecureContext } from 'node:tls';
import {
  agreeOnData,
  connectForWork,
  createBroker,
  createProcessMetrics,
  inspectRedis,
  openLog,
  readBrokerOptions,
  runProcess,
  watchRedis,
  within,
} from '@posthorn/broker';
import { readConfig, warnOfMisspeltVariables } from './config.ts';
import { limitParallelism, startDispatcher } from './dispatcher.ts';
import { startProbe } from './probe.ts';

const redisTimeoutMs = 8000;

await runProcess(async (giveUp) => {
  const config = readConfig();
  const { log, dropped } = openLog('dispatcher', config.LOG_LEVEL);
  warnOfMisspeltVariables(log);
  const redis = connectForWork(config.REDIS_URL);
  redis.on('error', (error) => log.debug({ reason: error.message }, 'redis.failed'));

  // Reads the authorities now, while there are descriptors: Node.js does it once, and goes on without what it cannot read.
  createSecureContext();
  const { version, warnings } = await inspectRedis(redis, redisTimeoutMs);
  for (const reason of warnings) log.warn({ reason }, 'redis.shared');
  const agree = () => agreeOnData(redis, config.SHARDS);
  const data = await agree();
  const watch = watchRedis(redis, log, {
    fullAtPercent: config.MEMORY_WATERMARK_PERCENT,
    durability: config.DURABILITY,
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
    ownPorts: [config.PROBE_PORT, config.PORT, config.METRICS_PORT],
    // The queue of a schedule was within the limit when it was made; it may come back after its removal.
    queues: { maxQueues: Infinity, maxParallelism: Infinity },
  });
  const { backlogs, accepted, events } = broker;
  const metrics = createProcessMetrics({
    redis,
    watch,
    backlogs,
    accepted,
    runs: broker.workflows.measure,
    lostLines: events.lost,
    droppedLines: dropped,
  });
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
    shards: config.SHARDS,
    durability: watch.state().durability,
    ...dispatcher.slowAttempts(),
  });
  const probe = config.PROBE_PORT
    ? await startProbe({ host: config.PROBE_HOST, port: config.PROBE_PORT, findTrouble, details, metrics })
    : undefined;
  log.info({ concurrency: config.DISPATCHER_CONCURRENCY, redis: version }, 'dispatcher.started');

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
