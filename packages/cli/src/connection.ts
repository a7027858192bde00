import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { Client } from '@posthorn/sdk';
import { readConfig } from './config.ts';
import { Failure } from './failure.ts';

export interface Connection {
  client: Client;
  url: string;
  /** Where the token was found. */
  tokenFrom: string;
}

interface Token {
  token: string;
  from: string;
}

/** A server that is not there is told at once; one that just starts again is waited for. */
const retries = 2;
const timeoutMs = 60_000;

/** @param note says what a person may not expect */
export async function connect(
  given: { url?: string; token?: string },
  note: (text: string) => void,
): Promise<Connection> {
  const config = readConfig();
  const url = (given.url ?? config.url ?? 'http://127.0.0.1:8080').replace(/\/+$/, '');
  if (!/^https?:\/\/./i.test(url) || !URL.canParse(url)) {
    throw new Failure(`'${url}' is no URL of a server: use one such as http://127.0.0.1:8080.`, 2);
  }
  const { token, from } =
    readGivenToken(given.token, config.token) ?? (await findLocalToken(url, config.dataDir, note));
  const { Client } = await import('@posthorn/sdk');
  const client = new Client({
    baseUrl: url,
    token,
    devMode: false,
    retry: { retries },
    timeoutMs,
    enableTelemetry: false,
  });
  return { client, url, tokenFrom: from };
}

function readGivenToken(option: string | undefined, variable: string | undefined): Token | undefined {
  if (option) return { token: option, from: '--token' };
  return variable ? { token: variable, from: 'QSTASH_TOKEN' } : undefined;
}

/** The token of `npm start`, for a server on this machine: it is nobody else's business. */
async function findLocalToken(url: string, dataDir: string | undefined, note: (text: string) => void): Promise<Token> {
  const { hostname } = new URL(url);
  const isLocal = ['localhost', '[::1]'].includes(hostname) || /^127(\.\d+){3}$/.test(hostname);
  for (const file of isLocal ? listCredentialFiles(dataDir) : []) {
    const token = await readLocalToken(file);
    if (!token) continue;
    note(`using the token in ${relative('', file)}; QSTASH_TOKEN is not set`);
    return { token, from: file };
  }
  throw new Failure(
    'There is no token. Set QSTASH_TOKEN to the one that the server was started with; `npm start` prints it.',
    5,
  );
}

/** Where `npm start` keeps it: in its data directory, here or in a folder above. */
function listCredentialFiles(dataDir: string | undefined): string[] {
  if (dataDir) return [resolve(dataDir, 'credentials.json')];
  const files: string[] = [];
  for (let folder = resolve(); ; folder = dirname(folder)) {
    files.push(join(folder, 'data', 'credentials.json'));
    if (folder === dirname(folder)) return files;
  }
}

/** Only a file of ours: others may have the same name. */
async function readLocalToken(file: string): Promise<string | undefined> {
  try {
    const { token, currentSigningKey } = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    return typeof token === 'string' && typeof currentSigningKey === 'string' ? token : undefined;
  } catch {
    return undefined;
  }
}
