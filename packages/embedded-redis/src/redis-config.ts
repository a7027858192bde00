import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { RedisAddress } from './ping.ts';

export type Durability = 'always' | 'everysec';

/** Bytes of a field up to which Redis keeps a small hash in one piece. */
const maxListpackValue = 2048;

/** A longer path does not fit into the address of a Unix socket. */
const maxSocketPath = 100;

/** A socket file in the server's folder, or a free port where the path is of no use. */
export async function chooseAddress(folder: string): Promise<RedisAddress> {
  const path = join(folder, 'redis.sock');
  // In REDIS_URL a comma stands between the nodes of a cluster, and a question mark before the database.
  if (Buffer.byteLength(path) <= maxSocketPath && !/[,?]/.test(path)) return { path };
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  // Every user of this machine can reach a port; only its owner can reach a socket file.
  return { port, password: randomBytes(24).toString('base64url') };
}

/** For `REDIS_URL`. */
export function formatUrl(address: RedisAddress): string {
  return 'path' in address ? `unix:${address.path}` : `redis://:${address.password}@127.0.0.1:${address.port}`;
}

/**
 * The configuration file of the server (contract R6).
 *
 * @param snapshot an RDB file to load instead of the append-only file, which is off until it is loaded
 */
export function formatConfig(folder: string, address: RedisAddress, durability: Durability, snapshot?: string): string {
  const listen =
    'path' in address
      ? ['port 0', `unixsocket ${quote(address.path)}`, 'unixsocketperm 700']
      : [`port ${address.port}`, 'bind 127.0.0.1', `requirepass ${address.password}`];
  return [
    ...listen,
    `dir ${quote(folder)}`,
    'daemonize no',
    `appendonly ${snapshot === undefined ? 'yes' : 'no'}`,
    `appendfsync ${durability}`,
    'aof-load-truncated yes',
    'save ""',
    'maxmemory-policy noeviction',
    // By the older name, which every version knows. A message and its log need a sixth less memory.
    `hash-max-ziplist-value ${maxListpackValue}`,
    '',
  ].join('\n');
}

/** Where a server with this configuration file listens; `undefined` when the text is not one of ours. */
export function parseAddress(text: string): RedisAddress | undefined {
  const read = (name: string) => new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1];
  const path = read('unixsocket');
  if (path !== undefined) return { path: JSON.parse(path) as string };
  const [port, password] = [read('port'), read('requirepass')];
  return port === undefined || password === undefined ? undefined : { port: Number(port), password };
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', String.raw`\\`).replaceAll('"', String.raw`\"`)}"`;
}
