import type { Fault } from '../fault.ts';
import { defaultConcurrency } from '../stage.ts';

/** SIGTERM: what can end within the grace time does, the rest is handed back. */
export const stopDispatcher: Fault = {
  name: 'stop-dispatcher',
  rows: ['F33'],
  async run(chaos) {
    const graceSeconds = 4;
    const stage = await chaos.stage({
      dispatchers: 1,
      dispatcher: { SHUTDOWN_GRACE_SECONDS: String(graceSeconds) },
    });
    const load = await stage.load(100);
    const slow = (ms: number, count: number) =>
      Promise.all(
        Array.from({ length: count }, () =>
          stage.publisher.publish({
            sort: `takes-${ms}`,
            ends: 'delivered',
            destination: `${stage.receiver}/m?ms=${ms}`,
          }),
        ),
      );
    await slow(9000, 5);
    await slow(1000, 20);
    await chaos.pause(600, 800);
    const stoppedAt = Date.now();
    const status = await stage.dispatchers[0]?.end('SIGTERM');
    chaos.claim(`the exit status is ${status}`, status === 0);
    const tookMs = Date.now() - stoppedAt;
    chaos.figure('stoppedMs', tookMs);
    chaos.within('the stop', tookMs, graceSeconds * 1000 + 5000, stage);
    await stage.startDispatcher(0);
    await chaos.pause(1000, 2000);
    await load.stop();
    const account = await chaos.settle(stage, { duplicates: 5 });
    const beyond = account.reruns.filter(({ id }) => account.known.get(id)?.sort !== 'takes-9000');
    chaos.claim(`made again though they fit into the grace time: ${beyond.length}`, beyond.length === 0);
    const handedBack = account.reruns.length - beyond.length;
    chaos.figure('handedBack', handedBack);
    chaos.claim('what did not fit was handed back', handedBack > 0);
  },
};

export const stopWithoutRedis: Fault = {
  name: 'stop-without-redis',
  rows: ['F34'],
  async run(chaos) {
    const graceSeconds = 2;
    const grace = { SHUTDOWN_GRACE_SECONDS: String(graceSeconds) };
    const stage = await chaos.stage({ dispatchers: 2, api: grace, dispatcher: grace, apis: 2 });
    const load = await stage.load(100);
    await chaos.pause(1500, 2500);
    for (const index of [0, 1]) {
      if (index === 0) stage.redis.freeze();
      else await stage.redis.kill();
      const stoppedAt = Date.now();
      const statuses = await Promise.all([stage.dispatchers[index]?.end('SIGTERM'), stage.apis[index]?.end('SIGTERM')]);
      const tookMs = Date.now() - stoppedAt;
      chaos.figure(index === 0 ? 'stoppedFrozenMs' : 'stoppedAwayMs', tookMs);
      chaos.within('the stop without Redis', tookMs, graceSeconds * 1000 + 10_000, stage);
      chaos.claim(
        `exit statuses ${statuses.join(' ')}`,
        statuses.every((status) => status === 0),
      );
      if (index === 0) stage.redis.thaw();
      else await stage.redis.start();
      await Promise.all([stage.startDispatcher(index), stage.startApi(index)]);
      await chaos.pause(1000, 2000);
    }
    await load.stop();
    await chaos.settle(stage, { duplicates: 2 * defaultConcurrency, mayExceed: true });
  },
};

/** Every process is replaced in turn, as by a new version. */
export const rollingRestart: Fault = {
  name: 'rolling-restart',
  rows: ['F35'],
  async run(chaos) {
    const stage = await chaos.stage({ apis: 2, dispatchers: 2 });
    const load = await stage.load(150);
    for (const index of [0, 1]) {
      await chaos.pause(1000, 2000);
      const statuses = [await stage.dispatchers[index]?.end('SIGTERM')];
      await stage.startDispatcher(index);
      await chaos.pause(500, 1000);
      statuses.push(await stage.apis[index]?.end('SIGTERM'));
      await stage.startApi(index);
      chaos.claim(
        `exit statuses ${statuses.join(' ')}`,
        statuses.every((status) => status === 0),
      );
    }
    await chaos.pause(1000, 2000);
    await load.stop();
    const account = await chaos.settle(stage, { duplicates: 0 });
    chaos.claim('no attempt was made again', account.reruns.length === 0);
    const cut = account.unknownReceipts.filter((times) => times > 0).length;
    chaos.claim(`accepted, and not answered: ${cut}`, cut === 0);
  },
};
