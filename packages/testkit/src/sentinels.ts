import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { findFreePort } from './free-port.ts';
import { findServer } from './redis.ts';

/** Three real sentinels that watch over one Redis and its replicas. */
export interface TestSentinels {
  /** `redis+sentinel://<three addresses>/main` */
  url: string;
  stop(): Promise<void>;
}

const count = 3;

/** @param port of the primary, whose replica is already there */
export async function startSentinels(port: number): Promise<TestSentinels> {
  const folder = await mkdtemp(join(tmpdir(), 'posthorn-sentinels-'));
  const server = await findServer();
  const ports = await Promise.all(Array.from({ length: count }, findFreePort));
  const children: ChildProcess[] = [];
  const stop = async () => {
    const ended = children.map((child) => once(child, 'exit'));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ended);
    await rm(folder, { recursive: true, force: true });
  };
  for (const own of ports) {
    const file = join(folder, `${own}.conf`);
    // A sentinel writes what it learns into its file.
    await writeFile(
      file,
      `port ${own}
bind 127.0.0.1
dir ${folder}
sentinel monitor main 127.0.0.1 ${port} 2
sentinel down-after-milliseconds main 1000
sentinel failover-timeout main 5000
`,
    );
    children.push(spawn(server.command, [...server.args, file, '--sentinel'], { stdio: 'ignore' }));
  }
  try {
    await eventually(async () => {
      const known = await Promise.all(ports.map(ask));
      return known.every(([replicas, sentinels]) => replicas > 0 && sentinels === count - 1);
    }, 30_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `redis+sentinel://${ports.map((own) => `127.0.0.1:${own}`).join()}/main`, stop };
}

/** How many replicas and how many other sentinels one knows. */
async function ask(port: number): Promise<[replicas: number, sentinels: number]> {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: null, lazyConnect: true });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const info = await client.info('sentinel');
    const read = (name: string) => Number(new RegExp(`^master0:.*${name}=(\\d+)`, 'm').exec(info)?.[1]);
    return [read('slaves'), read('sentinels') - 1];
  } catch {
    return [0, 0];
  } finally {
    client.disconnect();
  }
}
