import { eventually } from '@posthorn/testkit';
import { createRandom } from '../random.ts';
import { createProgram } from '../workflows/program.ts';
import { setWorkflowStage } from '../workflows/stage.ts';

const runsPerKill = 5;
const rounds = 3;

test('every run ends with its result whatever is killed, and leaves nothing behind', async () => {
  const stage = await setWorkflowStage('packages/system-tests/dist/workflows/endpoint.js');
  try {
    const random = createRandom(20);
    let n = 0;
    let kills = 0;
    for (let round = 0; round < rounds; round++) {
      for (const kill of Object.values(stage.kills)) {
        const begun = Array.from({ length: runsPerKill }, () => stage.begin(n++, createProgram(random, 8)));
        await kill();
        kills++;
        await Promise.all(begun);
      }
    }
    await eventually(() => stage.notifyAll().then(() => true), 60_000);
    const { faults, steps, repeated, most } = await stage.account(120_000);
    expect(faults).toEqual([]);
    // A step is repeated at most when the endpoint or what it submits to was killed while it ran.
    expect(most).toBeLessThanOrEqual(1 + kills);
    expect(repeated).toBeLessThan(steps / 4);
  } finally {
    await stage.end();
  }
}, 300_000);
