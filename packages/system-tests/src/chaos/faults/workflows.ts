import { createProgram } from '../../workflows/program.ts';
import { setWorkflowStage } from '../../workflows/stage.ts';
import type { Fault } from '../fault.ts';

/** Runs of workflows go on whatever is killed: each returns what its program must give, and leaves nothing behind. */
export const killDuringWorkflows: Fault = {
  name: 'workflows',
  rows: ['F50'],
  async run(chaos) {
    const { random, scale } = chaos;
    const stage = await setWorkflowStage(new URL('../../workflows/endpoint.js', import.meta.url).pathname);
    try {
      const targets = Object.values(stage.kills);
      const count = Math.ceil(100 * scale);
      const kills = Math.ceil(12 * scale);
      const perKill = Math.ceil(count / kills);
      let n = 0;
      for (let killed = 0; killed < kills; killed++) {
        const begun = Array.from({ length: perKill }, () => stage.begin(n++, createProgram(random, 30)));
        await chaos.pause(200, 2000);
        await targets[random.between(0, targets.length - 1)]?.();
        await Promise.all(begun);
        await stage.notifyAll().catch(() => undefined);
      }
      const deadline = Date.now() + 60_000;
      while (await stage.notifyAll().catch(() => true)) if (Date.now() > deadline) break;
      const { faults, steps, repeated, most } = await stage.account(300_000);
      chaos.figure('messages', n);
      chaos.figure('lost', faults.length);
      chaos.figure('duplicates', repeated);
      chaos.figure('workflows', { runs: n, kills, steps, repeated, most });
      chaos.claim(`${faults.length} faults of runs: ${faults.slice(0, 3).join('; ')}`, faults.length === 0);
      chaos.claim(`a step was carried out ${most} times after ${kills} kills`, most <= 1 + kills);
      chaos.claim(`${repeated} of ${steps} steps were repeated`, repeated < steps / 4);
    } finally {
      await stage.end();
    }
  },
};
