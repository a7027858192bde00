import { relative } from 'node:path';
import type { Client } from '@posthorn/sdk';
import { readConfig } from './config.ts';
import { Failure } from './failure.ts';
import { findLocalServer, type LocalServer } from './local-server.ts';
import { isThisMachine } from './this-machine.ts';

export interface Connection {
  client: Client;
  url: string;
  token: string;
  /** Where the token was found. */
  tokenFrom: string;
}

/** An error is reported at once when there is no server, and only after some tries when it restarts. */
const retries = 2;
const timeoutMs = 60_000;

/**
 * Options win over variables, and both over the server that runs on this machine.
 *
 * @throws {Failure} when there is no token, or the URL is none
 */
export async function connect(given: { url?: string; token?: string }): Promise<Connection> {
  const config = readConfig();
  const local = await findLocalServer(config.dataDir);
  const url = (given.url ?? config.url ?? local?.url ?? 'http://127.0.0.1:8080').replace(/\/+$/, '');
  if (!/^https?:\/\/./i.test(url) || !URL.canParse(url)) {
    throw new Failure(`'${url}' is no URL of a server: use one such as http://127.0.0.1:8080.`, 2);
  }
  const { token, from } = chooseToken(url, given.token, config.token, local);
  const { Client } = await import('@posthorn/sdk');
  const client = new Client({
    baseUrl: url,
    token,
    devMode: false,
    retry: { retries },
    timeoutMs,
    enableTelemetry: false,
  });
  return { client, url, token, tokenFrom: from };
}

function chooseToken(url: string, option: string | undefined, variable: string | undefined, local?: LocalServer) {
  if (option) return { token: option, from: '--token' };
  if (variable) return { token: variable, from: 'QSTASH_TOKEN' };
  // The token of a server on this machine is sent to this machine only.
  if (local && isThisMachine(url)) return { token: local.token, from: relative('', local.file) };
  throw new Failure(
    'There is no token. Set QSTASH_TOKEN to the token of the server, or start posthorn with `npm start` in its checkout.',
    5,
  );
}
