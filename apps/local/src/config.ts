import { availableParallelism, networkInterfaces } from 'node:os';
import {
  ConfigurationError,
  defineEnvironment,
  flag,
  host,
  integer,
  isLoopback,
  maxProcesses,
  readEnvironment,
  serverSettings,
  type Environment,
} from '@posthorn/process';
import { z } from 'zod';

/** Variables that `npm start` uses itself; it passes all others to the API and the dispatcher (contract R2, R15). */
export const table = defineEnvironment({
  POSTHORN_DATA_DIR: { schema: z.string().default('./data'), help: 'Directory of all state.' },
  REDIS_URL: {
    schema: z.string().optional(),
    defaultText: 'an embedded Redis',
    help: 'Your own Redis instead of the embedded one.',
  },
  DURABILITY: serverSettings.DURABILITY,
  HOST: { schema: z.string().default('127.0.0.1'), help: 'Address of the API.' },
  PORT: { schema: integer(8080, 1, 65_535), help: 'Port of the API.' },
  APIS: serverSettings.APIS,
  DISPATCHERS: {
    // 0, which cannot be set, stands for the number that fits the machine.
    schema: integer(0, 1, maxProcesses),
    defaultText: '`2` with four cores or more, else `1`',
    help: 'Number of dispatchers; 2 by default where there are four cores or more.',
  },
  PROBE_PORT: {
    schema: integer(0, 1, 65_535),
    defaultText: 'free ports',
    help: 'Port of the probe of the first dispatcher; free ones by default.',
  },
  METRICS_PORT: { schema: integer(0, 1, 65_535), help: 'Port of the metrics of the API; none by default.' },
  METRICS_HOST: { schema: host('127.0.0.1'), help: 'Address of METRICS_PORT.' },
  QSTASH_TOKEN: {
    schema: z.string().optional(),
    defaultText: 'generated once',
    help: 'Token of the publishers; generated once by default.',
  },
  QSTASH_CURRENT_SIGNING_KEY: {
    schema: z.string().optional(),
    defaultText: 'generated once',
    help: 'Current signing key; generated once by default.',
  },
  QSTASH_NEXT_SIGNING_KEY: {
    schema: z.string().optional(),
    defaultText: 'generated once',
    help: 'Next signing key; generated once by default.',
  },
  POSTHORN_DEV_CREDENTIALS: {
    schema: flag(false),
    help: 'Use the publicly known development credentials; on loopback only, never in production.',
  },
  ALLOW_PRIVATE_DESTINATIONS: {
    // Not `flag`: without a value the default depends on `HOST`.
    schema: z.enum(['true', 'false', '1', '0'], 'use true or false').optional(),
    defaultText: '`true` if `HOST` is loopback',
    help: 'Deliver to this machine and its network; true when HOST is loopback.',
  },
  NODE_ENV: { schema: z.string().optional(), help: 'production forbids the development credentials.' },
  SHUTDOWN_GRACE_SECONDS: serverSettings.SHUTDOWN_GRACE_SECONDS,
  POSTHORN_SOURCES: { schema: flag(false), help: 'Run the sources, with reload, instead of the build.' },
});

export type Config = Environment<typeof table>;

/** @throws {ConfigurationError} that names every wrong variable */
export function readConfig(): Config {
  const config = readEnvironment(table, process.env);
  if (config.posthornDevCredentials && (config.nodeEnv === 'production' || !isLoopback(config.host))) {
    throw new ConfigurationError(
      'POSTHORN_DEV_CREDENTIALS: these credentials are public; unset it when NODE_ENV is production or HOST is not loopback.',
    );
  }
  return config;
}

/**
 * How many dispatchers there are: as configured, or two where the two, the API and Redis can have a core each. A third
 * would have nothing to do: the API accepts no more than two can deliver.
 *
 * @param cores that this process may use
 */
export function countDispatchers({ dispatchers }: Pick<Config, 'dispatchers'>, cores = availableParallelism()): number {
  return dispatchers || (cores < 4 ? 1 : 2);
}

export function isPrivateAllowed({ allowPrivateDestinations: answer, host }: Config): boolean {
  return answer === undefined ? isLoopback(host) : answer === 'true' || answer === '1';
}

const anyAddress: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** The URL of the API for programs on this machine. */
export function formatApiUrl({ host, port }: Config): string {
  return formatUrl(anyAddress[host] ?? host, port);
}

/** The URLs at which other machines reach the API; none when it listens on loopback. */
export function listPublicUrls({ host, port }: Config): string[] {
  if (isLoopback(host)) return [];
  if (!anyAddress[host]) return [formatUrl(host, port)];
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family, scopeid }) => !internal && !scopeid && (family === 'IPv4' || host === '::'))
    .map(({ address }) => formatUrl(address, port));
}

function formatUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The environment of a child: that of this process, with what was decided here. */
export function createEnvironment(decided: Record<string, string>): Record<string, string | undefined> {
  return { ...process.env, ...decided };
}
