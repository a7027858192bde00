import { once } from 'node:events';
import type { Server } from 'node:http';
import {
  agreeOnData,
  ConfigurationError,
  connectForRequests,
  createBroker,
  createProcessMetrics,
  inspectRedis,
  openLog,
  readOpenFilesLimit,
  readBrokerOptions,
  runProcess,
  warnOfFewOpenFiles,
  watchRedis,
  within,
} from '@posthorn/broker';
import { createApp } from './app.ts';
import { findDoubts, readConfig, warnOfMisspeltVariables, type Config } from './config.ts';
import { startMetricsServer } from './metrics.ts';
import { createServer } from './server.ts';

const redisTimeoutMs = 8000;
/** With fewer, some hundred idle connections would keep all others out. */
const minOpenFiles = 1024;

await runProcess(async () => {
  const config = readConfig();
  const { log, dropped } = openLog('api', config.LOG_LEVEL);
  for (const reason of findDoubts(config)) log.warn({ reason }, 'configuration.doubtful');
  warnOfMisspeltVariables(log);
  warnOfFewOpenFiles(log, readOpenFilesLimit(), minOpenFiles);
  const redis = connectForRequests(config.REDIS_URL);
  // Long reads have a connection of their own, so that a publish never waits behind the answer to one.
  const reads = connectForRequests(config.REDIS_URL);
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
  const agree = () => agreeOnData(redis, config.SHARDS);
  const data = await agree();

  const watch = watchRedis(redis, log, {
    fullAtPercent: config.MEMORY_WATERMARK_PERCENT,
    durability: config.DURABILITY,
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
    ownPorts: [config.PORT, config.METRICS_PORT],
    publish: {
      defaultRetries: Math.min(config.DEFAULT_RETRIES, config.MAX_RETRIES),
      maxRetries: config.MAX_RETRIES,
      maxDelayMs: config.MAX_DELAY_SECONDS,
      defaultTimeoutMs: config.DEFAULT_TIMEOUT_SECONDS,
      maxTimeoutMs: config.MAX_TIMEOUT_SECONDS,
      maxLabels: config.MAX_LABELS,
      deduplicationWindowMs: config.DEDUP_WINDOW_SECONDS,
    },
    queues: { maxQueues: config.MAX_QUEUES, maxParallelism: config.MAX_QUEUE_PARALLELISM },
    maxSchedules: config.MAX_SCHEDULES,
    urlGroups: { maxGroups: config.MAX_URL_GROUPS, maxEndpoints: config.MAX_ENDPOINTS_PER_GROUP },
  });
  await broker.signingKeys.prepare({
    ...(config.QSTASH_CURRENT_SIGNING_KEY ? { current: config.QSTASH_CURRENT_SIGNING_KEY } : {}),
    ...(config.QSTASH_NEXT_SIGNING_KEY ? { next: config.QSTASH_NEXT_SIGNING_KEY } : {}),
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

  let isStopping = false;
  const findTrouble = async () => (isStopping ? 'The process is stopping.' : watch.findTrouble());
  const durability = () => watch.state().durability;
  const { server, stop } = createServer(createApp({ broker, config, log, findTrouble, metrics, durability }));
  const metricsServer = config.METRICS_PORT
    ? await startMetricsServer(metrics, config.METRICS_HOST, config.METRICS_PORT)
    : undefined;
  await listen(server, config);
  log.info({ host: config.HOST, port: config.PORT, durability: durability() }, 'api.started');

  return async () => {
    isStopping = true;
    watch.stop();
    metricsServer?.closeAllConnections();
    metricsServer?.close();
    if (!(await within(config.SHUTDOWN_GRACE_SECONDS, stop()))) server.closeAllConnections();
    await within(2000, broker.close());
    log.info('api.stopped');
  };
});

function listen(server: Server, { HOST, PORT }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: `PORT: ${PORT} on ${HOST} is in use; stop what uses it or set PORT to another number.`,
        EACCES: `PORT: this user may not listen on ${PORT}; set PORT to a number above 1023.`,
        EADDRNOTAVAIL: `HOST: ${HOST} is no address of this machine; set HOST to one.`,
        ENOTFOUND: `HOST: ${HOST} cannot be found; set HOST to an address of this machine.`,
      };
      const reason = reasons[error.code ?? ''] ?? `HOST: cannot listen on ${HOST}:${PORT} (${error.message}).`;
      reject(new ConfigurationError(reason));
    });
    server.listen(PORT, HOST, () => {
      resolve();
    });
  });
}
