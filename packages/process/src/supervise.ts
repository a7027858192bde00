import type { ChildProcess } from 'node:child_process';

export interface SuperviseOptions {
  /** Name used in log messages. */
  name: string;
  /** What it throws counts as the end of a child that could not be started. */
  spawn: () => ChildProcess;
  log: (text: string) => void;
  /** Why it may have ended, when it did so by itself. */
  explain?: () => string;
  /** A child that lives this long after SIGTERM is killed. */
  stopMs: number;
  /** Sent when this process ends and its child still runs: SIGTERM for a child that has something to write first. */
  lastSignal: 'SIGTERM' | 'SIGKILL';
}

/** A child process that is started again when it dies. */
export interface Supervised {
  /** Resolves with the exit reason (`status 1`, `SIGKILL`, `spawn ENOENT`) if the child ends before `keepAlive()`. */
  failed: Promise<string>;
  /** It is ready; from now on it is started again whenever it ends. */
  keepAlive(): void;
  /** Ends it for good. */
  stop(): Promise<void>;
}

const firstWaitMs = 200;
const longestWaitMs = 10_000;
/** A child that lived this long has not failed at its start. */
const healthyMs = 10_000;

/** Ends the children that still run when this process ends. Node.js warns of a listener for each of them. */
const abandons = new Set<() => void>();
const abandonAll = () => {
  for (const abandon of abandons) abandon();
};

/** Starts a child and watches it. */
export function supervise({ name, spawn, log, explain, stopMs, lastSignal }: SuperviseOptions): Supervised {
  let isKept = false;
  let isStopping = false;
  let waitMs = firstWaitMs;
  let restart: NodeJS.Timeout | undefined;
  let fail: (how: string) => void;
  const failed = new Promise<string>((resolve) => (fail = resolve));
  let run = start();

  function start() {
    const startedAt = performance.now();
    let child: ChildProcess | undefined;
    const ended = new Promise<string>((resolve) => {
      try {
        const spawned = (child = spawn());
        spawned.once('exit', (code, signal) =>
          resolve(signal ?? [`status ${code ?? 0}`, explain?.()].filter(Boolean).join(', ')),
        );
        // One that cannot even be spawned never exits.
        spawned.on('error', (error) => spawned.pid ?? resolve(error.message));
      } catch (error) {
        resolve(error instanceof Error ? error.message : String(error));
      }
    });
    const current = { child, ended, hasEnded: false };
    void ended.then((how) => {
      current.hasEnded = true;
      if (isStopping) return;
      if (performance.now() - startedAt > healthyMs) waitMs = firstWaitMs;
      if (isKept) startAgain(how);
      else fail(how);
    });
    return current;
  }

  function startAgain(how: string) {
    log(`${name} ended (${how}) and is started again in ${waitMs / 1000} s`);
    restart = setTimeout(() => (run = start()), waitMs);
    waitMs = Math.min(2 * waitMs, longestWaitMs);
  }

  const abandon = () => void run.child?.kill(lastSignal);
  if (abandons.size === 0) process.once('exit', abandonAll);
  abandons.add(abandon);

  return {
    failed,
    keepAlive() {
      isKept = true;
      if (run.hasEnded && !isStopping) void run.ended.then(startAgain);
    },
    async stop() {
      isStopping = true;
      clearTimeout(restart);
      run.child?.kill('SIGTERM');
      const timer = setTimeout(() => run.child?.kill('SIGKILL'), stopMs);
      await run.ended;
      clearTimeout(timer);
      abandons.delete(abandon);
      if (abandons.size === 0) process.off('exit', abandonAll);
    },
  };
}
