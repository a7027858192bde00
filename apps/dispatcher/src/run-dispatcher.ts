import { createSecureContext } from 'node:tls';
import { openBroker } from '@posthorn/broker';
import {
  createProcessMetrics,
  listPorts,
  openLog,
  readProcessNumber,
  startProbeServer,
  within,
} from '@posthorn/process';
import { warnOfMisspelledVariables, type Config } from './config.ts';
import { startDispatcher } from './dispatcher.ts';

/**
 * Runs a dispatcher in this process, alone or as one of several.
 *
 * @param giveUp ends the process because it cannot do its work
 * @returns the way to stop it
 */
export async function runDispatcher(config: Config, giveUp: () => void): Promise<() => Promise<void>> {
  const number = readProcessNumber();
  const { log, dropped } = openLog('dispatcher', config.logLevel, number);
  const probePorts = listPorts('PROBE_PORT', config.probePort, config.dispatchers);
  const probePort = probePorts[(number ?? 1) - 1];
  const metricsPorts = listPorts('METRICS_PORT', config.metricsPort, config.apis);
  warnOfMisspelledVariables(log);
  // Reads the authorities now, while there are descriptors: Node.js does it once, and goes on without what it cannot read.
  createSecureContext();
  const open = await openBroker({
    config,
    log,
    use: 'work',
    globalParallelism: config.globalParallelism,
    ownPorts: [...probePorts, config.port, ...metricsPorts],
    // The queue of a schedule was within the limit when it was made; it may come back after its removal.
    queues: { maxQueues: Infinity, maxParallelism: Infinity },
  });
  const { broker } = open;
  const metrics = createProcessMetrics(dropped);
  open.addMetrics(metrics);
  const dispatcher = await startDispatcher({
    broker,
    config,
    log,
    metrics,
    isClockWrong: open.isClockWrong,
    giveUp,
  });

  let isStopping = false;
  const findTrouble = async () => {
    if (isStopping) return 'The process is stopping.';
    return (await open.findTrouble()) ?? dispatcher.trouble();
  };
  const details = () => ({
    shards: config.shards,
    durability: open.durability(),
    ...dispatcher.slowAttempts(),
  });
  const probe = probePort
    ? await startProbeServer({ host: config.probeHost, port: probePort, findTrouble, details, metrics })
    : undefined;
  log.info({ concurrency: config.dispatcherConcurrency, redis: open.redisVersion }, 'dispatcher.started');

  return async () => {
    isStopping = true;
    open.stopWatch();
    await dispatcher.stop();
    await within(2000, broker.close());
    probe?.closeAllConnections();
    probe?.close();
    log.info('dispatcher.stopped');
  };
}
