import { randomUUID } from 'node:crypto';
import { ConfigurationError } from '../process/env.ts';
import type { RedisConnection } from './connect.ts';
import { keyspace } from './keyspace.ts';

/** What the Redis behind a process really promises. */
export interface RedisFacts {
  version: string;
  /** `always`, `everysec`, `no` (the operating system decides), `none` (no AOF) or `unknown` (CONFIG is not allowed). */
  durability: 'always' | 'everysec' | 'no' | 'none' | 'unknown';
  /** One sentence for each setting that promises less than it should. */
  warnings: string[];
}

/**
 * Waits for Redis and looks at its settings, once at the start of a process.
 *
 * @throws {ConfigurationError} when Redis does not answer in time, is too old, or would evict messages
 */
export async function inspectRedis(
  redis: RedisConnection,
  asked: 'always' | 'everysec',
  timeoutMs: number,
): Promise<RedisFacts> {
  await waitUntilReady(redis, timeoutMs);
  const info = await redis.info();
  const read = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';

  const version = read('valkey_version') || read('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 2)) {
    throw new ConfigurationError(`REDIS_URL: Redis ${version} is too old; use Redis 6.2 or newer, or Valkey.`);
  }
  const policy = read('maxmemory_policy');
  if (policy !== 'noeviction') {
    throw new ConfigurationError(
      `REDIS_URL: Redis may evict messages when its memory is full; set maxmemory-policy to noeviction, it is '${policy}'.`,
    );
  }

  const durability = read('aof_enabled') === '1' ? await readFsync(redis) : 'none';
  const warnings: string[] = [];
  if (durability === 'none') {
    warnings.push('Redis has no append-only file: accepted messages can be lost when Redis ends. Set appendonly yes.');
  } else if (durability === 'no' || (asked === 'always' && durability === 'everysec')) {
    warnings.push(
      `DURABILITY is ${asked}, but Redis runs with appendfsync ${durability}: a power cut can take accepted messages.`,
    );
  }
  return { version, durability, warnings };
}

/**
 * The number of shards is part of where every key lies, so it is written once and must never differ. Beside it is a name
 * of the data, which tells a Redis that was emptied. Gives it.
 */
export async function agreeOnData(redis: RedisConnection, shards: number): Promise<string> {
  const agree = async (field: string, value: string) => {
    const read = () => redis.hget(keyspace.settings, field);
    // A Redis without memory can be read: a process that takes messages out of it must be able to start.
    if ((await read()) === null) await redis.hsetnx(keyspace.settings, field, value);
    return read();
  };
  const stored = await agree('shards', String(shards));
  if (stored !== String(shards)) {
    throw new ConfigurationError(
      `SHARDS is ${shards}, but the data in Redis was written with ${stored ?? 'none'}; set SHARDS to ${stored ?? 'that'}.`,
    );
  }
  // Nothing hangs on the name: what was written without one, and is full, stays without.
  return (await agree('data', randomUUID()).catch(() => null)) ?? '';
}

async function waitUntilReady(redis: RedisConnection, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let reason = 'no answer';
  const remember = (error: Error) => {
    reason = error.message || ('code' in error ? String(error.code) : 'no answer');
  };
  redis.on('error', remember);
  try {
    while (Date.now() < deadline) {
      // A connection that queues commands while it is offline would wait here for ever, so it is asked only when ready.
      if (redis.status === 'ready') {
        const answer = await Promise.race([redis.ping().catch(remember), sleep(deadline - Date.now())]);
        if (answer === 'PONG') return;
      }
      await sleep(20);
    }
  } finally {
    redis.off('error', remember);
  }
  // One that does not speak TLS says nothing to who does.
  const plain = redis.options.tls ? ', with redis:// if it does not speak TLS there' : '';
  throw new ConfigurationError(
    `REDIS_URL: Redis does not answer (${reason}); start it, or set REDIS_URL to where it runs${plain}.`,
  );
}

async function readFsync(redis: RedisConnection): Promise<RedisFacts['durability']> {
  try {
    const [, value] = await redis.config('GET', 'appendfsync');
    return value === 'always' || value === 'everysec' || value === 'no' ? value : 'unknown';
  } catch {
    return 'unknown';
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
