import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findFreePort } from '@posthorn/testkit';

export interface Program {
  /** `http://127.0.0.1:<port>` */
  url: string;
  pid: number;
  end(): Promise<void>;
}

/** Starts a part of the bench in a process of its own: it gets its port and `args`, and prints when it is ready. */
export async function startProgram(
  file: URL,
  { port, args = [] }: { port?: number; args?: (number | string)[] } = {},
): Promise<Program> {
  const chosen = port ?? (await findFreePort());
  const all = [file.pathname, ...[chosen, ...args].map(String)];
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit').then(() => false);
  const isReady = await Promise.race([once(child.stdout, 'data').then(() => true), exited]);
  if (!isReady || child.pid === undefined) throw new Error(`${file.pathname} ended before it was ready`);
  return {
    url: `http://127.0.0.1:${chosen}`,
    pid: child.pid,
    async end() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
