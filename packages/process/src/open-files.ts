import type { Log } from './log.ts';

/** Descriptors that a process needs beside its connections to clients or destinations, with some to spare. */
export const otherOpenFiles = 128;

/** The limit of open files of this process, which Node.js has raised as far as it may; `Infinity` where there is none. */
export function readOpenFilesLimit(): number {
  // With the network a report looks up the names of all addresses of this machine.
  const report = Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const limit = Number(userLimits?.open_files?.soft);
  return Number.isFinite(limit) ? limit : Infinity;
}

/** Says once, at the start, that a process may run out of descriptors, and which limit it needs. */
export function warnOfFewOpenFiles(log: Log, limit: number, needed: number): void {
  if (limit >= needed) return;
  const set = 2 ** Math.ceil(Math.log2(needed));
  log.warn(
    {
      limit,
      needed,
      reason: `This process may open ${limit} files and connections, and needs up to ${needed}; set the limit to ${set} (ulimit -n ${set}, LimitNOFILE=${set}, or ulimits in compose).`,
    },
    'open-files.few',
  );
}
