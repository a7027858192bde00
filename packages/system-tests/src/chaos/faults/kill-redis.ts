import type { Fault } from '../fault.ts';
import { defaultConcurrency } from '../stage.ts';

/** The first delivery comes at most so long after Redis is back. */
const recoveryMs = 5000;

const killRedis = (durability: 'always' | 'everysec'): Fault => ({
  name: `kill-redis-${durability}`,
  rows: ['F5'],
  async run(chaos) {
    const stage = await chaos.stage({ redis: { durability }, api: { DURABILITY: durability }, dispatchers: 2 });
    const load = await stage.load(200);
    await chaos.pause(3000, 4000);
    await stage.redis.kill();
    await chaos.pause(1000, 3000);
    const backAt = Date.now();
    await stage.redis.start();
    await chaos.pause(5000, 6000);
    await load.stop();
    // Everything that was in flight may have been answered without Redis hearing of it.
    const account = await chaos.settle(stage, { duplicates: 2 * defaultConcurrency, mayExceed: true });
    const recovery = chaos.firstAfter(account, backAt);
    chaos.figure('recoveryMs', recovery);
    chaos.within('the first delivery after Redis is back', recovery, recoveryMs, stage);
    chaos.claim('publishes were answered 503 meanwhile', account.statuses['503'] !== undefined);
    chaos.within('the slowest publish', account.slowestAnswerMs, 2000, stage);
  },
});

export const killRedisAlways = killRedis('always');
export const killRedisEverysec = killRedis('everysec');
