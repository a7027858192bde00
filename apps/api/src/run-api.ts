import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { openBroker } from '@posthorn/broker';
import {
  createProcessMetrics,
  listen,
  listPorts,
  openLog,
  readOpenFilesLimit,
  readProcessNumber,
  startMetricsServer,
  warnOfFewOpenFiles,
  within,
} from '@posthorn/process';
import { createApp } from './app.ts';
import { findDoubts, warnOfMisspelledVariables, type Config } from './config.ts';
import { formatCookieName } from './console/cookies.ts';
import { listTokens } from './middleware/authenticate.ts';
import { createServer } from './server.ts';

/** With fewer, some hundred idle connections would keep all others out. */
const minOpenFiles = 1024;

/**
 * Runs the API in this process, alone or as one of several.
 *
 * @returns the way to stop it
 */
export async function runApi(config: Config): Promise<() => Promise<void>> {
  const number = readProcessNumber();
  const { log, dropped } = openLog('api', config.logLevel, number);
  const metricsPorts = listPorts('METRICS_PORT', config.metricsPort, config.apis);
  const metricsPort = metricsPorts[(number ?? 1) - 1];
  for (const reason of findDoubts(config)) log.warn({ reason }, 'configuration.doubtful');
  warnOfMisspelledVariables(log);
  warnOfFewOpenFiles(log, readOpenFilesLimit(), minOpenFiles);
  const open = await openBroker({
    config,
    log,
    use: 'requests',
    ownPorts: [config.port, ...metricsPorts],
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
    maxHeldFlowControlKeys: config.maxHeldFlowControlKeys,
    urlGroups: { maxGroups: config.maxUrlGroups, maxEndpoints: config.maxEndpointsPerGroup },
  });
  const { broker, durability } = open;
  await broker.signingKeys.prepare({
    ...(config.qstashCurrentSigningKey ? { current: config.qstashCurrentSigningKey } : {}),
    ...(config.qstashNextSigningKey ? { next: config.qstashNextSigningKey } : {}),
  });

  const metrics = createProcessMetrics(dropped);
  open.addMetrics(metrics);

  let isStopping = false;
  const findTrouble = async () => (isStopping ? 'The process is stopping.' : open.findTrouble());
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const app = createApp({
    broker,
    config,
    log,
    findTrouble,
    metrics,
    durability,
    redisState: open.redisState,
    sessions: broker.createSessions(listTokens(config.qstashToken, config.qstashReadonlyToken)),
    cookieName: formatCookieName(open.dataName),
    version: readVersion(),
    stopping: stopping.signal,
  });
  const { server, stop } = createServer(app);
  const metricsServer = metricsPort ? await startMetricsServer(metrics, config.metricsHost, metricsPort) : undefined;
  const { host, port } = config;
  await listen(server, { variable: 'PORT', host, port });
  log.info({ host, port, durability: durability() }, 'api.started');

  return async () => {
    isStopping = true;
    stopping.abort();
    open.stopWatch();
    metricsServer?.closeAllConnections();
    metricsServer?.close();
    if (!(await within(config.shutdownGraceMs, stop()))) server.closeAllConnections();
    await within(2000, broker.close());
    log.info('api.stopped');
  };
}

/** The version in the manifest of this app. */
function readVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
