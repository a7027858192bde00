import { randomBytes, randomInt } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '@posthorn/process';
import { developmentCredentials } from '@posthorn/shared/development-credentials';
import { z } from 'zod';
import type { Config } from './config.ts';

const Credentials = z.object({
  token: z.string().min(1),
  currentSigningKey: z.string().min(1),
  nextSigningKey: z.string().min(1),
});
export type Credentials = z.infer<typeof Credentials>;

/**
 * Token and keys: the public ones for development, or those of the environment, or a set that is made once and kept in
 * the data directory, readable by its owner only.
 *
 * @throws {ConfigurationError} when the kept ones cannot be read
 */
export async function readCredentials(config: Config, dataDir: string): Promise<Credentials> {
  if (config.posthornDevCredentials) return developmentCredentials;
  const file = join(dataDir, 'credentials.json');
  const kept = (await readKept(file)) ?? (await keepNew(file));
  return {
    token: config.qstashToken ?? kept.token,
    currentSigningKey: config.qstashCurrentSigningKey ?? kept.currentSigningKey,
    nextSigningKey: config.qstashNextSigningKey ?? kept.nextSigningKey,
  };
}

/** The first of the tokens; each of them gives access. */
export function firstToken({ token }: Credentials): string {
  return token.split(',')[0]?.trim() ?? '';
}

async function readKept(file: string): Promise<Credentials | undefined> {
  try {
    return Credentials.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw new ConfigurationError(
      `POSTHORN_DATA_DIR: ${file} cannot be read; mend it, or remove it to get new credentials.`,
    );
  }
}

async function keepNew(file: string): Promise<Credentials> {
  const made: Credentials = {
    token: makeToken(),
    currentSigningKey: makeKey(),
    nextSigningKey: makeKey(),
  };
  // The file appears whole or not at all, and only once: of two first starts at the same time both use one set.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flush: true });
  try {
    await link(draft, file);
    return made;
  } catch (error) {
    const kept = hasCode(error, 'EEXIST') ? await readKept(file) : undefined;
    if (kept) return kept;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

/** Clients of workflows read the user in a token, for the URLs of webhooks: it is base64 of JSON. */
function makeToken(): string {
  const Password = randomBytes(32).toString('base64url');
  return Buffer.from(JSON.stringify({ UserID: 'posthorn', Password })).toString('base64');
}

function makeKey(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return `sig_${Array.from({ length: 28 }, () => alphabet.charAt(randomInt(alphabet.length))).join('')}`;
}
