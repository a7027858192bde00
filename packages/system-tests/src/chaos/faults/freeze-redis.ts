import type { Fault } from '../fault.ts';
import { defaultConcurrency } from '../stage.ts';

const freezeRedis = (seconds: number, duplicates: number): Fault => ({
  name: `freeze-redis-${seconds}s`,
  rows: ['F7'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const load = await stage.load(150);
    await chaos.pause(2000, 3000);
    stage.redis.freeze();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const thawedAt = Date.now();
    stage.redis.thaw();
    await chaos.pause(4000, 5000);
    await load.stop();
    const account = await chaos.settle(stage, { duplicates, mayExceed: true });
    chaos.within('the slowest publish', account.slowestAnswerMs, 2000, stage);
    chaos.claim('publishes were answered 503 meanwhile', account.statuses['503'] !== undefined);
    chaos.figure('recoveryMs', chaos.firstAfter(account, thawedAt));
    chaos.within('the first delivery after the thaw', chaos.firstAfter(account, thawedAt), 5000, stage);
  },
});

/** Shorter than a lock: no message may be taken from its dispatcher. */
export const freezeRedisShort = freezeRedis(5, 0);
export const freezeRedisLong = freezeRedis(20, 2 * defaultConcurrency);
