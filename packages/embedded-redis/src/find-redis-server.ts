import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unpackRedisServer } from './unpack-redis-server.ts';

const run = promisify(execFile);

/** How to start a Redis server: a program, and the arguments that come before the server's own. */
export interface RedisServer {
  command: string;
  args: string[];
}

export interface FindOptions {
  /** A server that is not installed is unpacked below this directory. */
  dataDir: string;
  /** Called with a text when a step may take some seconds. */
  log: (text: string) => void;
}

/** No Redis is available; the message is one sentence that says how to install it. */
export class NoRedisServerError extends Error {
  override name = 'NoRedisServerError';
}

const names = ['redis-server', 'valkey-server'];
const oldest = [6, 2] as const;

/**
 * Finds a Redis server on the PATH, or gets the one of the distribution on Debian and Ubuntu
 * (contract R5).
 *
 * @throws {NoRedisServerError}
 */
export async function findRedisServer({ dataDir, log }: FindOptions): Promise<RedisServer> {
  const folder = join(dataDir, 'redis-server');
  const found = (await findOnPath()) ?? (await findUnpacked(folder));
  if (found) return found;
  if (!((await locate('apt-get')) && (await locate('dpkg-deb')))) throw new NoRedisServerError(await advise());

  try {
    await unpackRedisServer(folder, log);
  } catch (error) {
    throw new NoRedisServerError(`${await advise()} Trying to do so failed: ${explain(error)}`);
  }
  const got = await findUnpacked(folder);
  if (!got) throw new NoRedisServerError(await advise());
  return got;
}

async function findOnPath(): Promise<RedisServer | undefined> {
  for (const name of names) {
    const command = await locate(name);
    if (command && (await isRecent({ command, args: [] }))) return { command, args: [] };
  }
  return undefined;
}

async function findUnpacked(folder: string): Promise<RedisServer | undefined> {
  // `env` becomes the server, so the child is the server itself.
  const libraries = ['usr/lib', 'lib'].map((path) => `${folder}/${path}`);
  const { stdout } = await run('/bin/sh', [
    '-c',
    'ls -d "$0"/*-linux-gnu* "$1"/*-linux-gnu* 2>/dev/null || true',
    ...libraries,
  ]);
  const paths = stdout.split('\n').filter((path) => path !== '');
  const server = {
    command: '/usr/bin/env',
    args: [`LD_LIBRARY_PATH=${paths.join(':')}`, `${folder}/usr/bin/redis-server`],
  };
  return (await isRecent(server)) ? server : undefined;
}

/** The path of a program, as the shell finds it. */
async function locate(name: string): Promise<string | undefined> {
  const { stdout } = await run('/bin/sh', ['-c', 'command -v "$0" || true', name]);
  return stdout.trim() || undefined;
}

/** Whether it can be run and is new enough; Valkey has always been. */
async function isRecent({ command, args }: RedisServer): Promise<boolean> {
  const { stdout } = await run(command, [...args, '--version']).catch(() => ({ stdout: '' }));
  const [major = 0, minor = 0] = (/ v=(\d+)\.(\d+)/.exec(stdout) ?? []).slice(1).map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

async function advise(): Promise<string> {
  const ways = {
    'apt-get': 'apt-get install redis-server',
    apk: 'apk add redis',
    dnf: 'dnf install redis',
    pacman: 'pacman -S redis',
    zypper: 'zypper install redis',
    brew: 'brew install redis',
  };
  let way =
    process.platform === 'darwin' ? ways.brew : 'see https://redis.io/docs/latest/operate/oss_and_stack/install/';
  for (const [program, line] of Object.entries(ways)) if (await locate(program)) way = line;
  return `There is no redis-server (${oldest.join('.')} or newer) or valkey-server on this system; install it (${way}) or set REDIS_URL.`;
}

/** The last complaint of a command that failed. */
function explain(error: unknown): string {
  const { stderr } = error as { stderr?: string };
  const text = stderr ?? String(error);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.findLast((line) => line.startsWith('E:')) ?? lines.at(-1) ?? 'no reason given';
}
