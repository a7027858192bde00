import { flag, integer, readEnvironment, type Environment } from '@posthorn/broker';
import { z } from 'zod';

/** What `npm start` looks at itself; everything else goes on to the API and the dispatcher (contract, running.md). */
export const table = {
  POSTHORN_DATA_DIR: { schema: z.string().default('./data'), help: 'Where all state lives.' },
  REDIS_URL: { schema: z.string().optional(), help: 'A Redis of your own instead of the embedded one.' },
  DURABILITY: {
    schema: z.enum(['always', 'everysec'], 'use always or everysec').default('always'),
    help: 'always: what was accepted is on disk; everysec: a power cut may take the last second or two.',
  },
  HOST: { schema: z.string().default('127.0.0.1'), help: 'Address of the API.' },
  PORT: { schema: integer(8080, 1, 65_535), help: 'Port of the API.' },
  QSTASH_TOKEN: { schema: z.string().optional(), help: 'Token of the publishers; made once by default.' },
  QSTASH_CURRENT_SIGNING_KEY: { schema: z.string().optional(), help: 'Current signing key; made once by default.' },
  QSTASH_NEXT_SIGNING_KEY: { schema: z.string().optional(), help: 'Next signing key; made once by default.' },
  POSTHORN_DEV_CREDENTIALS: {
    schema: flag(false),
    help: 'Use the publicly known development credentials; on loopback only, never in production.',
  },
  ALLOW_PRIVATE_DESTINATIONS: { schema: flag(true).optional(), help: 'Deliver to this machine and its network.' },
  NODE_ENV: { schema: z.string().optional(), help: 'production forbids the development credentials.' },
  POSTHORN_SOURCES: { schema: flag(false), help: 'Run the sources with reload instead of the build.' },
};

export type Config = Environment<typeof table>;

/** @throws {ConfigurationError} that names every wrong variable */
export function readConfig(): Config {
  return readEnvironment(table, process.env);
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** The environment of a child: this process' own, with what was decided here. */
export function writeEnvironment(decided: Record<string, string>): Record<string, string | undefined> {
  return { ...process.env, LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn', ...decided };
}
