import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { endWithParent } from './end-with-parent.ts';
import { findRedisServer, type RedisServer } from './find-redis-server.ts';
import { lockDataDir, type Lock } from './lock.ts';
import { ping } from './ping.ts';
import { chooseAddress, formatConfig, formatUrl, type Durability } from './redis-config.ts';
import { makeDirectory, supervise } from '@posthorn/process';

export interface EmbeddedRedisOptions {
  dataDir: string;
  durability: Durability;
  log: (text: string) => void;
  /** An RDB file to load into an empty data directory; the append-only file is off. The file is moved. */
  snapshot?: string;
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

const stopMs = 20_000;
const pingEveryMs = 5;
const loadingNoticeMs = 5000;

/**
 * Starts a durable Redis server as a child, starts it again when it dies, and resolves when it answers and has read its
 * data (contract R6).
 *
 * @throws {EmbeddedRedisError | DataDirInUseError | NoRedisServerError}
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const { dataDir, durability, log, snapshot } = options;
  const folder = join(resolve(dataDir), 'redis');
  await makeDirectory(folder, 0o700);
  await chmod(folder, 0o700);
  const lock = await lockDataDir(resolve(dataDir));
  try {
    const server = await findRedisServer({ dataDir: resolve(dataDir), log });
    const address = await chooseAddress(folder);
    await writeFile(join(folder, 'redis.conf'), formatConfig(folder, address, durability, snapshot), { mode: 0o600 });
    if (snapshot !== undefined) await rename(snapshot, join(folder, 'dump.rdb'));

    const last: string[] = [];
    const child = supervise({
      name: 'Redis',
      spawn: () => spawnServer(server, folder, lock, last, log),
      log,
      explain: () => last.at(-1) ?? '',
      stopMs,
      lastSignal: 'SIGTERM',
    });
    for (let waits = 1; ; waits++) {
      const answer = await Promise.race([child.failed, ping(address)]);
      if (answer === true) break;
      if (answer !== false) throw new EmbeddedRedisError(describe(answer, last, server, folder));
      if ((waits * pingEveryMs) % loadingNoticeMs === 0) log('Redis is still reading its data');
      await new Promise((done) => setTimeout(done, pingEveryMs));
    }
    child.keepAlive();

    return {
      url: formatUrl(address),
      async stop() {
        await child.stop();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function spawnServer(
  { command, args }: RedisServer,
  folder: string,
  lock: Lock,
  last: string[],
  log: EmbeddedRedisOptions['log'],
): ChildProcess {
  // In a group of its own: Ctrl-C is for its owner, who stops it last.
  const child: ChildProcess = spawn(command, [...args, join(folder, 'redis.conf')], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) {
    child.once('exit', endWithParent(child.pid));
    try {
      lock.writeServer(child.pid);
    } catch (error) {
      // The next owner could not find it, and would start a second server on the same data. It has accepted nothing yet.
      child.kill('SIGKILL');
      const reason = error instanceof Error ? error.message : String(error);
      last.push(reason);
      log(`Redis is ended because its process could not be noted in the data directory: ${reason}`);
    }
  }
  const remember = (text: Buffer) => {
    last.push(
      ...text
        .toString()
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    );
    last.splice(0, last.length - 30);
  };
  // Without file descriptors a process that could not be started has no streams.
  child.stdout?.on('data', remember);
  child.stderr?.on('data', remember);
  return child;
}

function describe(how: string, lines: string[], { command, args }: RedisServer, folder: string): string {
  if (/no space left on device/i.test([...lines, how].join('\n'))) {
    return `POSTHORN_DATA_DIR: the disk of ${folder} is full, so Redis cannot start; free some space and start again.`;
  }
  if (/can't handle rdb format version/i.test(lines.join('\n'))) {
    return 'The snapshot was written by a newer Redis; install that version here and start again.';
  }
  if (!/bad file format|unexpected end of file|redis-check-aof/i.test(lines.join('\n'))) {
    return `Redis did not start (${how}).`;
  }
  const repair = [command, ...args].join(' ').replace(/-server$/, '-check-aof');
  const manifest = join(folder, 'appendonlydir', 'appendonly.aof.manifest');
  return `Redis cannot read its data; after a power cut, repair it with: ${repair} --fix '${manifest}'`;
}
