import { spawn, type ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, findFreePort } from '@posthorn/testkit';
import { startNameServer, type NameServer } from './name-server.ts';

/** A name server, and how to run a program so that it is asked. */
export interface Names {
  server: NameServer;
  command: string[];
  variables: Record<string, string>;
}

/** Root can give a process another `/etc/resolv.conf`, so that the system itself looks names up; else Node is told. */
export async function startNames(folder: string): Promise<Names> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    const server = await startNameServer();
    return { server, command: [process.execPath], variables: server.variables };
  }
  // An address of its own, so that several runs do not meet.
  const address = `127.${process.pid % 250}.${(process.pid >> 8) % 250}.53`;
  const server = await startNameServer({ address, port: 53 });
  const file = join(folder, 'resolv.conf');
  await writeFile(file, `nameserver ${address}\n`);
  const mount = `mount --bind ${file} /etc/resolv.conf && exec "$@"`;
  return { server, command: ['unshare', '-m', 'sh', '-c', mount, 'sh', process.execPath], variables: {} };
}

export async function startMeasuredDispatcher(
  { command, variables: namesVariables }: Names,
  variables: Record<string, string>,
): Promise<ChildProcess> {
  const port = await findFreePort();
  const program = new URL('../../../../apps/dispatcher/dist/main.js', import.meta.url).pathname;
  const [first = '', ...rest] = command;
  const { PATH, UV_THREADPOOL_SIZE } = process.env;
  const child = spawn(first, [...rest, program], {
    env: {
      PATH,
      ...(UV_THREADPOOL_SIZE ? { UV_THREADPOOL_SIZE } : {}),
      PROBE_PORT: String(port),
      ALLOW_PRIVATE_DESTINATIONS: 'true',
      LOG_LEVEL: 'warn',
      ...namesVariables,
      ...variables,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined))?.ok);
  return child;
}

export async function readRssBytes({ pid = 0 }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
}
