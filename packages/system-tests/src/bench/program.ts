import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findFreePort } from '@posthorn/testkit';

export interface Program {
  /** `http://127.0.0.1:<port>` */
  url: string;
  end(): Promise<void>;
}

/** Starts a server of the bench in a process of its own, which gets its port as argument and prints when it listens. */
export async function startProgram(file: URL, port?: number): Promise<Program> {
  const chosen = port ?? (await findFreePort());
  const child = spawn(process.execPath, [file.pathname, String(chosen)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit').then(() => false);
  const isListening = await Promise.race([once(child.stdout, 'data').then(() => true), exited]);
  if (!isListening) throw new Error(`${file.pathname} could not listen on port ${chosen}`);
  return {
    url: `http://127.0.0.1:${chosen}`,
    async end() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
