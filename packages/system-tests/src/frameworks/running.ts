import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { eventually, findFreePort } from '@posthorn/testkit';
import type { Application } from './applications.ts';

/** An application that listens. */
export interface Running {
  /** `http://127.0.0.1:<port>` */
  origin: string;
  /** Of all its processes together. */
  readRssBytes(): number;
  stop(): Promise<void>;
}

/** An application that is installed in a folder of its own. */
export interface Installed {
  /** Names and versions, such as `next 16.4.6`. */
  versions: string;
  /** @throws {Error} with what the build wrote */
  build(): Promise<void>;
  /** @throws {Error} with what it wrote, when it does not listen within three minutes */
  start(keys: { current: string; next: string }): Promise<Running>;
  remove(): Promise<void>;
}

/** What applications find in their environment, and nothing else. */
function createEnvironment(tools: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: `${tools}:${process.env['PATH'] ?? ''}`,
    HOME: process.env['HOME'] ?? '/',
    CI: 'true',
    DO_NOT_TRACK: '1',
    NEXT_TELEMETRY_DISABLED: '1',
    ASTRO_TELEMETRY_DISABLED: '1',
    NUXT_TELEMETRY_DISABLED: '1',
    WRANGLER_SEND_METRICS: 'false',
    ...more,
  };
}

/**
 * Copies an application and installs it, with the packed SDK.
 *
 * @param tools a folder with the Node.js to use
 * @throws {Error} with what the package manager wrote
 */
export async function install(application: Application, scratch: string, tarball: string, tools: string) {
  const folder = join(scratch, application.folder);
  await rm(folder, { recursive: true, force: true });
  await cp(resolve('examples/frameworks', application.folder), folder, { recursive: true });
  replaceVersions(join(folder, 'package.json'), application.replace ?? {});
  const env = createEnvironment(tools, application.variables);
  // The package manager may need more of the environment, such as the address of its registry.
  const all = { ...process.env, ...env, NODE_ENV: 'development' };
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', tarball], folder, all);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };

  const installed: Installed = {
    versions: application.packages.map((name) => `${name} ${readVersion(folder, name)}`).join(', '),
    async build() {
      // Without keys: they are not there where applications are built.
      if (manifest.scripts['build']) await run('npm', ['run', 'build'], folder, env);
    },
    async start({ current, next }) {
      const port = String(await findFreePort());
      const keys = { QSTASH_CURRENT_SIGNING_KEY: current, QSTASH_NEXT_SIGNING_KEY: next };
      const log = join(folder, 'posthorn.log');
      const output = openSync(log, 'w');
      const [command, ...args] = application.lambda
        ? [
            'node',
            join(import.meta.dirname, 'lambda-host.js'),
            join(folder, application.lambda),
            port,
            application.events ?? '2.0',
          ]
        : ['npm', 'start'];
      const child = spawn(command, args, {
        cwd: folder,
        env: { ...env, ...keys, PORT: port, HOST: '127.0.0.1', NODE_ENV: 'production' },
        stdio: ['ignore', output, output],
        // A group of its own, so that it can be ended as a whole.
        detached: true,
      });
      const origin = `http://127.0.0.1:${port}`;
      try {
        await eventually(async () => {
          if (child.exitCode !== null) return true;
          const path = application.routes[0]?.path ?? '/';
          return (await fetch(origin + path, { method: 'POST' })).status === 403;
        }, 180_000);
        if (child.exitCode !== null) throw new Error('it ended');
      } catch (error) {
        await end(child);
        throw new Error(`it does not start (${String(error)}): ${readFileSync(log, 'utf8').slice(-2000)}`, {
          cause: error,
        });
      }
      return { origin, readRssBytes: () => readRssBytes(child.pid ?? 0), stop: () => end(child) };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  return installed;
}

/** Without a wait that blocks: meanwhile posthorn closes its kept connections, which must be noticed. */
async function run(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const limits = { timeout: 1_200_000, maxBuffer: 64 * 1024 * 1024 };
  try {
    await promisify(execFile)(command, args, { cwd, env, ...limits });
  } catch (error) {
    const { message, stdout = '', stderr = '' } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')}: ${message}${stdout}${stderr}`.slice(-3000), { cause: error });
  }
}

function replaceVersions(manifest: string, versions: Record<string, string>): void {
  let text = readFileSync(manifest, 'utf8');
  for (const [name, version] of Object.entries(versions)) {
    text = text.replace(new RegExp(`("${name}": )"[^"]*"`), `$1"${version}"`);
  }
  writeFileSync(manifest, text);
}

function readVersion(folder: string, name: string): string {
  const manifest = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The whole group has ended.
  }
  await exited;
}

/** Linux only; 0 elsewhere. */
function readRssBytes(group: number): number {
  let bytes = 0;
  try {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) bytes += readRssOf(pid, group);
  } catch {
    // No such file system.
  }
  return bytes;
}

function readRssOf(pid: string, group: number): number {
  try {
    // Behind the name, which may have blanks: state, parent, group, ..., and the resident pages as the 22nd.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return Number(fields[2]) === group ? Number(fields[21]) * 4096 : 0;
  } catch {
    return 0;
  }
}
