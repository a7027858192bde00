import { eventually, startReceiver } from '@posthorn/testkit';
import type { Fault } from '../fault.ts';
import { defaultConcurrency } from '../stage.ts';

const everyMinute = { 'Upstash-Cron': '* * * * *' };
const parallelism = 2;

/** All processes end at once, and Redis with them: what was paused before is paused afterwards. */
export const restartEverything: Fault = {
  name: 'restart-everything',
  rows: ['F44'],
  async run(chaos) {
    const stage = await chaos.stage({ apis: 2, dispatchers: 2 });
    // No publisher knows of the messages that a schedule makes: they go to a destination outside of the ledger.
    const minutes = await startReceiver();
    const read = async (path: string) => (await (await stage.apis[0]?.call(path))?.json()) as Record<string, unknown>;
    const queued = () =>
      [...stage.account().receipts.values()].flat().filter(({ key }) => key.startsWith('asleep')).length;
    try {
      const load = await stage.load(100);
      await stage.post('/v2/queues', { queueName: 'asleep', parallelism, paused: true });
      for (const id of ['asleep', 'resumed']) {
        await stage.post(`/v2/schedules/${minutes.url}/${id}`, undefined, {
          ...everyMinute,
          'Upstash-Schedule-Id': id,
        });
        await stage.post(`/v2/schedules/${id}/pause`);
      }
      const count = 20;
      for (let n = 0; n < count; n++) {
        await stage.publisher.publish({
          sort: 'asleep',
          ends: 'delivered',
          destination: `${stage.receiver}/m?ms=100&flow=asleep&max=${parallelism}`,
          headers: { 'Upstash-Queue-Name': 'asleep' },
        });
      }
      await chaos.pause(1500, 2500);
      await Promise.all([...stage.apis, ...stage.dispatchers].map((process) => process.end('SIGKILL')));
      await stage.redis.kill();
      await stage.redis.start();
      await Promise.all([0, 1].flatMap((index) => [stage.startApi(index), stage.startDispatcher(index)]));

      const { paused, parallelism: kept, lag } = await read('/v2/queues/asleep');
      chaos.claim(
        `the queue is paused: ${String(paused)}, with ${String(lag)} messages`,
        paused === true && lag === count,
      );
      chaos.claim(`its parallelism is ${String(kept)}`, kept === parallelism);
      const { isPaused, nextScheduleTime: minute } = await read('/v2/schedules/asleep');
      chaos.claim(`the schedule is paused: ${String(isPaused)}`, isPaused === true);
      await stage.post('/v2/schedules/resumed/resume');
      await chaos.pause(2000, 3000);
      await load.stop();
      chaos.claim(`received of the paused queue: ${queued()}`, queued() === 0);
      await stage.post('/v2/queues/asleep/resume');

      await eventually(async () => {
        const isOver = Number((await read('/v2/schedules/asleep'))['nextScheduleTime']) > Number(minute);
        return isOver && minutes.at('/resumed').length > 0;
      }, 90_000);
      const triggered = minutes.at('/asleep').length;
      chaos.claim(`the paused schedule has triggered ${triggered} times`, triggered === 0);
      await chaos.settle(stage, { duplicates: 2 * defaultConcurrency });
      chaos.claim(`received of the resumed queue: ${queued()}`, queued() === count);
    } finally {
      await minutes.stop();
    }
  },
};
