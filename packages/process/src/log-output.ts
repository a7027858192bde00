import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Where the log of a process goes. A line that cannot be written is dropped and counted; nothing waits for it. */
export interface LogOutput {
  /** Writes one line, which ends with a line break. */
  write(line: string): void;
  /** Lines that were dropped since the process started. */
  dropped(): number;
}

export interface LogOutputOptions {
  /** Standard output by default. */
  fd?: number;
  /** The line that reports how many lines were dropped; it is written as soon as the output works again. */
  describeDrop: (lines: number) => string;
}

/** For a reader that is slower than the log for a moment. */
const maxQueuedBytes = 1024 * 1024;
const drainEveryMs = 50;
const probeEveryMs = 1000;
/** How long a process that ends waits for a slow reader. */
const lastDrainMs = 500;

/**
 * Opens an output for the log. A line is handed to the operating system before `write` returns, so that a crash loses
 * none; only a pipe that is full delays lines, up to 1 MiB of them.
 *
 * This is not pino's own destination: in synchronous mode that one waits for a full pipe and keeps what a full disk
 * refused, and in asynchronous mode it holds a thread of the pool, which keeps the process from ending.
 */
export function createLogOutput({ fd: givenFd = 1, describeDrop }: LogOutputOptions): LogOutput {
  const fd = openWithoutBlocking(givenFd);
  let queue: Buffer[] = [];
  let queuedBytes = 0;
  let dropped = 0;
  let unreported = 0;
  let isTorn = false;
  let timer: NodeJS.Timeout | undefined;

  const drop = (lines: number) => {
    dropped += lines;
    unreported += lines;
  };

  /** Writes what is queued. The queue is empty afterwards, unless the reader is slow. */
  const drain = () => {
    while (queue[0]) {
      const bytes = queue[0];
      try {
        const writtenBytes = writeSync(fd, bytes);
        queuedBytes -= writtenBytes;
        isTorn = writtenBytes < bytes.length;
        if (isTorn) queue[0] = bytes.subarray(writtenBytes);
        else queue.shift();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return;
        drop(queue.length);
        queue = [];
        queuedBytes = 0;
      }
    }
  };

  const enqueue = (line: string) => {
    // What is left of a line that was cut must not spoil the next one.
    const bytes = Buffer.from(isTorn && queue.length === 0 ? `\n${line}` : line);
    queue.push(bytes);
    queuedBytes += bytes.length;
  };

  /** Whether there is nothing left to report. */
  const report = (): boolean => {
    if (unreported === 0) return true;
    const lines = unreported;
    const droppedBefore = dropped;
    enqueue(describeDrop(lines));
    drain();
    const isWritten = dropped === droppedBefore;
    // The report itself is not counted.
    dropped = droppedBefore;
    unreported = isWritten ? 0 : lines;
    return isWritten;
  };

  const plan = () => {
    if (queue.length === 0 && unreported === 0) return;
    timer ??= setTimeout(retry, queue.length > 0 ? drainEveryMs : probeEveryMs).unref();
  };
  const retry = () => {
    timer = undefined;
    drain();
    if (queue.length === 0) report();
    plan();
  };

  process.on('exit', () => {
    const deadline = Date.now() + lastDrainMs;
    drain();
    while (queue.length > 0 && Date.now() < deadline) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      drain();
    }
  });

  return {
    write(line) {
      const isSlow = queue.length > 0;
      if (isSlow ? queuedBytes + Buffer.byteLength(line) > maxQueuedBytes : !report()) drop(1);
      else enqueue(line);
      if (!isSlow) drain();
      plan();
    },
    dropped: () => dropped,
  };
}

/**
 * A descriptor for the same output that reports a full pipe instead of waiting for it. Other processes may share the
 * pipe, so it is opened again; where that is not possible, Node's own stream changes the mode for all of them.
 */
function openWithoutBlocking(fd: number): number {
  const stat = fstatSync(fd);
  if (!stat.isFIFO() && !stat.isSocket() && !isatty(fd)) return fd;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    process.stdout.on('error', () => undefined);
    return fd;
  }
}
