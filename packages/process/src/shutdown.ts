import { ConfigurationError } from './env.ts';
import { readProcessNumber } from './process-number.ts';

/** What a process sends to its parent once it is ready, if there is a channel between them. */
export const readyMessage = 'ready';

/**
 * Runs a process until SIGTERM, SIGINT or the loss of the parent process stops it. A configuration error is one sentence
 * on standard error and exit status 1; a stop is exit status 0.
 *
 * A second signal ends a process at once. One of several of its kind ignores it, and SIGINT: a terminal and systemd
 * send signals to all processes, and the parent, which kills a process that takes too long, sends SIGTERM once more.
 *
 * @param start starts the work and resolves to a function that stops it. `giveUp` stops the process with exit status 1, so
 *   that it is started again. A signal before `start` has resolved ends the process at once, unless `start` has passed to
 *   `stopBy` how to stop.
 */
export async function runProcess(
  start: (giveUp: () => void, stopBy: (stop: () => Promise<void>) => void) => Promise<() => Promise<void>>,
): Promise<void> {
  let stop: (() => Promise<void>) | undefined;
  let isStopping = false;
  const isOneOfSeveral = readProcessNumber() !== undefined;
  const end = (status: number) => {
    if (isStopping && isOneOfSeveral) return;
    // A second signal asks to stop at once.
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
  process.on('SIGINT', () => {
    if (!isOneOfSeveral) end(0);
  });
  process.on('disconnect', () => end(0));

  try {
    stop = await start(
      () => end(1),
      (early) => (stop = early),
    );
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  // The parent may have ended in the meantime.
  if (process.connected) process.send?.(readyMessage, undefined, undefined, () => undefined);
}
