import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Skip, type Fault } from '../fault.ts';
import { defaultConcurrency } from '../stage.ts';

const run = promisify(execFile);

/** Between the processes and Redis every packet takes its time, and some take ten times as long. */
export const slowNetwork: Fault = {
  name: 'slow-network',
  rows: ['F14'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2, proxied: true });
    const load = await stage.load(100);
    await chaos.pause(1000, 2000);
    stage.proxy?.delay(20, 150);
    await chaos.pause(6000, 8000);
    stage.proxy?.delay(0, 0);
    await chaos.pause(1000, 2000);
    await load.stop();
    const account = await chaos.settle(stage, { duplicates: 0 });
    chaos.claim('nothing was delivered twice for a lock that could not be renewed', account.reruns.length === 0);
  },
};

/** Packets are dropped in both directions without an error; later new connections work, the old ones stay silent. */
export const lostPackets: Fault = {
  name: 'lost-packets',
  rows: ['F15'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2, proxied: true });
    const load = await stage.load(100);
    await chaos.pause(2000, 3000);
    stage.proxy?.blackhole();
    await chaos.pause(5000, 6000);
    const mendedAt = Date.now();
    stage.proxy?.heal();
    await chaos.pause(8000, 10_000);
    await load.stop();
    const account = await chaos.settle(stage, { duplicates: 2 * defaultConcurrency, mayExceed: true });
    chaos.within('the slowest publish', account.slowestAnswerMs, 2000, stage);
    chaos.figure('recoveryMs', chaos.firstAfter(account, mendedAt));
    chaos.within('the first delivery afterwards', chaos.firstAfter(account, mendedAt), 15_000, stage);
  },
};

/** Of the packets between the processes and Redis one in twenty is lost, in both directions. */
export const lossyNetwork: Fault = {
  name: 'lossy-network',
  rows: ['F14'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const load = await stage.load(100);
    const table = `posthorn_${stage.redis.port}`;
    const lose = (side: string) => `tcp ${side} ${stage.redis.port} numgen random mod 100 < 5 counter drop`;
    const rules = `table inet ${table} {
      chain input { type filter hook input priority 0; ${lose('dport')}; ${lose('sport')}; }
    }`;
    await chaos.pause(1000, 2000);
    await nft([rules]).catch((error: unknown) => {
      throw new Skip(`the kernel cannot be told to lose packets (it needs root and nftables): ${String(error)}`);
    });
    try {
      await chaos.pause(8000, 10_000);
      const counters = await nft([`list table inet ${table}`]);
      const lost = [...counters.matchAll(/packets (\d+)/g)].reduce((total, [, count]) => total + Number(count), 0);
      chaos.figure('lostPackets', lost);
      chaos.claim(`packets were lost: ${lost}`, lost > 50);
    } finally {
      await nft([`delete table inet ${table}`]);
    }
    await load.stop();
    await chaos.settle(stage, { duplicates: 2 * defaultConcurrency, mayExceed: true });
  },
};

async function nft(args: string[]): Promise<string> {
  return (await run('nft', args)).stdout;
}
