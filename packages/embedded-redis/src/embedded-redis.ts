import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { findRedisServer } from './find-redis-server.ts';
import { lockDataDir } from './lock.ts';
import { ping, type Place } from './ping.ts';

export interface EmbeddedRedisOptions {
  dataDir: string;
  durability: 'always' | 'everysec';
  log: (text: string) => void;
}

/** A Redis server that belongs to one data directory and lives as long as its owner wants. */
export interface EmbeddedRedis {
  /** For `REDIS_URL`. */
  url: string;
  /** Ends the server when everything is on disk. */
  stop(): Promise<void>;
}

/** It cannot be started; the message is one sentence that says what to do. */
export class EmbeddedRedisError extends Error {
  override name = 'EmbeddedRedisError';
}

/** A longer path does not fit into the address of a Unix socket. */
const maxSocketPath = 100;
const restartMs = 300;
const stopMs = 20_000;

/**
 * Starts a durable Redis server as a child, starts it again when it dies, and resolves when it answers (contract,
 * running.md section 2).
 *
 * @throws {EmbeddedRedisError | DataDirInUseError | NoRedisServerError}
 */
export async function startEmbeddedRedis({ dataDir, durability, log }: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const folder = join(resolve(dataDir), 'redis');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const lock = await lockDataDir(resolve(dataDir), folder);
  try {
    const server = await findRedisServer({ dataDir: resolve(dataDir), log });
    const place = await choosePlace(folder);
    const config = join(folder, 'redis.conf');
    await writeFile(config, writeConfig(folder, place, durability), { mode: 0o600 });

    let isStopping = false;
    let child: ChildProcess;
    let lastLines: string[] = [];
    const start = () => {
      lastLines = [];
      // In a group of its own: Ctrl-C is for its owner, who stops it last.
      child = spawn(server.command, [config], {
        env: { ...process.env, ...server.env },
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      lock.writeServer(child.pid);
      const remember = (text: Buffer) => {
        lastLines = [...lastLines, ...text.toString().split('\n')].slice(-30);
      };
      child.stdout?.on('data', remember);
      child.stderr?.on('data', remember);
      return child;
    };
    const watch = () => {
      child.once('exit', (code, signal) => {
        if (isStopping) return;
        log(`Redis ended (${signal ?? String(code)}) and is started again`);
        setTimeout(() => {
          if (isStopping) return;
          start();
          watch();
        }, restartMs);
      });
    };

    const first = start();
    let hasEnded = false;
    first.once('exit', () => (hasEnded = true));
    first.once('error', () => (hasEnded = true));
    for (let waits = 1; !(await ping(place)); waits++) {
      if (hasEnded) throw new EmbeddedRedisError(explain(lastLines, folder));
      if (waits % 250 === 0) log('Redis is still loading its data');
      await new Promise((done) => setTimeout(done, 20));
    }
    watch();

    return {
      url: writeUrl(place),
      async stop() {
        isStopping = true;
        if (child.exitCode === null && child.signalCode === null) {
          const ended = once(child, 'exit');
          child.kill('SIGTERM');
          const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
          await ended;
          clearTimeout(timer);
        }
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function choosePlace(folder: string): Promise<Place> {
  const path = join(folder, 'redis.sock');
  if (Buffer.byteLength(path) <= maxSocketPath) return { path };
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  // Everybody on this machine can reach a port; a socket file is its owner's.
  return { port, password: randomBytes(24).toString('base64url') };
}

function writeUrl(place: Place): string {
  return 'path' in place ? `unix:${place.path}` : `redis://:${place.password}@127.0.0.1:${place.port}`;
}

function writeConfig(folder: string, place: Place, durability: string): string {
  const listen =
    'path' in place
      ? [`port 0`, `unixsocket ${quote(place.path)}`, 'unixsocketperm 700']
      : [`port ${place.port}`, 'bind 127.0.0.1', `requirepass ${place.password}`];
  return [
    ...listen,
    `dir ${quote(folder)}`,
    'daemonize no',
    'appendonly yes',
    `appendfsync ${durability}`,
    'aof-load-truncated yes',
    'save ""',
    'maxmemory-policy noeviction',
    // Delayed messages are noticed by Redis' own clock tick: 10 ms instead of 100.
    'hz 100',
    '',
  ].join('\n');
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', String.raw`\\`).replaceAll('"', String.raw`\"`)}"`;
}

function explain(lines: string[], folder: string): string {
  const text = lines.join('\n');
  if (/bad file format|unexpected end of file|redis-check-aof/i.test(text)) {
    return `Redis cannot read its data in ${folder}; after a power cut run: redis-check-aof --fix on the .manifest file in ${join(folder, 'appendonlydir')}.`;
  }
  const last = lines.filter((line) => line.trim() !== '').at(-1) ?? 'no reason given';
  return `Redis did not start: ${last.trim()}`;
}
