import { readdirSync, readFileSync } from 'node:fs';

/** A process, and the words of its command line. */
export interface ListedProcess {
  pid: number;
  words: string[];
}

/** The processes that a process has started and that still run. Linux only. */
export function listChildProcesses(parentPid: number): ListedProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).flatMap((pid) => {
    try {
      const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
      // One that has ended and was not waited for has no command line.
      return Number(parent) === parentPid && words.length > 0 ? [{ pid, words }] : [];
    } catch {
      // It has ended since the list was read.
      return [];
    }
  });
}

/** The memory that a process has now, in MB; 0 if it is not there. */
export function readRssMb(pid: number): number {
  try {
    const [, kilobytes = '0'] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kilobytes) / 1024);
  } catch {
    return 0;
  }
}
