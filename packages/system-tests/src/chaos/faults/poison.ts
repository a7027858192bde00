import { eventually } from '@posthorn/testkit';
import type { Fault } from '../fault.ts';

/** Some more kills than a message may survive by default. */
const maxKills = 10;

/** A message whose every attempt ends its dispatcher must not do so for ever, and must not take others with it. */
export const poison: Fault = {
  name: 'poison',
  rows: ['F3'],
  async run(chaos) {
    const variables = { STALLED_AFTER_SECONDS: '3', POISON_AFTER: '3' };
    const stage = await chaos.stage({ dispatchers: 1, dispatcher: variables });
    let kills = 0;
    let killing = Promise.resolve();
    // An attempt that arrives while the dispatcher is still starting ends it as well, once it has started.
    const kill = async () => {
      await stage.dispatchers[0]?.end('SIGKILL');
      await stage.startDispatcher(0);
    };
    stage.onReceived(() => {
      if (kills >= maxKills) return;
      kills++;
      // A dispatcher that does not start again shows in the account.
      killing = killing.then(kill).catch(() => undefined);
    });
    const load = await stage.load(50);
    const order = { sort: 'poison', ends: 'dead' as const, destination: `${stage.receiver}/m?tell&hold` };
    const [id = ''] = (await stage.publisher.publish(order)).ids;

    const reason = await eventually(async () => {
      const response = await stage.apis[0]?.call(`/v2/events?messageId=${id}`);
      const log = (await response?.json()) as { events: { state: string; error?: string }[] } | undefined;
      return log?.events.find(({ state }) => state === 'FAILED')?.error;
    }, 180_000);
    chaos.figure('reason', reason);
    await load.stop();
    await killing;
    chaos.figure('kills', kills);
    chaos.claim(`the dispatcher was killed ${kills} times, fewer than ${maxKills}`, kills < maxKills);
    // Each kill may make a delivery again that was answered, and no message may be condemned for its company.
    // All that was in flight at a kill is suspect, up to 200 messages, and suspects are delivered one at a time.
    await chaos.settle(stage, { timeoutMs: 240_000, duplicates: 200 * kills });
  },
};
