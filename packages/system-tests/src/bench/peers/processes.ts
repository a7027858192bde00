import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { readCpuUs } from '../cpu.ts';
import { AdapterError, type Adapter } from './adapter.ts';

/** CPU time in microseconds by process id, of the processes that the adapter calls by one name. */
type CpuTimes = Map<string, Map<number, number>>;

/** Reads the CPU time that the processes of a system have used so far. */
export function readCpuTimes(processes: Adapter['processes']): CpuTimes {
  return new Map(
    Object.entries(processes).map(([name, process]) => {
      const times = new Map(
        (typeof process === 'number' ? [process] : findProcesses(process)).flatMap((pid) => {
          const us = readIfRunning(pid);
          return us === undefined ? [] : [[pid, us] as const];
        }),
      );
      if (times.size === 0) throw new AdapterError(`processes.${name}: no process ${process} runs`);
      return [name, times];
    }),
  );
}

/** CPU time in microseconds between two readings; that of processes that have ended in between is not known. */
export function subtractCpuTimes(after: CpuTimes, before: CpuTimes): Record<string, number> {
  return Object.fromEntries(
    Array.from(after, ([name, times]) => {
      const used = Array.from(times, ([pid, us]) => us - (before.get(name)?.get(pid) ?? 0));
      return [name, used.reduce((sum, us) => sum + us, 0)];
    }),
  );
}

/** Processes with this name, be it that of the program or the one that the process gave itself. */
function findProcesses(name: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => readNames(pid).includes(name));
}

function readNames(pid: number): string[] {
  try {
    const [program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return [readFileSync(`/proc/${pid}/comm`, 'utf8').trim(), basename(program)];
  } catch {
    // It has ended since the folder was read.
    return [];
  }
}

function readIfRunning(pid: number): number | undefined {
  try {
    return readCpuUs(pid);
  } catch {
    return undefined;
  }
}
