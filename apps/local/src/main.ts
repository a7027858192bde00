import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigurationError, runProcess } from '@posthorn/broker';
import {
  DataDirInUseError,
  EmbeddedRedisError,
  NoRedisServerError,
  requireUnusedDataDir,
  startEmbeddedRedis,
  type EmbeddedRedis,
} from '@posthorn/embedded-redis';
import { writeBanner } from './banner.ts';
import { isPrivateAllowed, readConfig, writeApiUrl, writeEnvironment, type Config } from './config.ts';
import { readCredentials, type Credentials } from './credentials.ts';
import { findFreePort, requireFreePort } from './ports.ts';
import { startApp } from './start-app.ts';

const log = (text: string) => {
  process.stderr.write(`posthorn: ${text}\n`);
};

outliveTerminal();
await runProcess(async () => {
  const config = readConfig();
  const dataDir = await makeDataDir(config);
  if (!config.REDIS_URL) explained(() => requireUnusedDataDir(dataDir));
  await requireFreePort(config);
  const credentials = await readCredentials(config, dataDir);
  const redis = config.REDIS_URL ? undefined : await startRedis(config, dataDir);

  const url = writeApiUrl(config);
  const probePort = config.PROBE_PORT || (await findFreePort());
  const env = writeEnvironment(config, {
    REDIS_URL: redis?.url ?? config.REDIS_URL ?? '',
    QSTASH_TOKEN: credentials.token,
    QSTASH_CURRENT_SIGNING_KEY: credentials.currentSigningKey,
    QSTASH_NEXT_SIGNING_KEY: credentials.nextSigningKey,
    ALLOW_PRIVATE_DESTINATIONS: String(isPrivateAllowed(config)),
    PROBE_PORT: String(probePort),
    PROBE_HOST: '127.0.0.1',
    HOST: config.HOST,
    PORT: String(config.PORT),
  });
  const common = { env, isFromSources: config.POSTHORN_SOURCES, stopMs: config.SHUTDOWN_GRACE_SECONDS + 15_000, log };
  const api = startApp({ ...common, name: 'api', url });
  const dispatcher = startApp({ ...common, name: 'dispatcher', url: `http://127.0.0.1:${probePort}` });
  const stop = async () => {
    await api.stop();
    await dispatcher.stop();
    await redis?.stop();
  };

  try {
    await Promise.all([api.ready, dispatcher.ready]);
  } catch (error) {
    await stop();
    throw error;
  }
  const facts = { url, credentials: await readValidKeys(url, credentials), isPrivateAllowed: isPrivateAllowed(config) };
  process.stdout.write(writeBanner(facts));

  return async () => {
    log('stopping; Ctrl-C again forces it');
    await stop();
  };
});

async function makeDataDir({ POSTHORN_DATA_DIR }: Config): Promise<string> {
  const dataDir = resolve(POSTHORN_DATA_DIR);
  // All files that this process or a child of it makes are its owner's.
  process.umask(0o077);
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`POSTHORN_DATA_DIR: ${dataDir} cannot be used (${reason}); set another directory.`);
  }
  return dataDir;
}

async function startRedis(config: Config, dataDir: string): Promise<EmbeddedRedis> {
  return startEmbeddedRedis({ dataDir, durability: config.DURABILITY, log }).catch((error: unknown) =>
    explained(() => {
      throw error;
    }),
  );
}

/** Faults of the embedded Redis are sentences for the person at the terminal, as those of the configuration are. */
function explained<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    const kinds = [DataDirInUseError, EmbeddedRedisError, NoRedisServerError];
    if (!kinds.some((kind) => error instanceof kind)) throw error;
    throw new ConfigurationError((error as Error).message);
  }
}

/** Keys that were rotated count instead of those that were given first. */
async function readValidKeys(url: string, credentials: Credentials): Promise<Credentials> {
  const token = credentials.token.split(',')[0]?.trim() ?? '';
  const response = await fetch(`${url}/v2/keys`, { headers: { Authorization: `Bearer ${token}` } });
  const { current, next } = (await response.json()) as { current: string; next: string };
  return { ...credentials, currentSigningKey: current, nextSigningKey: next };
}

/** A terminal that has closed cannot be written to; that must not keep this process from stopping cleanly. */
function outliveTerminal(): void {
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
}
