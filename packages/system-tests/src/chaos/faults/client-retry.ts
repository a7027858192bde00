import type { Fault } from '../fault.ts';
import type { Order } from '../ledger/publisher.ts';

/** A publisher hangs up before it has read the response, and publishes again. */
export const clientRetry: Fault = {
  name: 'client-retry',
  rows: ['F36', 'F37'],
  async run(chaos) {
    const stage = await chaos.stage({ apis: 2 });
    const load = await stage.load(50);
    const { publish } = stage.publisher;
    const order = (sort: string, key: string, deduplicationId?: string): Order => ({
      sort,
      key,
      ends: 'delivered',
      destination: `${stage.receiver}/m`,
      headers: deduplicationId === undefined ? {} : { 'Upstash-Deduplication-Id': deduplicationId },
    });

    const rounds = Math.round(100 * Math.max(1, chaos.scale));
    for (let round = 0; round < rounds; round++) {
      for (const one of [order('named', `named-${round}`, `once-${round}`), order('nameless', `nameless-${round}`)]) {
        await publish({ ...one, hangUpAfterMs: chaos.random.between(1, 15) });
        await publish(one);
      }
    }
    for (let crowd = 0; crowd < 5; crowd++) {
      const one = order('crowd', `crowd-${crowd}`, `crowd-${crowd}`);
      const lines = await Promise.all(Array.from({ length: 50 }, () => publish(one)));
      const ids = new Set(lines.flatMap(({ ids }) => ids));
      chaos.claim(`50 publishers at once got ${ids.size} ids`, ids.size === 1);
      const created = lines.filter(({ status }) => status === 200).length;
      chaos.claim(`50 publishers at once created ${created} messages`, created === 1);
    }
    await load.stop();
    const account = await chaos.settle(stage, { duplicates: 0 });
    const receipts = [...account.receipts.values()].flat();
    const times = (sort: string) =>
      Array.from({ length: rounds }, (_, round) => receipts.filter(({ key }) => key === `${sort}-${round}`).length);
    const twice = times('nameless').filter((count) => count > 1).length;
    chaos.figure('rounds', rounds);
    chaos.figure('twiceWithoutId', twice);
    chaos.claim('some hung up after their message was stored', twice > 0);
    chaos.claim(
      'with a deduplication id each is delivered once',
      times('named').every((count) => count === 1),
    );
    chaos.claim(
      'without one at most as often as it was published',
      times('nameless').every((count) => count <= 2),
    );
  },
};
