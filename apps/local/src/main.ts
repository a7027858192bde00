import { once } from 'node:events';
import { chmod, mkdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { ConfigurationError, runProcess } from '@posthorn/broker';
import {
  DataDirInUseError,
  EmbeddedRedisError,
  NoRedisServerError,
  startEmbeddedRedis,
} from '@posthorn/embedded-redis';
import { writeBanner } from './banner.ts';
import { startChild, type Child } from './child.ts';
import { isLoopback, readConfig, writeEnvironment, type Config } from './config.ts';
import { readCredentials } from './credentials.ts';

const log = (text: string) => {
  process.stderr.write(`posthorn: ${text}\n`);
};

await runProcess(async () => {
  const config = readConfig();
  const dataDir = resolve(config.POSTHORN_DATA_DIR);
  await mkdir(dataDir, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new ConfigurationError(
      `POSTHORN_DATA_DIR: ${dataDir} cannot be made (${String(error)}); set another directory.`,
    );
  });
  await chmod(dataDir, 0o700).catch(() => undefined);
  const credentials = await readCredentials(config, dataDir);
  await requireFreePort(config);

  const redis = config.REDIS_URL ? undefined : await startRedis(config, dataDir);
  const isPrivateAllowed = config.ALLOW_PRIVATE_DESTINATIONS ?? isLoopback(config.HOST);
  const probePort = await findFreePort();
  const env = writeEnvironment({
    REDIS_URL: redis?.url ?? config.REDIS_URL ?? '',
    QSTASH_TOKEN: credentials.token,
    QSTASH_CURRENT_SIGNING_KEY: credentials.currentSigningKey,
    QSTASH_NEXT_SIGNING_KEY: credentials.nextSigningKey,
    ALLOW_PRIVATE_DESTINATIONS: String(isPrivateAllowed),
    PROBE_PORT: String(probePort),
    HOST: config.HOST,
    PORT: String(config.PORT),
  });

  let failStart: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => (failStart = reject));
  failed.catch(() => undefined);
  const start = (name: string) =>
    startChild({
      name,
      args: findProgram(name, config.POSTHORN_SOURCES),
      env,
      log,
      onFailedStart: () => {
        failStart(new ConfigurationError(`The ${name} did not start; the line above says why.`));
      },
    });
  const children: Child[] = [start('api'), start('dispatcher')];
  const stop = async () => {
    for (const child of children) await child.stop();
    await redis?.stop();
  };

  const url = `http://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${config.PORT}`;
  try {
    await Promise.race([failed, Promise.all([untilReady(url), untilReady(`http://127.0.0.1:${probePort}`)])]);
  } catch (error) {
    await stop();
    throw error;
  }
  for (const child of children) child.markReady();
  process.stdout.write(`\n${writeBanner(url, credentials, isPrivateAllowed)}\n`);

  return async () => {
    log('stopping');
    await stop();
  };
});

async function startRedis(config: Config, dataDir: string) {
  try {
    return await startEmbeddedRedis({ dataDir, durability: config.DURABILITY, log });
  } catch (error) {
    const isExplained =
      error instanceof EmbeddedRedisError || error instanceof DataDirInUseError || error instanceof NoRedisServerError;
    throw isExplained ? new ConfigurationError(error.message) : error;
  }
}

/** The API finds out too, but Redis would be started and stopped for nothing. */
async function requireFreePort({ HOST, PORT }: Config): Promise<void> {
  const probe = createServer();
  probe.listen(PORT, HOST);
  await Promise.race([
    once(probe, 'listening'),
    once(probe, 'error').then(([error]: NodeJS.ErrnoException[]) => {
      if (error?.code !== 'EADDRINUSE') return;
      throw new ConfigurationError(
        `PORT: ${PORT} on ${HOST} is in use; stop what uses it or set PORT to another number.`,
      );
    }),
  ]);
  if (probe.listening) await new Promise((done) => probe.close(done));
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return port;
}

function findProgram(name: string, isFromSources: boolean): string[] {
  const path = (file: string) => new URL(`../../${name}/${file}`, import.meta.url).pathname;
  return isFromSources
    ? ['--watch', '--conditions=@posthorn/source', '--import', 'tsx', path('src/main.ts')]
    : [path('dist/main.js')];
}

async function untilReady(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/ready`).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((done) => setTimeout(done, 50));
  }
}
