import type { Fault } from '../fault.ts';

/**
 * The log cannot be written: Redis refuses its keys. Deliveries must not notice. A dispatcher writes its entries when
 * Redis takes them again, an API counts what it has left out.
 */
export const brokenLog: Fault = {
  name: 'broken-log',
  rows: ['F42'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const load = await stage.load(150);
    await chaos.pause(1500, 2500);
    const needed = ['deliver', 'dlq', 'queue', 'flow', 'lanes', 'body', 'pending', 'schedule', 'url'].map(
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
    const metrics = await (await fetch(`${stage.apis[0]?.url}/metrics`)).text();
    const lost = Number(/^posthorn_log_lines_lost_total (\d+)/m.exec(metrics)?.[1]);
    chaos.figure('linesLost', lost);
    chaos.claim('the API counts entries that it could not write', lost > 0);
  },
};
