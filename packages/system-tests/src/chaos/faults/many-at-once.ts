import { eventually } from '@posthorn/testkit';
import type { Chaos, Fault } from '../fault.ts';
import type { Order } from '../ledger/publisher.ts';
import type { Stage } from '../stage.ts';

/** The full number in a run of twenty minutes or more. */
const many = (chaos: Chaos, full: number, less: number) => (chaos.scale >= 2 ? full : less);

async function publishMany(stage: Stage, count: number, order: () => Order): Promise<void> {
  let left = count;
  const publishUntilDone = async () => {
    for (let some = Math.min(500, left); some > 0; some = Math.min(500, left)) {
      left -= some;
      await stage.publisher.publishBatch(Array.from({ length: some }, order));
    }
  };
  await Promise.all([publishUntilDone(), publishUntilDone()]);
}

/** A destination was away and comes back to all that has waited for it. */
export const recoveryBurst: Fault = {
  name: 'recovery-burst',
  rows: ['F29'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const count = many(chaos, 50_000, 3000);
    const rate = many(chaos, 2000, 300);
    stage.setDestinationsDown(true);
    await publishMany(stage, count, () => ({
      sort: 'recovery-burst',
      ends: 'delivered',
      destination: `${stage.receiver}/m`,
      headers: {
        'Upstash-Retries': '20',
        'Upstash-Retry-Delay': '3000',
        'Upstash-Flow-Control-Key': 'recovery-burst',
        'Upstash-Flow-Control-Value': `rate=${rate}`,
      },
    }));
    await chaos.pause(5000, 8000);
    const upAt = Date.now();
    stage.setDestinationsDown(false);
    const account = await chaos.settle(stage, { duplicates: 0, timeoutMs: 240_000 });
    const perSecond = new Map<number, number>();
    for (const { at } of [...account.receipts.values()].flat()) {
      perSecond.set(Math.floor(at / 1000), (perSecond.get(Math.floor(at / 1000)) ?? 0) + 1);
    }
    const most = Math.max(...perSecond.values());
    chaos.figure('rate', rate);
    chaos.figure('mostPerSecond', most);
    chaos.figure('drainedMs', Date.now() - upAt);
    // The periods of the limit are not those of the clock: a second may see the end of one and the start of the next, and
    // what a busy machine has held back of the one before.
    chaos.claim(`at most ${most} requests in a second of the clock, at a rate of ${rate}`, most <= 3 * rate);
    const minMs = (count / rate - 2) * 1000;
    chaos.claim(`drained no faster than the rate allows: ${minMs} ms at least`, Date.now() - upAt >= minMs);
  },
};

/** Very many messages are due in the same second. */
export const sameSecond: Fault = {
  name: 'same-second',
  rows: ['F30'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const count = many(chaos, 100_000, 5000);
    const dueAt = Math.ceil(Date.now() / 1000) * 1000 + many(chaos, 60_000, 10_000);
    await publishMany(stage, count, () => ({
      sort: 'due',
      ends: 'delivered',
      destination: `${stage.receiver}/m`,
      notBefore: dueAt,
    }));
    chaos.claim('all were published before they were due', Date.now() < dueAt);
    await eventually(() => Date.now() > dueAt, 120_000);
    const waits: number[] = [];
    let isDraining = true;
    const probe = async () => {
      while (isDraining) {
        const startedAt = performance.now();
        await stage.publisher.publish({ sort: 'beside', ends: 'delivered', destination: `${stage.receiver}/m` });
        waits.push(Math.round(performance.now() - startedAt));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const probing = probe();
    await stage.drain(240_000);
    isDraining = false;
    await probing;
    const account = await chaos.settle(stage, { duplicates: 0 });
    const last = Math.max(
      ...[...account.receipts.values()]
        .flat()
        .filter(({ key }) => key.startsWith('due'))
        .map(({ at }) => at),
    );
    waits.sort((a, b) => a - b);
    const median = waits[Math.floor(waits.length / 2)] ?? 0;
    chaos.figure('drainedMs', last - dueAt);
    chaos.figure('publishMs', { p50: median, max: waits.at(-1) ?? 0, of: waits.length });
    chaos.within('a publish beside it, at the median,', median, 100, stage);
  },
};
