import type { Chaos, Fault } from '../fault.ts';
import type { Account } from '../ledger/account.ts';
import { defaultConcurrency, type Stage } from '../stage.ts';

/** A message of a dead dispatcher is delivered again within this time, at default settings and on a slow machine. */
const redeliveryMs = 20_000;

export const killOneDispatcher: Fault = {
  name: 'kill-one-dispatcher',
  rows: ['F1'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const load = await stage.load(250);
    const index = chaos.random.between(0, 1);
    await chaos.pause(3000, 5000);
    const killedAt = Date.now();
    await stage.dispatchers[index]?.end('SIGKILL');
    await stage.startDispatcher(index);
    await chaos.pause(4000, 5000);
    await load.stop();
    const account = await chaos.settle(stage, { duplicates: defaultConcurrency });
    judgeReruns(chaos, stage, account, killedAt);
  },
};

export const killAllDispatchers: Fault = {
  name: 'kill-all-dispatchers',
  rows: ['F2'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const load = await stage.load(250);
    await chaos.pause(3000, 4000);
    const killedAt = Date.now();
    await killAll(stage);
    await chaos.pause(2000, 4000);
    await load.stop();
    await Promise.all([stage.startDispatcher(0), stage.startDispatcher(1)]);
    const account = await chaos.settle(stage, { duplicates: 2 * defaultConcurrency });
    judgeReruns(chaos, stage, account, killedAt);
  },
};

async function killAll({ dispatchers }: Stage): Promise<void> {
  await Promise.all(dispatchers.map((dispatcher) => dispatcher.end('SIGKILL')));
}

function judgeReruns(chaos: Chaos, stage: Stage, { reruns }: Account, killedAt: number): void {
  const slowest = Math.max(0, ...reruns.map(({ againAt }) => againAt - killedAt));
  chaos.figure('redeliveredMs', slowest);
  chaos.within('the last delivery that had to be made again', slowest, redeliveryMs, stage);
}
