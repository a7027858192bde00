import type { Socket } from 'node:net';
import { Cluster, Redis, type RedisOptions as AnyRedisOptions } from 'ioredis';
import { ConfigurationError } from '@posthorn/process';
import { persist } from './persist.ts';
import { sayWhenLast, scriptDefinitions, withoutEvents, type ScriptCommands } from './scripts/scripts.ts';
import { skipUnused } from './scripts/skip-unused.ts';

/** The options without the one that would change the type of every reply. */
type RedisOptions = Omit<AnyRedisOptions, 'replyMapping'>;

/** A connection to Redis, or to a Redis Cluster, with our scripts as methods. */
export type RedisConnection = Redis &
  ScriptCommands & {
    /** Whether one command may have keys of several shards: not in a cluster, nor behind a proxy that divides the keys. */
    joinsShards: boolean;
    /**
     * Calls `write` at the end of this turn of the event loop. Its commands are sent before all others of the turn,
     * except with `connectForRequests` to a cluster.
     */
    sendAhead(write: () => void): void;
    /** The same, except that its commands are sent after all others of the turn. */
    sendLast(write: () => void): void;
  };

/** How long a process that answers requests waits for Redis. */
export const commandTimeoutMs = 1500;

/**
 * The connection of a process that answers requests. Its commands fail at once while Redis is unavailable, and after
 * 1.5 seconds if Redis is frozen. It connects again within 250 ms after Redis is back.
 */
export function connectForRequests(url: string): RedisConnection {
  const redis = connect(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    // A pipeline to a node of a cluster waits for the one before it, so the timeouts of the last commands before a freeze
    // and of the first ones in it would add up.
    socketTimeout: commandTimeoutMs,
    connectTimeout: 1000,
    // Joins the commands for each node of a cluster. With one Redis it costs more than `joinWrites`.
    enableAutoPipelining: isCluster(url),
    retryStrategy: (times) => Math.min(50 * times, 250),
  });
  if (!isCluster(url)) joinWrites(redis);
  adaptScripts(redis);
  return redis;
}

/** The connection of a worker: it waits for Redis as long as it takes. BullMQ copies it for its blocking commands. */
export function connectForWork(url: string): RedisConnection {
  const redis = connect(url, {
    maxRetriesPerRequest: null,
    connectTimeout: 2000,
    retryStrategy: (times) => Math.min(50 * times, 500),
    // A half-open connection never reports an error. BullMQ's blocking commands take 10 seconds at most.
    socketTimeout: 15_000,
  });
  persist(redis, scriptDefinitions);
  joinWrites(redis);
  adaptScripts(redis);
  return redis;
}

/** BullMQ defines its scripts on the connection that it gets, as `<name>:<version>`. */
function adaptScripts(redis: RedisConnection): void {
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, { lua, ...definition }) => {
    const [script = ''] = name.split(':');
    define(name, { ...definition, lua: sayWhenLast(withoutEvents(skipUnused(script, lua))) });
  };
}

/**
 * Sends all commands of one turn of the event loop with one system call, which costs more than a command: those of all
 * messages whose responses were read together leave together. Their order stays. Unlike auto-pipelining this waits for no
 * earlier response.
 */
function joinWrites(redis: RedisConnection): void {
  const send = redis.sendCommand.bind(redis);
  let commands: Parameters<typeof send>[] = [];
  let ahead: (() => void)[] = [];
  let last: (() => void)[] = [];
  let isPlanned = false;

  const flush = () => {
    const others = commands;
    commands = [];
    for (const write of ahead) write();
    ahead = [];
    const first = commands;
    commands = [];
    for (const write of last) write();
    last = [];
    const all = first.concat(others, commands);
    commands = [];
    isPlanned = false;
    // A cluster has a socket per node and none here.
    const socket = redis.stream as typeof redis.stream | undefined;
    socket?.cork();
    for (const command of all) {
      try {
        void send(...command);
      } catch (error) {
        // An error of one socket must not stop the others.
        command[0].reject(error as Error);
      }
    }
    socket?.uncork();
  };
  const plan = () => {
    if (!isPlanned) setImmediate(flush);
    isPlanned = true;
  };
  redis.sendCommand = (...command) => {
    commands.push(command);
    plan();
    return command[0].promise;
  };
  redis.sendAhead = (write) => {
    ahead.push(write);
    plan();
  };
  redis.sendLast = (write) => {
    last.push(write);
    plan();
  };
}

/**
 * Gives every address at which this connection has found Redis so far: the primary after a failover and the nodes of a
 * cluster are only known once they are connected to.
 */
export function followAddresses(redis: RedisConnection): () => { address: string; port: number }[] {
  const known = new Map<string, { address: string; port: number }>();
  return () => {
    const nodes = redis instanceof Cluster ? (redis as Cluster).nodes() : [redis];
    for (const { stream } of nodes) {
      // Neither a Unix socket nor a node without a connection has an address.
      const { remoteAddress: address, remotePort: port } = (stream as Partial<Socket> | undefined) ?? {};
      if (address !== undefined && port !== undefined) known.set(`${address} ${port}`, { address, port });
    }
    return [...known.values()];
  };
}

function connect(url: string, options: RedisOptions): RedisConnection {
  const common: RedisOptions = {
    ...options,
    scripts: scriptDefinitions,
    // After a failover the old primary is read-only: connect again and repeat the command.
    reconnectOnError: (error) => (/^READONLY|[: ]-READONLY/.test(error.message) ? 2 : false),
    connectionName: 'posthorn',
  };
  const client = isCluster(url) ? cluster(url, common) : new Redis({ ...parseServer(url), ...common });
  // ioredis would use database 0, with the keys of other programs.
  client.on('error', (error: Error & { command?: { name: string } }) => {
    if (error.command?.name === 'select') client.disconnect(true);
  });
  return Object.assign(client as RedisConnection, {
    joinsShards: !isCluster(url),
    sendAhead: setImmediate,
    sendLast: setImmediate,
  });
}

function isCluster(url: string): boolean {
  return url.includes(',') && !url.startsWith('redis+sentinel:');
}

function cluster(url: string, options: RedisOptions): Cluster {
  const { enableOfflineQueue, enableAutoPipelining, scripts: _, retryStrategy, ...redisOptions } = options;
  const nodes = url.split(',').map((text) => parseServer(text.includes('://') ? text : `redis://${text}`));
  if (nodes.some(({ db, path }) => db !== undefined || path !== undefined)) {
    throw new ConfigurationError('Wrong environment: REDIS_URL: a cluster has neither database numbers nor sockets.');
  }
  const { host: _host, port: _port, ...credentials } = nodes[0] ?? {};
  return new Cluster(
    nodes.map(({ host, port }) => ({ host, port })),
    {
      ...(enableOfflineQueue === undefined ? {} : { enableOfflineQueue }),
      ...(enableAutoPipelining === undefined ? {} : { enableAutoPipelining }),
      scripts: scriptDefinitions,
      clusterRetryStrategy: retryStrategy,
      redisOptions: { ...redisOptions, ...credentials },
    },
  );
}

/** Parses `REDIS_URL`, or the part of one server (contract R14). */
function parseServer(url: string): RedisOptions {
  if (url.startsWith('unix:')) {
    const [, path, db = ''] = /^unix:(?:\/\/)?(\/[^?]*)(?:\?db=(\d{1,4}))?$/.exec(url) ?? [];
    if (!path) throw wrongUrl();
    return { path, ...database(db) };
  }
  let parsed: URL;
  let secrets: RedisOptions;
  try {
    parsed = new URL(url.replace(/^(redis\+sentinel:\/\/[^/,]*)(,[^/]*)?/, '$1'));
    secrets = {
      ...(parsed.username ? { username: decodeURIComponent(parsed.username) } : {}),
      ...(parsed.password ? { password: decodeURIComponent(parsed.password) } : {}),
    };
  } catch {
    throw wrongUrl();
  }
  // ioredis would ignore an unknown parameter without an error.
  if (parsed.search || parsed.hash) throw wrongUrl();
  const [first = '', ...others] = parsed.pathname.slice(1).split('/');
  if (parsed.protocol === 'redis+sentinel:') {
    const hosts = /^redis\+sentinel:\/\/(?:[^@/]*@)?([^/]+)\//.exec(url)?.[1];
    if (!hosts || !first || others.length > 1) throw wrongUrl();
    const sentinels = hosts.split(',').map((host) => {
      const [name = '', port = '26379'] = host.split(':');
      return { host: name, port: Number(port) };
    });
    return { sentinels, name: first, ...database(others[0] ?? ''), ...secrets };
  }
  if ((parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:') || others.length > 0) throw wrongUrl();
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: Number(parsed.port || 6379),
    ...database(first),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
    ...secrets,
  };
}

function database(text: string): { db?: number } {
  if (!/^\d{0,4}$/.test(text)) throw wrongUrl();
  return text ? { db: Number(text) } : {};
}

function wrongUrl(): ConfigurationError {
  return new ConfigurationError(
    'Wrong environment: REDIS_URL: use redis://user:password@host:port/database, rediss:// for TLS, unix:/path/to/socket?db=number, host:port,host:port for a cluster, or redis+sentinel://host:port,host:port/master/database; encode special characters of a password with %.',
  );
}
