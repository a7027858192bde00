import { execFile } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Installs the distribution's package for everybody; needs root. */
export async function installRedisServer(log: (text: string) => void): Promise<void> {
  log('installing redis-server with apt-get');
  const restorePolicy = forbidServices();
  try {
    await install().catch(async () => {
      await apt('update', '-qq');
      await install();
    });
  } finally {
    restorePolicy();
  }
}

/** Downloads the distribution's packages and unpacks them into a folder; needs no rights and leaves the system alone. */
export async function unpackRedisServer(folder: string, log: (text: string) => void): Promise<void> {
  log('downloading redis-server for this user');
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(`${folder}.`);
  try {
    const lists = join(draft, 'lists');
    const archives = join(draft, 'archives');
    const root = join(draft, 'root');
    for (const path of [lists, archives]) await mkdir(join(path, 'partial'), { recursive: true });
    const own = [
      `Dir::State::Lists=${lists}`,
      `Dir::Cache::Archives=${archives}`,
      'Dir::Cache::pkgcache=',
      'Dir::Cache::srcpkgcache=',
      'Debug::NoLocking=true',
      'APT::Update::Post-Invoke-Success=',
    ].flatMap((setting) => ['-o', setting]);
    await apt(...own, 'update', '-qq');
    // What is installed already is needed too when the PATH does not lead to it.
    await apt(...own, 'install', '-y', '-qq', '--no-install-recommends', '--reinstall', '--download-only', ...packages);
    for (const file of await readdir(archives)) {
      if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(archives, file), root]);
    }
    // In one step, so that no half of a server is ever found.
    await rm(folder, { recursive: true, force: true });
    await rename(root, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The server is a link to a program of the tools. */
const packages = ['redis-server', 'redis-tools'];

function install(): Promise<unknown> {
  return apt('-o', 'DPkg::Lock::Timeout=60', 'install', '-y', '-qq', '--no-install-recommends', 'redis-server');
}

function apt(...args: string[]): Promise<unknown> {
  return run('env', ['DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C', 'apt-get', ...args], { maxBuffer: 1 << 26 });
}

/** The package would start a server of its own; a policy that answers 101 forbids it. */
function forbidServices(): () => void {
  const file = '/usr/sbin/policy-rc.d';
  if (existsSync(file)) return () => undefined;
  writeFileSync(file, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const restore = () => rmSync(file, { force: true });
  // It must not outlive this process either when somebody presses Ctrl-C.
  process.once('exit', restore);
  return () => {
    process.off('exit', restore);
    restore();
  };
}
