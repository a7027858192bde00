import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A shell that goes from command to command, as a person at a terminal does. */
export interface Shell {
  /** Runs a command; `undefined` stands for one that did not end in time. */
  run(command: string): Promise<{ status: number; output: string } | undefined>;
  /** Ends it, and all that it has left running. */
  stop(): Promise<void>;
}

const timeoutMs = 120_000;
const pollMs = 20;

/** @param folder where it runs, and keeps its own files */
export function startShell(folder: string, env: Record<string, string>): Shell {
  const child = spawn('bash', ['--noprofile', '--norc'], {
    cwd: folder,
    env,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = once(child, 'exit');
  let count = 0;
  return {
    async run(command) {
      const base = join(folder, `.command-${++count}`);
      writeFileSync(`${base}.sh`, `${command}\n`);
      // The status appears whole or not at all.
      child.stdin.write(
        `. ${base}.sh > ${base}.out 2>&1 < /dev/null; echo $? > ${base}.draft; mv ${base}.draft ${base}.status\n`,
      );
      for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += pollMs) {
        if (existsSync(`${base}.status`)) {
          const status = Number(readFileSync(`${base}.status`, 'utf8'));
          renameSync(`${base}.status`, `${base}.done`);
          return { status, output: readFileSync(`${base}.out`, 'utf8') };
        }
        await new Promise((done) => setTimeout(done, pollMs));
      }
      return undefined;
    },
    async stop() {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
      await ended;
    },
  };
}
