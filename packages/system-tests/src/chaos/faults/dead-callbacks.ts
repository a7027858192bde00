import { eventually } from '@posthorn/testkit';
import type { Fault } from '../fault.ts';

/** The receiver of callbacks never accepts one: they have retries of their own, and no callback reports a callback. */
export const deadCallbacks: Fault = {
  name: 'dead-callbacks',
  rows: ['F43'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const load = await stage.load(50);
    const count = 50;
    const target = `${stage.receiver}/callback?status=500`;
    const headers = {
      'Upstash-Callback': target,
      'Upstash-Callback-Retries': '1',
      'Upstash-Callback-Retry-Delay': '200',
      'Upstash-Failure-Callback': target,
      'Upstash-Failure-Callback-Retries': '1',
      'Upstash-Failure-Callback-Retry-Delay': '200',
      'Upstash-Retries': '0',
    };
    const publish = (sort: string, ends: 'delivered' | 'dead', query: string) =>
      Promise.all(
        Array.from({ length: count }, () =>
          stage.publisher.publish({ sort, ends, destination: `${stage.receiver}/m?${query}`, headers }),
        ),
      );
    await publish('told-in-vain', 'delivered', 'ms=5');
    await publish('dead-in-vain', 'dead', 'status=500');
    // One callback of each delivered one, a callback and a failure callback of each dead one.
    const expected = 3 * count;
    const inVain = () => {
      const { receipts, known } = stage.account();
      return [...receipts].filter(([, all]) => known.get(all[0]?.sourceId ?? '')?.sort.endsWith('-in-vain'));
    };
    await eventually(() => inVain().filter(([, all]) => all.length === 2).length >= expected, 30_000).catch(
      () => undefined,
    );
    await load.stop();
    await chaos.settle(stage, { duplicates: 0 });
    const callbacks = inVain();
    chaos.figure('callbacks', callbacks.length);
    chaos.claim(`${callbacks.length} callbacks of ${expected}`, callbacks.length === expected);
    chaos.claim(
      'each was tried twice',
      callbacks.every(([, all]) => all.length === 2),
    );
    chaos.claim(
      'each is in the dead letter queue',
      callbacks.every(([id]) => stage.deadIds().has(id)),
    );
  },
};
