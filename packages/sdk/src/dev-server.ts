import { developmentCredentials } from '@posthorn/shared';
import { readDevelopmentUrl } from './environment.ts';

/**
 * Makes sure that a server for local development is there: one that has the published credentials, on the port of
 * `QSTASH_DEV_PORT` (8080 by default). It is not started from here.
 *
 * @throws {Error} that says how to start one
 */
export async function startDevServer(): Promise<void> {
  const url = readDevelopmentUrl();
  const how = 'Start one with: POSTHORN_DEV_CREDENTIALS=1 npm start';
  const response = await fetch(`${url}/v2/keys`, {
    headers: { Authorization: `Bearer ${developmentCredentials.token}` },
    signal: AbortSignal.timeout(5000),
  }).catch((cause: unknown) => {
    throw new Error(`There is no server for development at ${url}. ${how}`, { cause });
  });
  const keys = (await response.json().catch(() => ({}))) as { current?: string; next?: string };
  if (
    keys.current !== developmentCredentials.currentSigningKey ||
    keys.next !== developmentCredentials.nextSigningKey
  ) {
    throw new Error(`The server at ${url} does not have the credentials of development. ${how}`);
  }
}
