import type { Fault } from '../fault.ts';
import { defaultConcurrency } from '../stage.ts';

/** A dispatcher stands still for longer than its locks live, and goes on as if nothing had happened. */
export const freezeDispatcher: Fault = {
  name: 'freeze-dispatcher',
  rows: ['F39'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const load = await stage.load(150);
    await chaos.pause(2000, 3000);
    stage.dispatchers[0]?.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 18_000));
    stage.dispatchers[0]?.kill('SIGCONT');
    await chaos.pause(2000, 3000);
    await load.stop();
    await chaos.settle(stage, { duplicates: defaultConcurrency, mayExceed: true });
  },
};
