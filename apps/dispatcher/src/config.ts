import {
  ConfigurationError,
  headerText,
  host,
  integer,
  readEnvironment,
  secondsAsMs,
  settings,
  type Environment,
  warnOfMisspelt,
  type Log,
} from '@posthorn/broker';

/** The environment of a dispatcher (contract, limits-and-defaults.md and running.md section 4). */
export const table = {
  ...settings,
  PROBE_PORT: {
    schema: integer(0, 1, 65_535),
    help: 'Port of /health, /ready and /metrics; off when unset.',
  },
  PROBE_HOST: { schema: host('127.0.0.1'), help: 'Address of the probe.' },
  PORT: {
    schema: integer(0, 1, 65_535),
    help: 'Port of an API on the same machine, which is never a destination; none when unset.',
  },
  METRICS_PORT: {
    schema: integer(0, 1, 65_535),
    help: 'Port of the metrics of that API, which is no destination either; none when unset.',
  },
  DISPATCHER_CONCURRENCY: {
    schema: integer(200, 1, 10_000),
    help: 'Worker slots per process: deliveries in flight that take less than a quarter of a second, and most to one destination.',
  },
  MAX_SLOW_ATTEMPTS: {
    schema: integer(1000, 1, 20_000),
    help: 'Deliveries in flight per process that take longer; they hold no worker slot.',
  },
  GLOBAL_PARALLELISM: {
    schema: integer(0, 0),
    help: 'Most deliveries in flight over all dispatchers, 0 for no limit; else at least SHARDS.',
  },
  CONNECT_TIMEOUT_SECONDS: { schema: secondsAsMs(10, 0.1), help: 'Longest time to connect to a destination.' },
  MAX_STORED_RESPONSE_BYTES: {
    schema: integer(64 * 1024, 0, 16 * 1024 * 1024),
    help: 'Bytes of the response to a failed attempt that the log and the dead letter queue keep; 0 keeps no headers either.',
  },
  SIGNATURE_TTL_SECONDS: { schema: integer(300, 1, 86_400), help: 'How long a signature is valid.' },
  STALLED_AFTER_SECONDS: {
    schema: secondsAsMs(15, 3),
    help: 'A message of a dispatcher that died is taken by another one after this time.',
  },
  SCHEDULE_CATCHUP_SECONDS: {
    // A dispatcher that takes over from one that died comes within this time.
    schema: secondsAsMs(60, 5),
    help: 'A time of a schedule that was missed for longer than this is skipped.',
  },
  POISON_AFTER: {
    schema: integer(5, 1, 1000),
    help: 'A message that was in flight this many times when its dispatcher ended goes to the dead letter queue.',
  },
  DEAF_AFTER_SECONDS: {
    schema: secondsAsMs(30, 1),
    help: 'A dispatcher that fetches nothing for so long while messages wait is not ready; after twice the time it ends.',
  },
  DELIVERY_USER_AGENT: { schema: headerText().default('Upstash-QStash'), help: 'User-Agent of deliveries.' },
  UPSTASH_REGION: { schema: headerText().optional(), help: 'Value of the region header; not sent when unset.' },
};

export type Config = Environment<typeof table>;

/** @throws {ConfigurationError} that names every wrong variable */
export function readConfig(): Config {
  const config = readEnvironment(table, process.env);
  if (config.GLOBAL_PARALLELISM > 0 && config.GLOBAL_PARALLELISM < config.SHARDS) {
    throw new ConfigurationError(`Wrong environment: GLOBAL_PARALLELISM: use 0 or at least SHARDS, ${config.SHARDS}.`);
  }
  return config;
}

/** Logs each variable whose name is nearly one of the table. */
export function warnOfMisspeltVariables(log: Log): void {
  warnOfMisspelt(log, Object.keys(table), process.env);
}
