import { eventually } from '@posthorn/testkit';
import type { Fault } from '../fault.ts';
import { defaultConcurrency } from '../stage.ts';

/** Redis is full of messages that are due in some seconds: they must be delivered without an operator. */
export const fillRedis: Fault = {
  name: 'fill-redis',
  rows: ['F8'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const { client } = stage.redis;
    const used = Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]);
    await client.config('SET', 'maxmemory', String(used + 12_000_000));
    // The watermark may be looked at once in a while only.
    await chaos.pause(2000, 2000);
    const load = await stage.load(50);
    let refused = 0;
    const fill = async () => {
      while (refused < 50) {
        const { status } = await stage.publisher.publish({
          sort: 'filler',
          ends: 'delivered',
          destination: `${stage.receiver}/m`,
          delayMs: chaos.random.between(8, 12) * 1000,
          bodyBytes: chaos.random.pick([2000, 30_000]),
        });
        if (status === 503) {
          refused++;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, fill));
    chaos.figure('usedAtRefusal', Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]) - used);
    await load.stop();
    await eventually(async () => {
      const { status } = await stage.publisher.publish({
        sort: 'after',
        ends: 'delivered',
        destination: `${stage.receiver}/m`,
      });
      return status === 200;
    }, 60_000).catch(() => chaos.claim('publishes work again once messages are delivered', false));
    // An end that could not be written is an attempt that is made again.
    const account = await chaos.settle(stage, { duplicates: 2 * defaultConcurrency, mayExceed: true });
    chaos.claim('publishes were refused with 503 only', account.refused === 0 && account.statuses['500'] === undefined);
    chaos.within('the slowest publish', account.slowestAnswerMs, 2000, stage);
  },
};
