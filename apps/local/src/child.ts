import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface ChildOptions {
  name: string;
  /** Arguments for node. */
  args: string[];
  env: Record<string, string | undefined>;
  log: (text: string) => void;
  /** It ended before it was ever ready; it has said why on standard error. */
  onFailedStart: () => void;
}

/** One process of posthorn, started again when it dies. */
export interface Child {
  markReady(): void;
  stop(): Promise<void>;
}

const restartMs = 1000;
/** Longer than the grace time of a process, which ends by itself. */
const stopMs = 60_000;

export function startChild({ name, args, env, log, onFailedStart }: ChildOptions): Child {
  let isStopping = false;
  let wasReady = false;
  let child: ChildProcess;

  const start = () => {
    // In a group of its own, so that Ctrl-C reaches only the parent, who stops all in order. The channel between them
    // ends with the parent, however that dies, and the child follows.
    child = spawn(process.execPath, args, { env, detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.once('exit', (code, signal) => {
      if (isStopping) return;
      if (!wasReady) {
        onFailedStart();
        return;
      }
      log(`the ${name} ended (${signal ?? String(code)}) and is started again`);
      setTimeout(() => {
        if (!isStopping) start();
      }, restartMs);
    });
  };
  start();

  return {
    markReady() {
      wasReady = true;
    },
    async stop() {
      isStopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
