import type { Fault } from '../fault.ts';
import { strike } from '../nemesis.ts';

/** One blow after the other, as chance will have it. Destinations that are away use up retries: they stay away briefly. */
export const everything: Fault = {
  name: 'everything',
  rows: ['F50'],
  async run(chaos) {
    const stage = await chaos.stage({ apis: 2, dispatchers: 2, proxied: true });
    const load = await stage.load(100);
    chaos.figure('struck', await strike(stage, chaos.random, 30_000 * chaos.scale));
    await load.stop();
    await chaos.settle(stage, { mayExceed: true, timeoutMs: 120_000 });
  },
};
