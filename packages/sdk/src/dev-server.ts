import { developmentCredentials } from '@posthorn/shared';
import { isDevelopment, readDevelopmentUrl, readVariable, warn } from './environment.ts';

/**
 * In development mode, looks for a server for local development: one that has the published credentials, on the port of
 * `QSTASH_DEV_PORT` (8080 by default). It is not started from here: a warning says how. Does nothing without development
 * mode, in production and while Next.js builds, so that it can stand in an `instrumentation.ts`. It never rejects.
 */
export async function startDevServer(): Promise<void> {
  if (readVariable('NODE_ENV') === 'production' || readVariable('NEXT_PHASE') === 'phase-production-build') return;
  try {
    if (isDevelopment(undefined)) await checkServer();
  } catch (error) {
    warn((error as Error).message);
  }
}

/** @throws {Error} that says how to start one */
async function checkServer(): Promise<void> {
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
