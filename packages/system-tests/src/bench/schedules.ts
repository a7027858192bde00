// `npm run bench:schedules -- [minutes]`: 200 schedules come due each minute. Two dispatchers publish them; in the middle
// one of them is killed while it is at it, and started again.
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, startApi, startDispatcher, startReceiver, startRedis } from '@posthorn/testkit';

const minutes = Number(process.argv[2] ?? 5);
const count = 200;
const minuteMs = 60_000;

const redis = await startRedis();
const receiver = await startReceiver();
const api = await startApi(redis.url);
const dispatchers = await Promise.all([startDispatcher(redis.url), startDispatcher(redis.url)]);

// All of them are to see the same first minute.
await eventually(() => Date.now() % minuteMs < 45_000, 20_000);
const ids = await Promise.all(
  Array.from({ length: count }, async () => {
    const headers = { 'Upstash-Cron': '* * * * *' };
    const response = await api.call(`/v2/schedules/${receiver.url}/tick`, { method: 'POST', headers, body: 'tick' });
    return ((await response.json()) as { scheduleId: string }).scheduleId;
  }),
);
const firstMinute = Math.floor(Date.now() / minuteMs) + 1;
const killedMinute = firstMinute + Math.floor(minutes / 2);

await sleep(killedMinute * minuteMs + 20 - Date.now());
await dispatchers[0].end('SIGKILL');
const begun = receiver.requests.filter(({ at }) => at >= killedMinute * minuteMs).length;
dispatchers[0] = await startDispatcher(redis.url);

// The last minute has its time, too.
await sleep((firstMinute + minutes) * minuteMs - 5000 - Date.now());
await Promise.all(ids.map((id) => api.call(`/v2/schedules/${id}`, { method: 'DELETE' })));

const ticks = new Map<string, { ids: Set<string>; lateMs: number }>();
for (const { headers, at } of receiver.requests) {
  const minute = Math.floor(at / minuteMs);
  const key = `${String(headers['upstash-schedule-id'])} ${minute}`;
  const tick = ticks.get(key) ?? { ids: new Set(), lateMs: at - minute * minuteMs };
  tick.ids.add(String(headers['upstash-message-id']));
  ticks.set(key, tick);
}
const late = Array.from(ticks.values(), ({ lateMs }) => lateMs).sort((a, b) => a - b);
const messages = Array.from(ticks.values()).reduce((sum, tick) => sum + tick.ids.size, 0);
console.log(
  JSON.stringify({
    minutes,
    ticks: count * minutes,
    messages,
    missed: count * minutes - ticks.size,
    doubled: messages - ticks.size,
    // The same message once more, because its first delivery died with the dispatcher.
    deliveredAgain: receiver.requests.length - messages,
    arrivedBeforeKill: begun,
    latenessMs: {
      p50: late[Math.floor(late.length * 0.5)],
      p99: late[Math.floor(late.length * 0.99)],
      max: late.at(-1),
    },
  }),
);
await Promise.all([api.end('SIGKILL'), ...dispatchers.map((each) => each.end('SIGKILL')), receiver.stop()]);
await redis.stop();
process.exit(messages === count * minutes && ticks.size === messages ? 0 : 1);
