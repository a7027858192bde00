import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Durability, RedisServer } from '@posthorn/embedded-redis';
import { Redis } from 'ioredis';
import { findFreePort } from './free-port.ts';

export interface TestRedisOptions {
  /** `always` by default. */
  durability?: Durability;
  /** More arguments for the server; they win over its own. */
  args?: string[];
}

/** A real Redis of a test's own, which can be killed, frozen and started again on the same data and port. */
export interface TestRedis {
  /** `redis://127.0.0.1:<port>` */
  url: string;
  port: number;
  /** The process that runs now, or ran last. */
  pid(): number;
  /** A client for looking into it; it connects again by itself. */
  client: Redis;
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  start(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

export async function startRedis({ durability = 'always', args = [] }: TestRedisOptions = {}): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'posthorn-redis-'));
  const port = await findFreePort();
  const server = await findServer();
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 50 });
  client.on('error', () => undefined);
  let child: ChildProcess;

  const start = async () => {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
    const durable = ['--appendonly', 'yes', '--appendfsync', durability, '--maxmemory-policy', 'noeviction'];
    child = spawn(server.command, [...server.args, ...settings, ...durable, ...args], { stdio: 'ignore' });
    // ioredis connects by itself again after a kill; the first time it is asked to.
    for (;;) {
      if (client.status === 'wait') await client.connect().catch(() => undefined);
      if (client.status === 'ready' && (await client.ping().catch(() => '')) === 'PONG') return;
      if (hasEnded(child)) throw new Error(`redis-server ended (${child.signalCode ?? String(child.exitCode)})`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const end = async () => {
    if (hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  await start().catch((error: unknown) => {
    client.disconnect();
    throw error;
  });

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: () => child.pid ?? 0,
    client,
    start,
    kill: end,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      client.disconnect();
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** `npm test` has looked for the server already; a single test run looks itself. */
export async function findServer(): Promise<RedisServer> {
  const found = process.env['POSTHORN_TEST_REDIS'];
  if (found) return JSON.parse(found) as RedisServer;
  const { findRedisServer } = await import('@posthorn/embedded-redis');
  return findRedisServer({ dataDir: tmpdir(), log: () => undefined });
}
