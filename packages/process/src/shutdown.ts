import { ConfigurationError } from './env.ts';

/**
 * Runs a process: `start` gives the way to stop it, which SIGTERM, SIGINT or the loss of the parent process take. A
 * configuration error is one sentence on standard error and exit status 1; a stop is exit status 0.
 *
 * @param start may stop the process by itself with `giveUp`: exit status 1, so that it is started anew
 */
export async function runProcess(start: (giveUp: () => void) => Promise<() => Promise<void>>): Promise<void> {
  let stop: (() => Promise<void>) | undefined;
  let isStopping = false;
  const end = (status: number) => {
    // A second signal comes from somebody who does not want to wait.
    if (isStopping) process.exit(1);
    isStopping = true;
    if (!stop) process.exit(status);
    stop().then(
      () => process.exit(status),
      (error: unknown) => {
        process.stderr.write(`posthorn could not stop cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));
  process.on('disconnect', () => end(0));

  try {
    stop = await start(() => end(1));
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
