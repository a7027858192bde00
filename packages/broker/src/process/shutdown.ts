import { ConfigurationError } from './env.ts';

/**
 * Runs a process: `start` gives the way to stop it, which SIGTERM, SIGINT or the loss of the parent process take. A
 * configuration error is one sentence on standard error and exit status 1; a stop is exit status 0.
 */
export async function runProcess(start: () => Promise<() => Promise<void>>): Promise<void> {
  let stop: (() => Promise<void>) | undefined;
  let isStopping = false;
  const end = () => {
    // A second signal comes from somebody who does not want to wait.
    if (isStopping) process.exit(1);
    isStopping = true;
    if (!stop) process.exit(0);
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`posthorn could not stop cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.on('disconnect', end);

  try {
    stop = await start();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** Resolves when `done` does or the time is up; says which. */
export async function within(timeoutMs: number, done: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, timeoutMs);
  });
  const isDone = await Promise.race([done.then(() => true), late]);
  clearTimeout(timer);
  return isDone;
}
