import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { makeDirectory, runProcess } from '@posthorn/process';
import { requireUnusedDataDir, startEmbeddedRedis, type EmbeddedRedis } from '@posthorn/embedded-redis';
import { ask } from './ask.ts';
import { formatBanner } from './banner.ts';
import {
  countDispatchers,
  createEnvironment,
  formatApiUrl,
  isPrivateAllowed,
  listPublicUrls,
  readConfig,
  type Config,
} from './config.ts';
import { firstToken, readCredentials, type Credentials } from './credentials.ts';
import { rethrowExplained } from './explain.ts';
import { startFirstReceiver } from './first-receiver.ts';
import { findFreePorts, requireFreePorts } from './ports.ts';
import { writeServerFile } from './server-file.ts';
import { startApp } from './start-app.ts';

const log = (text: string) => {
  process.stderr.write(`posthorn: ${text}\n`);
};

outliveTerminal();
process.on('SIGHUP', () => process.emit('SIGTERM'));
await runProcess(async () => {
  const config = readConfig();
  const dataDir = await makeDataDir(config);
  if (!config.redisUrl) explained(() => requireUnusedDataDir(dataDir));
  const dispatcherCount = countDispatchers(config);
  await requireFreePorts(config, dispatcherCount);
  const credentials = await readCredentials(config, dataDir).catch(rethrowExplained);
  const redis = config.redisUrl ? undefined : await startRedis(config, dataDir);

  const url = formatApiUrl(config);
  const probePort = config.probePort || (await findFreePorts(dispatcherCount));
  const env = createEnvironment({
    REDIS_URL: redis?.url ?? config.redisUrl ?? '',
    QSTASH_TOKEN: credentials.token,
    QSTASH_CURRENT_SIGNING_KEY: credentials.currentSigningKey,
    QSTASH_NEXT_SIGNING_KEY: credentials.nextSigningKey,
    ALLOW_PRIVATE_DESTINATIONS: String(isPrivateAllowed(config)),
    // The process that watches the sources of the API sees only those that its own child loads.
    APIS: String(config.posthornSources ? 1 : config.apis),
    DISPATCHERS: String(dispatcherCount),
    PROBE_PORT: String(probePort),
    PROBE_HOST: '127.0.0.1',
    HOST: config.host,
    PORT: String(config.port),
  });
  const common = { env, isFromSources: config.posthornSources, stopMs: config.shutdownGraceMs + 15_000, log };
  const api = startApp({ ...common, name: 'api', url });
  const dispatchers = Array.from({ length: dispatcherCount }, (_, index) =>
    startApp({
      ...common,
      name: 'dispatcher',
      number: dispatcherCount > 1 ? index + 1 : undefined,
      url: `http://127.0.0.1:${probePort + index}`,
    }),
  );
  const receiver = isPrivateAllowed(config) ? await startFirstReceiver(log) : undefined;
  const stop = async () => {
    await api.stop();
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.stop()));
    receiver?.stop();
    await redis?.stop();
  };

  try {
    await Promise.all([api, ...dispatchers].map(({ ready }) => ready));
    const [validKeys, consoleLink] = await Promise.all([
      readValidKeys(url, credentials),
      createConsoleLink(url, credentials),
    ]);
    const removeServerFile = explained(() => writeServerFile(dataDir, { url, token: firstToken(credentials) }));
    process.stdout.write(
      formatBanner({
        url,
        publicUrls: listPublicUrls(config),
        credentials: validKeys,
        isPrivateAllowed: isPrivateAllowed(config),
        consoleLink,
        destination: receiver?.url,
      }),
    );

    return async () => {
      log('stopping; Ctrl-C again forces it');
      removeServerFile();
      await stop();
    };
  } catch (error) {
    await stop();
    throw error;
  }
});

async function makeDataDir({ posthornDataDir }: Config): Promise<string> {
  const dataDir = resolve(posthornDataDir);
  // All files that this process or a child of it makes are its owner's.
  process.umask(0o077);
  try {
    await makeDirectory(dataDir);
    await access(dataDir, constants.W_OK);
  } catch (error) {
    return rethrowExplained(error, dataDir);
  }
  return dataDir;
}

async function startRedis(config: Config, dataDir: string): Promise<EmbeddedRedis> {
  return startEmbeddedRedis({ dataDir, durability: config.durability, log }).catch(rethrowExplained);
}

function explained<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    return rethrowExplained(error);
  }
}

/** Returns the server's current keys: a rotation overrides the environment. */
async function readValidKeys(url: string, credentials: Credentials): Promise<Credentials> {
  const { body } = await ask(`${url}/v2/keys`, { headers: authorize(credentials) });
  const { current, next } = body as { current: string; next: string };
  return { ...credentials, currentSigningKey: current, nextSigningKey: next };
}

/** Creates a link that signs in to the console. A failure here must not prevent the start. */
async function createConsoleLink(url: string, credentials: Credentials): Promise<string | undefined> {
  const options = { method: 'POST', headers: authorize(credentials) };
  const answer = await ask(`${url}/console/code`, options).catch(() => undefined);
  if (answer?.status !== 201) return undefined;
  const { code } = answer.body as { code: string };
  return `${url}/console/#code=${code}`;
}

function authorize(credentials: Credentials) {
  return { Authorization: `Bearer ${firstToken(credentials)}` };
}

/** A terminal that has closed cannot be written to; that must not keep this process from stopping cleanly. */
function outliveTerminal(): void {
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
}
