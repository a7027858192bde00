import {
  ConfigurationError,
  defineEnvironment,
  host,
  integer,
  isAddressRange,
  isLoopback,
  list,
  listPorts,
  maxPeriodSeconds,
  readEnvironment,
  requireDistinctPorts,
  seconds,
  serverSettings,
  type Environment,
  warnOfMisspelled,
  type Log,
} from '@posthorn/process';
import { developmentCredentials } from '@posthorn/shared';
import { z } from 'zod';

const token = z.string().regex(/^[\x21-\x7e]{1,512}$/, 'use at most 512 characters of printable ASCII without blanks');

const origin = z
  .string()
  .refine(
    (text) => text === '*' || isOrigin(text),
    'list origins such as https://app.example.com (scheme, host and port, no path), or *',
  );

/** Names of address ranges that Express knows. */
const proxyRanges = ['loopback', 'linklocal', 'uniquelocal'];

/** The environment of the API (contract R13). */
export const table = defineEnvironment({
  ...serverSettings,
  QSTASH_TOKEN: {
    schema: z
      .string('set it to the token that publishers must send')
      .transform((text) => text.split(',').map((item) => item.trim()))
      .pipe(z.array(token).min(1).max(10)),
    help: 'Token with full access; several, separated by commas, while one is being replaced.',
  },
  QSTASH_READONLY_TOKEN: { schema: token.optional(), help: 'Token with read access; none by default.' },
  QSTASH_CURRENT_SIGNING_KEY: {
    schema: token.optional(),
    defaultText: 'generated once',
    help: 'Current signing key; a generated one is stored in Redis.',
  },
  QSTASH_NEXT_SIGNING_KEY: {
    schema: token.optional(),
    defaultText: 'generated once',
    help: 'Next signing key; a generated one is stored in Redis.',
  },
  HOST: {
    schema: host('127.0.0.1'),
    help: 'Address to listen on. The API has no TLS: use a proxy for any address other than loopback.',
  },
  PORT: { schema: integer(8080, 0, 65_535), help: 'Port to listen on.' },
  METRICS_PORT: {
    schema: integer(0, 1, 65_535),
    help: 'Port of /metrics for other machines; by default only this machine can read it, on PORT. Of several API processes, each has the port after that of the one before.',
  },
  METRICS_HOST: { schema: host('127.0.0.1'), help: 'Address of METRICS_PORT.' },
  TRUST_PROXY: {
    schema: list().refine(
      (items) => items.every((item) => isAddressRange(item) || proxyRanges.includes(item)),
      `use addresses and CIDR ranges with commas, or ${proxyRanges.join(', ')}`,
    ),
    help: 'Addresses or CIDR ranges of proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted.',
  },
  CORS_ORIGINS: {
    schema: list().pipe(z.array(origin)),
    help: 'Origins of web pages that may call the API from a browser, separated by commas, or * for all; none by default.',
  },
  NODE_ENV: {
    schema: z.string().optional(),
    help: 'production forbids the development credentials.',
  },
  BURST_RATE_LIMIT: {
    schema: integer(100, 0),
    help: 'Maximum of requests per second and token to all endpoints other than publish, enqueue, batch and the calls of workflows; 0 for no limit.',
  },
  MAX_MESSAGE_BYTES: {
    schema: integer(10 * 1024 * 1024, 1, 512 * 1024 * 1024),
    help: 'Maximum size of the body of a message.',
  },
  MAX_BATCH_BYTES: { schema: integer(100 * 1024 * 1024, 1, 512 * 1024 * 1024), help: 'Maximum size of a batch.' },
  MAX_BATCH_ITEMS: { schema: integer(1000, 1, 100_000), help: 'Maximum number of items of a batch.' },
  DEDUP_WINDOW_SECONDS: {
    schema: seconds(600, 0.001, maxPeriodSeconds),
    unit: 'ms',
    help: 'How long a deduplication id is remembered after its first message.',
  },
  DEFAULT_RETRIES: { schema: integer(3, 0, 1000), help: 'Retries of a message without Upstash-Retries.' },
  MAX_RETRIES: { schema: integer(20, 0, 1000), help: 'Maximum of retries of a message.' },
  MAX_DELAY_SECONDS: {
    schema: seconds(365 * 86_400, 0, maxPeriodSeconds),
    unit: 'ms',
    help: 'Maximum delay of a message.',
  },
  DEFAULT_TIMEOUT_SECONDS: {
    schema: seconds(7200, 1),
    unit: 'ms',
    help: 'Timeout of an attempt without Upstash-Timeout.',
  },
  MAX_TIMEOUT_SECONDS: { schema: seconds(7200, 1), unit: 'ms', help: 'Maximum timeout of an attempt.' },
  MAX_LABELS: { schema: integer(20, 0, 1000), help: 'Maximum number of labels of a message.' },
  MAX_QUEUES: { schema: integer(1000, 1), help: 'Maximum number of queues.' },
  MAX_QUEUE_PARALLELISM: { schema: integer(100, 1), help: 'Maximum parallelism of a queue.' },
  MAX_SCHEDULES: { schema: integer(1000, 1), help: 'Maximum number of schedules.' },
  MAX_URL_GROUPS: { schema: integer(1000, 1), help: 'Maximum number of URL groups.' },
  MAX_ENDPOINTS_PER_GROUP: { schema: integer(100, 1), help: 'Maximum number of endpoints of a URL group.' },
  MAX_HELD_FLOW_CONTROL_KEYS: {
    schema: integer(10_000, 1),
    help: 'Maximum number of flow-control keys that are paused or pinned.',
  },
});

export type Config = Environment<typeof table>;

/** As browsers write it in the header `Origin`: in lower case, without a default port. */
function isOrigin(text: string): boolean {
  if (!/^https?:/.test(text)) return /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+(:\d{1,5})?$/.test(text);
  return !text.includes('*') && URL.canParse(text) && new URL(text).origin === text;
}

/** @throws {ConfigurationError} that names every wrong variable */
export function readConfig(): Config {
  const config = readEnvironment(table, process.env);
  refuseUnsafe(config);
  refuseOnePort(config);
  return config;
}

function refuseUnsafe(config: Config): void {
  const { qstashToken: tokens, qstashReadonlyToken: readOnly, host, nodeEnv } = config;
  if (readOnly !== undefined && tokens.includes(readOnly)) {
    throw new ConfigurationError(
      'Wrong environment: QSTASH_READONLY_TOKEN: it is also a QSTASH_TOKEN, which gives full access; use another one.',
    );
  }
  if (nodeEnv !== 'production' && isLoopback(host)) return;
  const { token, currentSigningKey, nextSigningKey } = developmentCredentials;
  const faults = [
    tokens.includes(token) || readOnly === token ? 'QSTASH_TOKEN' : '',
    config.qstashCurrentSigningKey === currentSigningKey ? 'QSTASH_CURRENT_SIGNING_KEY' : '',
    config.qstashNextSigningKey === nextSigningKey ? 'QSTASH_NEXT_SIGNING_KEY' : '',
  ].filter((name) => name !== '');
  if (faults.length === 0) return;
  throw new ConfigurationError(
    `Wrong environment: ${faults.join(', ')}: the development credentials are public; set others where NODE_ENV is production or HOST is not loopback.`,
  );
}

function refuseOnePort({ host, port, metricsHost, metricsPort, apis }: Config): void {
  requireDistinctPorts(
    { variable: 'PORT', name: 'the API', host, ports: [port] },
    {
      variable: 'METRICS_PORT',
      name: 'the metrics',
      host: metricsHost,
      ports: listPorts('METRICS_PORT', metricsPort, apis),
    },
  );
}

/** A token of fewer characters can be guessed. */
const minTokenLength = 16;

/** One sentence for everything that is allowed, and is probably a mistake. */
export function findDoubts(config: Config): string[] {
  const tokens = [...config.qstashToken, config.qstashReadonlyToken].filter((one) => one !== undefined);
  return [
    ...(tokens.some(({ length }) => length < minTokenLength)
      ? [
          `A token has fewer than ${minTokenLength} characters and can be guessed; make one with openssl rand -base64 32.`,
        ]
      : []),
    ...(isLoopback(config.host) || config.trustProxy.length > 0
      ? []
      : [
          `HOST is ${config.host}: tokens and messages travel in clear text. Put a proxy that ends TLS before posthorn, and set TRUST_PROXY to its address.`,
        ]),
  ];
}

/** Logs each variable whose name is nearly one of the table. */
export function warnOfMisspelledVariables(log: Log): void {
  warnOfMisspelled(log, Object.keys(table), process.env);
}
