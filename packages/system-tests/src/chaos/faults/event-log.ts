import type { Fault } from '../fault.ts';

/** The log cannot be written: Redis refuses its keys. Deliveries must not notice. */
export const brokenEventLog: Fault = {
  name: 'broken-event-log',
  rows: ['F42'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const load = await stage.load(150);
    await chaos.pause(1500, 2500);
    const needed = ['deliver', 'dlq', 'queue', 'flow', 'lanes', 'body', 'schedule', 'url'].map(
      (name) => `~{d?}:${name}*`,
    );
    const { client } = stage.redis;
    await client.call('ACL', 'SETUSER', 'default', 'resetkeys', ...needed, '~{schedules}*', '~posthorn:*');
    await chaos.pause(4000, 5000);
    await client.call('ACL', 'SETUSER', 'default', 'allkeys');
    await chaos.pause(1000, 2000);
    await load.stop();
    const account = await chaos.settle(stage, { duplicates: 0 });
    chaos.claim('no attempt was made again', account.reruns.length === 0);
    chaos.claim(
      `only 200 was answered: ${JSON.stringify(account.statuses)}`,
      Object.keys(account.statuses).join() === '200',
    );
    chaos.claim('some lines are missing', Number(chaos.figures()['logDiffers']) > 0);
  },
};
