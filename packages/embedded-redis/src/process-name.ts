import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Identifies a process. A pid can be reused; pid plus start time cannot. */
export interface ProcessName {
  pid: number;
  birth: string;
}

/** Names a living process; `undefined` when there is none with this id. */
export function nameProcess(pid: number): ProcessName | undefined {
  const birth = process.platform === 'linux' ? readBirth(pid) : askForBirth(pid);
  return birth === undefined ? undefined : { pid, birth };
}

export function isAlive({ pid, birth }: ProcessName): boolean {
  return nameProcess(pid)?.birth === birth;
}

function readBirth(pid: number): string | undefined {
  try {
    // The name of the program comes in parentheses and may hold anything; the state is the first field after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${fields[19] ?? ''}`;
  } catch {
    return undefined;
  }
}

function askForBirth(pid: number): string | undefined {
  try {
    const [state = 'Z', ...birth] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/);
    return state.startsWith('Z') ? undefined : birth.join(' ');
  } catch {
    return undefined;
  }
}
