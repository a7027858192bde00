import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedisServer, type RedisServer } from '@posthorn/embedded-redis';
import { Redis } from 'ioredis';
import { findFreePort } from './free-port.ts';

/** A real Redis of a test's own, which can be killed, frozen and started again on the same data. */
export interface TestRedis {
  url: string;
  port: number;
  /** A client for looking into it. */
  client: Redis;
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedis(args: string[] = []): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'posthorn-redis-'));
  const port = await findFreePort();
  const server = await findServer();
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 50 });
  client.on('error', () => undefined);
  let child: ChildProcess;

  const start = async () => {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--hz', '100'];
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction'];
    child = spawn(server.command, [...settings, ...durable, ...args], {
      env: { ...process.env, ...server.env },
      stdio: 'ignore',
    });
    // ioredis connects by itself again after a kill; the first time it is asked to.
    for (;;) {
      if (client.status === 'wait') await client.connect().catch(() => undefined);
      if (client.status === 'ready' && (await client.ping().catch(() => '')) === 'PONG') return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  };
  await start();

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    client,
    start,
    kill: () => end('SIGKILL'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      client.disconnect();
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `npm test` has looked for the server already; a single test run looks itself. */
async function findServer(): Promise<RedisServer> {
  const found = process.env['POSTHORN_TEST_REDIS'];
  if (found) return JSON.parse(found) as RedisServer;
  return findRedisServer({ dataDir: tmpdir(), log: () => undefined });
}
