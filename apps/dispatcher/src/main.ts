import {
  agreeOnShards,
  connectForWork,
  createBroker,
  createLog,
  inspectRedis,
  readBrokerOptions,
  runProcess,
  within,
} from '@posthorn/broker';
import { readConfig } from './config.ts';
import { startDispatcher } from './dispatcher.ts';
import { startProbe } from './probe.ts';

const redisTimeoutMs = 8000;

await runProcess(async () => {
  const config = readConfig();
  const log = createLog('dispatcher', config.LOG_LEVEL);
  const redis = connectForWork(config.REDIS_URL);
  redis.on('error', (error) => log.debug({ reason: error.message }, 'redis.failed'));

  const facts = await inspectRedis(redis, config.DURABILITY, redisTimeoutMs);
  await agreeOnShards(redis, config.SHARDS);
  const broker = createBroker({
    redis,
    log,
    ...readBrokerOptions(config),
    ownPorts: [config.PROBE_PORT, config.PORT].filter((port) => port !== undefined),
    // The queue of a schedule was within the limit when it was made; it may come back after its removal.
    queues: { maxQueues: Infinity, maxParallelism: Infinity },
  });
  const dispatcher = await startDispatcher(broker, redis, config, log);

  let isStopping = false;
  const findTrouble = async () => {
    if (isStopping) return 'The process is stopping.';
    const answers = await within(1000, redis.ping());
    return answers ? undefined : 'Redis does not answer.';
  };
  const probe = config.PROBE_PORT
    ? await startProbe({ host: config.PROBE_HOST, port: config.PROBE_PORT, findTrouble })
    : undefined;
  log.info({ concurrency: config.DISPATCHER_CONCURRENCY, redis: facts.version }, 'dispatcher.started');

  return async () => {
    isStopping = true;
    await dispatcher.stop();
    await within(2000, broker.close());
    probe?.closeAllConnections();
    probe?.close();
    log.info('dispatcher.stopped');
  };
});
