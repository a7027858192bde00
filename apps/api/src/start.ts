import { once } from 'node:events';
import {
  addBrokerMetrics,
  agreeOnData,
  connectForRequests,
  createBroker,
  inspectRedis,
  readBrokerOptions,
  watchRedis,
} from '@posthorn/broker';
import {
  createProcessMetrics,
  explainListenError,
  listen,
  openLog,
  readOpenFilesLimit,
  runProcess,
  startMetricsServer,
  warnOfFewOpenFiles,
  within,
} from '@posthorn/process';
import { createApp } from './app.ts';
import { findDoubts, readConfig, warnOfMisspeltVariables } from './config.ts';
import { createServer } from './server.ts';

const redisTimeoutMs = 8000;
/** With fewer, some hundred idle connections would keep all others out. */
const minOpenFiles = 1024;

await runProcess(async () => {
  const config = readConfig();
  const { log, dropped } = openLog('api', config.logLevel);
  for (const reason of findDoubts(config)) log.warn({ reason }, 'configuration.doubtful');
  warnOfMisspeltVariables(log);
  warnOfFewOpenFiles(log, readOpenFilesLimit(), minOpenFiles);
  const redis = connectForRequests(config.redisUrl);
  // Long reads have a connection of their own, so that a publish never waits behind the answer to one.
  const reads = connectForRequests(config.redisUrl);
  for (const connection of [redis, reads]) {
    connection.on('error', (error) => log.debug({ reason: error.message }, 'redis.failed'));
  }

  const { warnings } = await inspectRedis(redis, redisTimeoutMs);
  for (const reason of warnings) log.warn({ reason }, 'redis.shared');
  if (reads.status !== 'ready')
    await within(
      redisTimeoutMs,
      once(reads, 'ready').catch(() => undefined),
    );
  const agree = () => agreeOnData(redis, config.shards);
  const data = await agree();

  const watch = watchRedis(redis, log, {
    fullAtPercent: config.memoryWatermarkPercent,
    durability: config.durability,
    fatal: ['away', 'denied', 'full', 'read-only', 'disk-failed', 'evicting', 'clock-wrong'],
    data,
    emptied: agree,
  });
  await watch.hasLooked;
  const broker = createBroker({
    redis,
    reads,
    log,
    findNoRoom: () => watch.trouble('full'),
    // By this clock a delay would end too early, or an hour too late.
    findRefusal: () => watch.trouble('clock-wrong'),
    ...readBrokerOptions(config),
    ownPorts: [config.port, config.metricsPort],
    publish: {
      defaultRetries: Math.min(config.defaultRetries, config.maxRetries),
      maxRetries: config.maxRetries,
      maxDelayMs: config.maxDelayMs,
      defaultTimeoutMs: config.defaultTimeoutMs,
      maxTimeoutMs: config.maxTimeoutMs,
      maxLabels: config.maxLabels,
      deduplicationWindowMs: config.dedupWindowMs,
    },
    queues: { maxQueues: config.maxQueues, maxParallelism: config.maxQueueParallelism },
    maxSchedules: config.maxSchedules,
    urlGroups: { maxGroups: config.maxUrlGroups, maxEndpoints: config.maxEndpointsPerGroup },
  });
  await broker.signingKeys.prepare({
    ...(config.qstashCurrentSigningKey ? { current: config.qstashCurrentSigningKey } : {}),
    ...(config.qstashNextSigningKey ? { next: config.qstashNextSigningKey } : {}),
  });

  const { backlogs, accepted, events } = broker;
  const metrics = createProcessMetrics(dropped);
  addBrokerMetrics(metrics, { redis, watch, backlogs, accepted, lostLines: events.lost });

  let isStopping = false;
  const findTrouble = async () => (isStopping ? 'The process is stopping.' : watch.findTrouble());
  const durability = () => watch.state().durability;
  const { server, stop } = createServer(createApp({ broker, config, log, findTrouble, metrics, durability }));
  const metricsServer = config.metricsPort
    ? await startMetricsServer(metrics, config.metricsHost, config.metricsPort)
    : undefined;
  const { host, port } = config;
  await listen(server, { host, port }, (error) => {
    const reason = explainListenError(error, { variable: 'PORT', host, port });
    return reason ?? `HOST: cannot listen on ${host}:${port} (${error.message}).`;
  });
  log.info({ host, port, durability: durability() }, 'api.started');

  return async () => {
    isStopping = true;
    watch.stop();
    metricsServer?.closeAllConnections();
    metricsServer?.close();
    if (!(await within(config.shutdownGraceMs, stop()))) server.closeAllConnections();
    await within(2000, broker.close());
    log.info('api.stopped');
  };
});
