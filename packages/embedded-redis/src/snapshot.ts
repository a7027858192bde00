import { readFile, realpath, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { EmbeddedRedisError, startEmbeddedRedis } from './embedded-redis.ts';
import { isDataDirInUse, readServerPid } from './lock.ts';
import { parseAddress } from './redis-config.ts';
import type { RedisAddress } from './ping.ts';

const pollMs = 50;
/** The name of the snapshot in the folder of the server. */
const snapshotName = 'dump.rdb';

/**
 * Writes the content of a data directory into an RDB file, from the running server or, if there is none, from one that
 * is started for it. It asks only the server whose process and folder belong to this data directory.
 *
 * @param file on the file system of the data directory
 * @throws {EmbeddedRedisError | DataDirInUseError | NoRedisServerError}
 */
export async function saveSnapshot(dataDir: string, file: string, log: (text: string) => void): Promise<void> {
  if (isDataDirInUse(dataDir)) return saveFrom(await readAddress(dataDir), dataDir, file);
  const embedded = await startEmbeddedRedis({ dataDir, durability: 'always', log });
  try {
    await saveFrom(await readAddress(dataDir), dataDir, file);
  } finally {
    await embedded.stop();
  }
}

/**
 * Creates a data directory from an RDB file: a server loads the file and writes its append-only file. Then a server is
 * started on that file alone, to check that all keys are there.
 *
 * @throws {EmbeddedRedisError | DataDirInUseError | NoRedisServerError}
 */
export async function loadSnapshot(dataDir: string, file: string, log: (text: string) => void): Promise<void> {
  const folder = join(resolve(dataDir), 'redis');
  const loading = await startEmbeddedRedis({ dataDir, durability: 'always', log, snapshot: file });
  let loaded: number;
  try {
    loaded = await withClient(await readAddress(dataDir), async (client) => {
      await client.config('SET', 'appendonly', 'yes');
      await untilInfo(client, 'aof_rewrite_in_progress', '0');
      await requireInfo(client, 'aof_last_bgrewrite_status', 'ok');
      return client.dbsize();
    });
  } finally {
    await loading.stop();
  }
  await rm(join(folder, snapshotName), { force: true });

  const checking = await startEmbeddedRedis({ dataDir, durability: 'always', log });
  try {
    const found = await withClient(await readAddress(dataDir), async (client) => {
      // A key may expire between the two starts.
      return (await client.dbsize()) + Number(await readInfo(client, 'expired_keys'));
    });
    if (found < loaded) throw new EmbeddedRedisError(`Of ${loaded} keys only ${found} were restored.`);
  } finally {
    await checking.stop();
  }
}

async function saveFrom(address: RedisAddress, dataDir: string, file: string): Promise<void> {
  const folder = join(resolve(dataDir), 'redis');
  await withClient(address, async (client) => {
    await requireOwnServer(client, dataDir, folder);
    // A save that is already running may have begun before the last message was accepted.
    await untilInfo(client, 'rdb_bgsave_in_progress', '0');
    await untilInfo(client, 'aof_rewrite_in_progress', '0');
    await client.bgsave();
    await untilInfo(client, 'rdb_bgsave_in_progress', '0');
    await requireInfo(client, 'rdb_last_bgsave_status', 'ok');
    await rename(join(folder, snapshotName), file);
  });
}

/** Another server may listen at the address where the server of the data directory did. */
async function requireOwnServer(client: Redis, dataDir: string, folder: string): Promise<void> {
  const [, dir] = await client.config('GET', 'dir');
  const pid = Number(await readInfo(client, 'process_id'));
  if (dir === (await realpath(folder)) && pid === readServerPid(dataDir)) return;
  throw new EmbeddedRedisError(`The Redis that answers is not that of ${dataDir}; nothing was done.`);
}

/** Where the server of a data directory listens, as its configuration file says. */
async function readAddress(dataDir: string): Promise<RedisAddress> {
  const text = await readFile(join(resolve(dataDir), 'redis', 'redis.conf'), 'utf8').catch(() => '');
  const address = parseAddress(text);
  if (address) return address;
  throw new EmbeddedRedisError(`There is no embedded Redis in ${dataDir}: posthorn runs there with a REDIS_URL.`);
}

async function withClient<T>(address: RedisAddress, work: (client: Redis) => Promise<T>): Promise<T> {
  const options = { retryStrategy: null, lazyConnect: true };
  const client = new Redis(
    'path' in address ? { ...options, ...address } : { ...options, ...address, host: '127.0.0.1' },
  );
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.disconnect();
  }
}

async function readInfo(client: Redis, name: string): Promise<string> {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(await client.info())?.[1] ?? '';
}

async function untilInfo(client: Redis, name: string, value: string): Promise<void> {
  while ((await readInfo(client, name)) !== value) await new Promise((done) => setTimeout(done, pollMs));
}

async function requireInfo(client: Redis, name: string, value: string): Promise<void> {
  const found = await readInfo(client, name);
  if (found === value) return;
  throw new EmbeddedRedisError(`Redis could not write its data (${name} is ${found}); see whether its disk is full.`);
}
