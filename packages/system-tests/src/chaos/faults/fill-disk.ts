import { execFile } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@posthorn/testkit';
import { Skip, type Fault } from '../fault.ts';
import { defaultConcurrency } from '../stage.ts';

const run = promisify(execFile);

const fillDisk = (durability: 'always' | 'everysec'): Fault => ({
  name: `fill-disk-${durability}`,
  rows: ['F9'],
  async run(chaos) {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder]).catch(() => {
        throw new Skip('A small disk needs the right to mount a file system: run it as root.');
      });
      try {
        const redis = { durability, args: ['--dir', folder] };
        const stage = await chaos.stage({ redis, dispatchers: 2, api: { DURABILITY: durability } });
        const load = await stage.load(150);
        const fill = async () => {
          for (let status = 200; status === 200;) {
            const order = { sort: 'filler', ends: 'delivered' as const, destination: `${stage.receiver}/m` };
            ({ status } = await stage.publisher.publish({ ...order, bodyBytes: 30_000 }));
          }
        };
        await Promise.all(Array.from({ length: 4 }, fill));
        await chaos.pause(2000, 3000);
        const hasEnded = await hasExited(stage.redis.pid());
        chaos.figure('redis', hasEnded ? 'ended' : 'stays');
        await run('mount', ['-o', 'remount,size=200m', folder]);
        const mendedAt = Date.now();
        if (hasEnded) await stage.redis.start();
        await eventually(async () => {
          const order = { sort: 'after', ends: 'delivered' as const, destination: `${stage.receiver}/m` };
          return (await stage.publisher.publish(order)).status === 200;
        }, 20_000).catch(() => chaos.claim('publishes work again when there is space', false));
        await chaos.pause(2000, 3000);
        await load.stop();
        const account = await chaos.settle(stage, { duplicates: 2 * defaultConcurrency, mayExceed: true });
        chaos.figure('recoveryMs', chaos.firstAfter(account, mendedAt));
        chaos.within('the slowest publish', account.slowestAnswerMs, 2000, stage);
        chaos.claim('refusals are 503', account.refused === 0 && account.statuses['500'] === undefined);
        await stage.end();
      } finally {
        await run('umount', ['--lazy', folder]);
      }
    } finally {
      await rmdir(folder);
    }
  },
});

async function hasExited(pid: number): Promise<boolean> {
  const { stdout } = await run('ps', ['-o', 'stat=', '-p', String(pid)]).catch(() => ({ stdout: 'Z' }));
  return stdout.startsWith('Z');
}

export const fillDiskAlways = fillDisk('always');
export const fillDiskEverysec = fillDisk('everysec');
