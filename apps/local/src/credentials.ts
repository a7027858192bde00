import { randomBytes, randomInt } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '@posthorn/broker';
import { isLoopback, type Config } from './config.ts';

export interface Credentials {
  token: string;
  currentSigningKey: string;
  nextSigningKey: string;
}

/** Published by the vendor for local development; no secrets (contract, running.md section 4). */
const development: Credentials = {
  token: 'eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=',
  currentSigningKey: 'sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r',
  nextSigningKey: 'sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs',
};

/**
 * Token and keys: those of the environment, or the public ones for development, or a set that is made once and kept in
 * the data directory, readable by its owner only.
 *
 * @throws {ConfigurationError} for development credentials where others could use them
 */
export async function readCredentials(config: Config, dataDir: string): Promise<Credentials> {
  if (config.POSTHORN_DEV_CREDENTIALS) {
    if (config.NODE_ENV === 'production' || !isLoopback(config.HOST)) {
      throw new ConfigurationError(
        'POSTHORN_DEV_CREDENTIALS: these credentials are public; unset it when NODE_ENV is production or HOST is not loopback.',
      );
    }
    return development;
  }
  const kept = await readKept(join(dataDir, 'credentials.json'));
  return {
    token: config.QSTASH_TOKEN ?? kept.token,
    currentSigningKey: config.QSTASH_CURRENT_SIGNING_KEY ?? kept.currentSigningKey,
    nextSigningKey: config.QSTASH_NEXT_SIGNING_KEY ?? kept.nextSigningKey,
  };
}

async function readKept(file: string): Promise<Credentials> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Credentials;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      throw new ConfigurationError(
        `POSTHORN_DATA_DIR: ${file} cannot be read; mend it, or remove it to get new credentials.`,
      );
    }
  }
  const made: Credentials = {
    token: `posthorn_${randomBytes(32).toString('base64url')}`,
    currentSigningKey: makeKey(),
    nextSigningKey: makeKey(),
  };
  await writeFile(file, JSON.stringify(made, null, 2), { mode: 0o600 });
  return made;
}

function makeKey(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return `sig_${Array.from({ length: 28 }, () => alphabet.charAt(randomInt(alphabet.length))).join('')}`;
}
