import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@posthorn/testkit';

/** The control groups of limited processes. */
export interface CpuLimits {
  /** Whether there is a limit: making a control group may not be allowed. */
  areSet: boolean;
  /** Removes the groups, once their processes have ended. */
  remove(): Promise<void>;
}

/** Gives each process a share of one core, in percent. */
export function limitCpu(pids: readonly number[], sharePercent: number): CpuLimits {
  const groups = pids.flatMap((pid) => limitOne(pid, sharePercent) ?? []);
  return {
    areSet: groups.length > 0,
    async remove() {
      // The kernel takes a moment to notice that a process has ended.
      for (const group of groups) {
        await eventually(() => {
          rmdirSync(group);
          return true;
        });
      }
    },
  };
}

/** Control groups of either version; `undefined` where that is not allowed. */
function limitOne(pid: number, sharePercent: number): string | undefined {
  // A kernel takes no quota below 1 ms.
  const periodUs = 100_000;
  const quotaUs = periodUs * (sharePercent / 100);
  const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const group = join('/sys/fs/cgroup', isUnified ? '' : 'cpu', `posthorn-bench-${pid}`);
  const limits = isUnified
    ? { 'cpu.max': `${quotaUs} ${periodUs}` }
    : { 'cpu.cfs_period_us': periodUs, 'cpu.cfs_quota_us': quotaUs };
  try {
    mkdirSync(group);
    for (const [name, value] of Object.entries(limits)) writeFileSync(join(group, name), String(value));
    writeFileSync(join(group, 'cgroup.procs'), String(pid));
    return group;
  } catch {
    return undefined;
  }
}
