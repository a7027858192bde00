import { randomUUID } from 'node:crypto';
import { ConfigurationError } from '@posthorn/process';
import type { RedisConnection } from './connect.ts';
import { explainRefusal, explainTls, findTarget } from './explain.ts';
import { isRedisUnavailable } from './faults.ts';
import { keyspace } from './keyspace.ts';
import { requireRights } from './rights.ts';
import { createServerReader } from './server-state.ts';

/** The state of Redis when a process starts. */
export interface RedisFacts {
  version: string;
  /** One sentence for each setting that works but is probably a mistake. */
  warnings: string[];
}

/**
 * Waits for Redis and makes sure that posthorn can work with it, once at the start of a process. A Redis that does not run
 * yet is waited for; one that refuses this process is reported at once.
 *
 * @throws {ConfigurationError} when Redis does not answer in time, refuses the connection, does not give every right that
 *   is needed, is too old, is a replica, or would evict messages
 */
export async function inspectRedis(redis: RedisConnection, timeoutMs: number): Promise<RedisFacts> {
  await waitUntilReady(redis, timeoutMs);
  try {
    return await inspect(redis);
  } catch (error) {
    if (isRedisUnavailable(error)) throw doesNotAnswer((error as Error).message);
    throw error;
  }
}

async function inspect(redis: RedisConnection): Promise<RedisFacts> {
  const { db = 0 } = redis.options;
  const info = await redis.info().catch((error: unknown) => error);
  if (typeof info === 'string') requireVersion(info);
  await requireRights(redis);
  const state = await createServerReader(redis, db)();
  if (state.isReplica) throw new ConfigurationError(`REDIS_URL: ${isReplica}`);
  if (state.evictionPolicy !== 'noeviction') throw new ConfigurationError(`REDIS_URL: ${explainEviction(state)}`);
  if (state.isCluster && !redis.isCluster) {
    throw new ConfigurationError(
      'REDIS_URL: Redis is a node of a cluster; list its nodes with commas, or the one twice: host:port,host:port.',
    );
  }
  await recognizeProxy(redis);
  await requireDatabase(redis, db);
  const isNew = (await redis.hget(keyspace.settings, 'shards').catch(refuseWrongType)) === null;
  const foreign = `Database ${db} of Redis already holds ${state.keys} keys of other programs; posthorn adds its own beside them. Give each installation of posthorn a database of its own (redis://host:port/number).`;
  return { version: state.version, warnings: isNew && state.keys > 0 ? [foreign] : [] };
}

/** A database may be a proxy before several servers that divide the keys. It refuses a script with keys of two of them. */
async function recognizeProxy(redis: RedisConnection): Promise<void> {
  if (!redis.joinsShards) return;
  try {
    await redis.eval('return 1', 2, keyspace.bullmq(0), keyspace.bullmq(1));
  } catch (error) {
    if (!String(error).includes('CROSSSLOT')) throw error;
    redis.joinsShards = false;
  }
}

function requireVersion(info: string): void {
  const version = /^(?:valkey|redis)_version:(.*?)\r?$/m.exec(info)?.[1] ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 2)) {
    throw new ConfigurationError(`REDIS_URL: Redis ${version} is too old; use Redis 6.2 or newer, or Valkey.`);
  }
}

export const isReplica = 'Redis is a replica and read-only; set REDIS_URL to the primary.';

export function explainEviction({ evictionPolicy }: { evictionPolicy: string }): string {
  return `Redis may evict messages when its memory is full; set maxmemory-policy to noeviction, it is '${evictionPolicy}'.`;
}

/** A proxy may accept a database number and ignore it. */
async function requireDatabase(redis: RedisConnection, db: number): Promise<void> {
  if (db === 0) return;
  const connection = await redis.client('INFO').catch(() => '');
  const used = /\bdb=(\d+)/.exec(connection)?.[1];
  if (used !== undefined && used !== String(db)) {
    throw new ConfigurationError(`REDIS_URL: Redis uses database ${used} in place of ${db}; choose another number.`);
  }
}

/**
 * Stores the number of shards once and refuses another one, because every key depends on it. Stores a name of the data as
 * well, by which a Redis that was emptied is recognized.
 *
 * @returns the name of the data
 */
export async function agreeOnData(redis: RedisConnection, shards: number): Promise<string> {
  const agree = async (field: string, value: string) => {
    const read = () => redis.hget(keyspace.settings, field).catch(refuseWrongType);
    // A Redis without memory can be read: a process that takes messages out of it must be able to start.
    if ((await read()) === null) await redis.hsetnx(keyspace.settings, field, value);
    return read();
  };
  const stored = await agree('shards', String(shards));
  if (stored !== String(shards)) {
    throw new ConfigurationError(
      `SHARDS is ${shards}, but the data in Redis was written with ${stored ?? 'none'}; set SHARDS to ${stored ?? 'that'}, or REDIS_URL to a database of its own.`,
    );
  }
  // The name is not essential: a full Redis that has none stays without.
  return (await agree('data', randomUUID()).catch(() => null)) ?? '';
}

function refuseWrongType(error: unknown): never {
  if (!(error as Error).message.startsWith('WRONGTYPE')) throw error;
  throw new ConfigurationError(
    `REDIS_URL: the key ${keyspace.settings} in Redis belongs to another program; set REDIS_URL to a database of its own.`,
  );
}

/** Within this time a fault may come from a Redis that is starting. */
const explainTlsAfterMs = 300;

async function waitUntilReady(redis: RedisConnection, timeoutMs: number): Promise<void> {
  const startedAt = Date.now();
  const isLate = (ms: number) => Date.now() - startedAt >= ms;
  let reason = 'no response';
  let refusal: string | undefined;
  const remember = (error: Error) => {
    reason = error.message || ('code' in error ? String(error.code) : 'no response');
    refusal ??= explainRefusal(error);
  };
  redis.on('error', remember);
  let wake: (() => void) | undefined;
  const goOn = () => wake?.();
  redis.on('ready', goOn);
  let asked: Promise<void> | undefined;
  const askForTls = async () => {
    const target = findTarget(redis);
    const mismatch = target && (await explainTls(target));
    refusal ??= mismatch;
  };
  try {
    while (!isLate(timeoutMs) && refusal === undefined) {
      // A connection that queues commands while it is offline would wait here for ever, so it is asked only when ready.
      if (redis.status === 'ready') {
        const answer = await Promise.race([redis.ping().catch(remember), sleep(startedAt + timeoutMs - Date.now())]);
        if (answer === 'PONG') return;
      } else if (isLate(explainTlsAfterMs)) asked ??= askForTls();
      await Promise.race([sleep(20), new Promise<void>((resolve) => (wake = resolve))]);
    }
  } finally {
    redis.off('ready', goOn);
    redis.off('error', remember);
  }
  throw refusal === undefined ? doesNotAnswer(reason) : new ConfigurationError(refusal);
}

function doesNotAnswer(reason: string): ConfigurationError {
  return new ConfigurationError(
    `REDIS_URL: Redis does not answer (${reason}); start it, or set REDIS_URL to where it runs.`,
  );
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
