import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How to start a Redis server: its program, and the environment that it needs. */
export interface RedisServer {
  command: string;
  env: Record<string, string>;
}

export interface FindOptions {
  /** An ordinary user's server is unpacked below this directory. */
  dataDir: string;
  /** Told what is being done when it takes a while. */
  log: (text: string) => void;
}

/** No Redis can be had; the message is one sentence that says how to install it. */
export class NoRedisServerError extends Error {
  override name = 'NoRedisServerError';
}

const names = ['redis-server', 'valkey-server'];

/**
 * Finds a Redis server on the PATH, or gets the one of the distribution on Debian and Ubuntu (contract, running.md
 * section 2).
 *
 * @throws {NoRedisServerError}
 */
export async function findRedisServer(options: FindOptions): Promise<RedisServer> {
  const installed = await findOnPath();
  if (installed) return { command: installed, env: {} };
  const folder = join(options.dataDir, 'redis-server');
  const unpacked = await findUnpacked(folder);
  if (unpacked) return unpacked;
  if (!(await isExecutable('/usr/bin/apt-get'))) throw new NoRedisServerError(await writeAdvice());

  try {
    if (process.getuid?.() === 0) await installAsRoot(options.log);
    else await unpackAsUser(folder, options.log);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    throw new NoRedisServerError(`${await writeAdvice()} (Trying to do so failed: ${reason})`);
  }
  const command = await findOnPath();
  const found = command ? { command, env: {} } : await findUnpacked(folder);
  if (!found) throw new NoRedisServerError(await writeAdvice());
  return found;
}

async function findOnPath(): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of folders) if (await isExecutable(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

async function installAsRoot(log: (text: string) => void): Promise<void> {
  log('installing redis-server with apt-get');
  const policy = '/usr/sbin/policy-rc.d';
  const isOurs = !(await isExecutable(policy));
  // The package would start a server of its own; a policy of 101 tells it not to.
  if (isOurs) await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = () => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], { env });
    await install().catch(async () => {
      await run('apt-get', ['update', '-qq'], { env });
      await install();
    });
  } finally {
    if (isOurs) await rm(policy, { force: true });
  }
}

/** The packages that hold the server and the libraries that a plain system lacks, by their names on Debian and Ubuntu. */
const packages = [
  'redis-server',
  'redis-tools',
  'libjemalloc2',
  'liblua5.1-0',
  'liblzf1',
  'lua-bitop',
  'lua-cjson',
  'libatomic1',
  'libhiredis0.14',
  'libhiredis1.1.0',
];

/** Downloads and unpacks the packages without touching the system; needs no rights. */
async function unpackAsUser(folder: string, log: (text: string) => void): Promise<void> {
  log('downloading redis-server for this user');
  const apt = join(folder, 'apt');
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true });
  await mkdir(join(apt, 'cache', 'archives', 'partial'), { recursive: true });
  const settings = [`Dir::State::Lists=${apt}/lists`, `Dir::Cache=${apt}/cache`, 'Debug::NoLocking=true'].flatMap(
    (setting) => ['-o', setting],
  );
  await run('apt-get', [...settings, 'update', '-qq'], { cwd: apt });
  for (const name of packages) {
    // Not every name exists on every release.
    await run('apt-get', [...settings, 'download', '-qq', name], { cwd: apt }).catch(() => undefined);
  }
  for (const file of await readdir(apt)) {
    if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(apt, file), join(folder, 'root')]);
  }
  await rm(apt, { recursive: true, force: true });
}

async function findUnpacked(folder: string): Promise<RedisServer | undefined> {
  const root = join(folder, 'root');
  const command = join(root, 'usr/bin/redis-server');
  if (!(await isExecutable(command))) return undefined;
  const libraries = join(root, 'usr/lib');
  const folders = (await readdir(libraries))
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => join(libraries, name));
  return { command, env: { LD_LIBRARY_PATH: folders.join(':') } };
}

async function writeAdvice(): Promise<string> {
  const ways: [string, string][] = [
    ['/usr/bin/apt-get', 'apt-get install redis-server'],
    ['/sbin/apk', 'apk add redis'],
    ['/usr/bin/dnf', 'dnf install redis'],
    ['/usr/bin/pacman', 'pacman -S redis'],
    ['/usr/bin/zypper', 'zypper install redis'],
  ];
  let line =
    process.platform === 'darwin'
      ? 'brew install redis'
      : 'see https://redis.io/docs/latest/operate/oss_and_stack/install/';
  for (const [program, way] of ways) if (await isExecutable(program)) line = way;
  return `There is no redis-server or valkey-server on this system; install it (${line}) or set REDIS_URL.`;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
