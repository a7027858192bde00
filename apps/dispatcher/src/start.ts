import { createSecureContext } from 'node:tls';
import { openBroker } from '@posthorn/broker';
import { createProcessMetrics, openLog, runProcess, startProbeServer, within } from '@posthorn/process';
import { readConfig, warnOfMisspeltVariables } from './config.ts';
import { startDispatcher } from './dispatcher.ts';

await runProcess(async (giveUp) => {
  const config = readConfig();
  const { log, dropped } = openLog('dispatcher', config.logLevel);
  warnOfMisspeltVariables(log);
  // Reads the authorities now, while there are descriptors: Node.js does it once, and goes on without what it cannot read.
  createSecureContext();
  const open = await openBroker({
    config,
    log,
    use: 'work',
    globalParallelism: config.globalParallelism,
    ownPorts: [config.probePort, config.port, config.metricsPort],
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
  const probe = config.probePort
    ? await startProbeServer({ host: config.probeHost, port: config.probePort, findTrouble, details, metrics })
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
});
