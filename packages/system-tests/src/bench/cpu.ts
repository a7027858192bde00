import { readFileSync } from 'node:fs';

const ticksPerSecond = 100;

/** CPU time of a process since its start, user and system, in microseconds. Linux only. */
export function readCpuUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1_000_000;
}
