import { spawn } from 'node:child_process';

/** The calls that tell what a message costs: wake-ups, crossings to a socket or a file, and waits for the disk. */
export const countedCalls = ['epoll_wait', 'epoll_pwait', 'read', 'write', 'writev', 'futex', 'fdatasync'] as const;
export type SystemCalls = Record<(typeof countedCalls)[number], number> & { all: number };

/**
 * Counts the system calls of processes, all their threads, while something runs; `undefined` where strace is missing or
 * may not trace. A process that is traced is several times slower, so that this says nothing of time.
 */
export async function countSystemCalls(
  pids: readonly number[],
  run: () => Promise<void>,
): Promise<SystemCalls[] | undefined> {
  const tracers = pids.map((pid) => {
    const tracer = spawn('strace', ['-c', '-f', '-U', 'calls,name', '-p', String(pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let report = '';
    tracer.stderr.setEncoding('utf8').on('data', (text: string) => (report += text));
    const ended = new Promise<void>((resolve) => {
      tracer.on('error', () => resolve());
      tracer.on('close', () => resolve());
    });
    const isAttached = new Promise<void>((resolve) => {
      tracer.stderr.on('data', () => {
        if (report.includes('attached')) resolve();
      });
    });
    return { tracer, ended, isAttached, read: () => readReport(report) };
  });
  const isTraced = await Promise.all(
    tracers.map(({ ended, isAttached }) => Promise.race([ended.then(() => false), isAttached.then(() => true)])),
  );
  if (isTraced.includes(false)) {
    for (const { tracer } of tracers) tracer.kill('SIGINT');
    return undefined;
  }
  await run();
  return Promise.all(
    tracers.map(async ({ tracer, ended, read }) => {
      tracer.kill('SIGINT');
      await ended;
      return read();
    }),
  );
}

function readReport(report: string): SystemCalls {
  const counts = { all: 0, ...Object.fromEntries(countedCalls.map((name) => [name, 0])) } as SystemCalls;
  for (const [, calls = '', name = ''] of report.matchAll(/^\s*(\d+)\s+(\w+)\s*$/gm)) {
    if (name === 'total') counts.all = Number(calls);
    else if (name in counts) counts[name as keyof SystemCalls] = Number(calls);
  }
  return counts;
}
