import { Cluster, type RedisOptions } from 'ioredis';
import { ConfigurationError } from '@posthorn/process';
import type { RedisConnection } from './connect.ts';
import { isDenied } from './faults.ts';
import { keyspace } from './keyspace.ts';

/** Commands with the arguments that follow the key; a right is needed for each, also for those inside of scripts. */
const keyCommands: Record<string, readonly (string | number)[]> = {
  append: [''],
  bzpopmin: [1],
  del: [],
  exists: [],
  get: [],
  getrange: [0, 0],
  hdel: ['f'],
  hexists: ['f'],
  hget: ['f'],
  hgetall: [],
  hincrby: ['f', 1],
  hkeys: [],
  hlen: [],
  hmget: ['f'],
  hmset: ['f', ''],
  hset: ['f', ''],
  hsetnx: ['f', ''],
  hstrlen: ['f'],
  hvals: [],
  incr: [],
  lindex: [0],
  llen: [],
  lpop: [],
  lpos: [''],
  lpush: [''],
  lrange: [0, 0],
  lrem: [0, ''],
  ltrim: [0, 0],
  persist: [],
  pexpire: [1],
  pexpireat: [1],
  pttl: [],
  rpush: [''],
  sadd: [''],
  scard: [],
  set: [''],
  smembers: [],
  srem: [''],
  strlen: [],
  unlink: [],
  zadd: [0, ''],
  zcard: [],
  zcount: [0, 0],
  zpopmin: [],
  zrandmember: [],
  zrange: [0, 0],
  zrangebyscore: [0, 0],
  zrank: [''],
  zrem: [''],
  zremrangebyrank: [0, 0],
  zremrangebyscore: [0, 0],
  zrevrange: [0, 0],
  zrevrangebyscore: [0, 0],
  zscan: [0],
  zscore: [''],
};

/** Every command that a Redis user of posthorn must be allowed to run, in lower case. */
export const neededCommands: readonly string[] = [
  ...Object.keys(keyCommands),
  'rename',
  'rpoplpush',
  'eval',
  'evalsha',
  'info',
  'ping',
  'publish',
  'subscribe',
  'time',
  'multi',
  'discard',
];

/** A key of each kind, and the pattern of all of them. */
const keyKinds = {
  '{d*}:*': `${keyspace.shard(0)}:probe`,
  '{log}:*': '{log}:probe',
  '{schedules}:*': '{schedules}:probe',
  'posthorn:*': 'posthorn:probe',
};

/** Rights that a user lacks: names of commands and channels, and patterns of keys. */
interface Missing {
  commands: string[];
  keys: string[];
  channels: string[];
}

/**
 * The line that grants a Redis user all that posthorn needs, and `CONFIG GET`, without which it does not know how durable
 * messages are. Keys and channels are added only where they are missing: Redis refuses them for a user who has all.
 */
export function formatGrant(redis: RedisConnection, missing?: Missing): string {
  const { user, db } = readUser(redis);
  const commands = [
    ...neededCommands,
    'config|get',
    ...(db ? ['select'] : []),
    ...(redis.isCluster ? ['cluster|slots'] : []),
  ];
  const keys = (missing?.keys ?? Object.keys(keyKinds)).map((pattern) => `~${pattern}`);
  const channels = missing?.channels.length === 0 ? [] : ['&posthorn:*'];
  return ['ACL SETUSER', user, 'on', ...keys, ...channels, ...commands.map((name) => `+${name}`)].join(' ');
}

/**
 * Asks for the right to every command, key and channel, without running any command: Redis checks rights when a command
 * of a transaction is queued, and the transaction is discarded.
 *
 * @throws {ConfigurationError} that names what is missing, and the line that grants it
 */
export async function requireRights(redis: RedisConnection): Promise<void> {
  const probe = duplicate(redis);
  probe.on('error', () => undefined);
  try {
    const missing = await findMissing(probe);
    const all = [
      ...missing.commands.map((name) => `run ${name}`),
      ...missing.keys.map((pattern) => `use keys ${pattern}`),
      ...missing.channels.map((name) => `use channel ${name}`),
    ];
    if (all.length === 0) return;
    const named = all.length > maxNamed ? [...all.slice(0, maxNamed), `${all.length - maxNamed} more`] : all;
    throw new ConfigurationError(
      `REDIS_URL: the Redis user '${readUser(redis).user}' lacks the right to ${named.join(', ')}; grant what posthorn needs: ${formatGrant(redis, missing)}`,
    );
  } finally {
    probe.disconnect();
  }
}

/** A connection of its own: a transaction that cannot be discarded must not stay open on that of the process. */
function duplicate(redis: RedisConnection): RedisConnection {
  const options = { enableOfflineQueue: true, enableAutoPipelining: false };
  if (redis instanceof Cluster) return (redis as Cluster).duplicate([], options) as unknown as RedisConnection;
  return redis.duplicate(options) as RedisConnection;
}

type Command = [name: string, ...args: (string | number)[]];

const maxNamed = 5;

async function findMissing(redis: RedisConnection): Promise<Missing> {
  const inTransaction = async (commands: readonly Command[]): Promise<[name: string, error: unknown][]> => {
    const pipeline = redis.pipeline();
    for (const [name, ...args] of [['multi'], ...commands, ['discard']] as Command[]) pipeline.call(name, ...args);
    const replies = (await pipeline.exec()) ?? [];
    return commands.map(([name], index) => [name.toUpperCase(), replies[index + 1]?.[0]]);
  };
  const missing: Missing = { commands: [], keys: [], channels: [] };
  // Without transactions the other commands would run.
  for (const name of ['multi', 'discard']) {
    if (isDenied(await redis.call(name).catch((thrown: unknown) => thrown))) missing.commands.push(name.toUpperCase());
  }
  if (missing.commands.length > 0) return missing;

  const key = keyKinds['{d*}:*'];
  const channel = keyspace.signingKeysChanged;
  const replies = await inTransaction([
    ...Object.entries(keyCommands).map(([name, args]): Command => [name, key, ...args]),
    ['rename', key, key],
    ['rpoplpush', key, key],
    ['eval', 'return 1', 1, key],
    ['evalsha', '0'.repeat(40), 1, key],
    ['info'],
    ['time'],
    ['ping'],
    ['publish', channel, ''],
  ]);
  for (const [name, error] of replies) {
    if (deniesCommand(error)) missing.commands.push(name);
    else if (isDenied(error) && name === 'PUBLISH') missing.channels.push(channel);
  }
  // A user without the right to any of them is new, and has neither keys nor channels.
  const allowed = Object.entries(keyCommands).find(([name]) => !missing.commands.includes(name.toUpperCase()));
  for (const [pattern, one] of Object.entries(keyKinds)) {
    // In a cluster they lie on different nodes.
    const [answer] = allowed ? await inTransaction([[allowed[0], one, ...allowed[1]]]) : [];
    if (!answer || isDenied(answer[1])) missing.keys.push(pattern);
  }
  if (!allowed) missing.channels.push(channel);
  // After this the connection takes nothing else.
  const subscribed = await redis.subscribe(channel).catch((thrown: unknown) => thrown);
  if (deniesCommand(subscribed)) missing.commands.push('SUBSCRIBE');
  return missing;
}

/** Not only one of its keys or channels. */
function deniesCommand(error: unknown): boolean {
  return isDenied(error) && error.message.includes(' to run ');
}

function readUser({ options }: RedisConnection): { user: string; db: number } {
  const { username, db = 0 } = 'redisOptions' in options ? (options.redisOptions as RedisOptions) : options;
  return { user: username ?? 'default', db };
}
