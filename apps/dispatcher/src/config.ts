import {
  ConfigurationError,
  defineEnvironment,
  headerText,
  host,
  integer,
  maxProcesses,
  readEnvironment,
  seconds,
  serverSettings,
  type Environment,
  warnOfMisspelled,
  type Log,
} from '@posthorn/process';

/** The environment of a dispatcher (contract R13). */
export const table = defineEnvironment({
  ...serverSettings,
  DISPATCHERS: {
    schema: integer(1, 1, maxProcesses),
    help: 'Number of dispatchers that are started together; each uses up to one core.',
  },
  PROBE_PORT: {
    schema: integer(0, 1, 65_535),
    help: 'Port of /health, /ready and /metrics. Of several dispatchers, each has the port after that of the one before.',
  },
  PROBE_HOST: { schema: host('127.0.0.1'), help: 'Address of the probe.' },
  PORT: {
    schema: integer(0, 1, 65_535),
    help: 'Port of an API on the same machine, which is refused as a destination; none when unset.',
  },
  METRICS_PORT: {
    schema: integer(0, 1, 65_535),
    help: 'Port of the metrics of that API, which is also refused as a destination; none when unset.',
  },
  DISPATCHER_CONCURRENCY: {
    schema: integer(200, 1, 10_000),
    help: 'Worker slots per process: maximum of deliveries in flight that take less than a quarter of a second, and of deliveries to one destination.',
  },
  MAX_SLOW_ATTEMPTS: {
    schema: integer(1000, 1, 20_000),
    help: 'Maximum of deliveries in flight per process that take longer; they occupy no worker slot.',
  },
  GLOBAL_PARALLELISM: {
    schema: integer(0, 0),
    help: 'Maximum of deliveries in flight over all dispatchers; 0 for no limit, otherwise at least SHARDS.',
  },
  CONNECT_TIMEOUT_SECONDS: { schema: seconds(10, 0.1), unit: 'ms', help: 'Maximum time to connect to a destination.' },
  MAX_STORED_RESPONSE_BYTES: {
    schema: integer(64 * 1024, 0, 16 * 1024 * 1024),
    help: 'Bytes of the response to a failed attempt that the log and the dead letter queue keep; 0 keeps no headers either.',
  },
  SIGNATURE_TTL_SECONDS: { schema: integer(300, 1, 86_400), help: 'How long a signature is valid.' },
  STALLED_AFTER_SECONDS: {
    schema: seconds(15, 3),
    unit: 'ms',
    help: 'Time after which another dispatcher takes the messages of a dispatcher that died.',
  },
  SCHEDULE_CATCHUP_SECONDS: {
    // A dispatcher that takes over from one that died comes within this time.
    schema: seconds(60, 5),
    unit: 'ms',
    help: 'A time of a schedule that was missed by more than this is skipped.',
  },
  POISON_AFTER: {
    schema: integer(5, 1, 1000),
    help: 'A message becomes a dead letter after this many dispatcher crashes, if two of them happened while it was delivered alone.',
  },
  FETCH_TIMEOUT_SECONDS: {
    schema: seconds(30, 1),
    unit: 'ms',
    help: 'A dispatcher is not ready when it fetches nothing for this time while messages wait; after twice the time it ends.',
  },
  DELIVERY_USER_AGENT: { schema: headerText().default('Upstash-QStash'), help: 'User-Agent of deliveries.' },
  UPSTASH_REGION: { schema: headerText().optional(), help: 'Value of the region header; not sent when unset.' },
});

export type Config = Environment<typeof table>;

/** @throws {ConfigurationError} that names every wrong variable */
export function readConfig(): Config {
  const config = readEnvironment(table, process.env);
  if (config.globalParallelism > 0 && config.globalParallelism < config.shards) {
    throw new ConfigurationError(`Wrong environment: GLOBAL_PARALLELISM: use 0 or at least SHARDS, ${config.shards}.`);
  }
  return config;
}

/** Logs each variable whose name is nearly one of the table. */
export function warnOfMisspelledVariables(log: Log): void {
  warnOfMisspelled(log, Object.keys(table), process.env);
}
