import type { ServerResponse } from 'node:http';
import {
  eventually,
  startApi,
  startDispatcher,
  startReceiver,
  startRedis,
  type Receiver,
  type TestApi,
  type TestRedis,
} from '@posthorn/testkit';

let redis: TestRedis;
let receiver: Receiver;
let api: TestApi;
beforeEach(async () => {
  [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
  api = await startApi(redis.url);
});
afterEach(async () => {
  await Promise.all([api.end('SIGKILL'), receiver.stop()]);
  await redis.stop();
});

const ids = (path: string) => receiver.at(path).map(({ headers }) => String(headers['upstash-message-id']));
const publishMany = (path: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => api.publish(receiver.url + path)));

test('a dispatcher killed in the middle of a delivery: delivered again, same id, same count', async () => {
  receiver.reply('/killed', () => undefined, 200);
  const first = await startDispatcher(redis.url);
  const messageId = await api.publish(`${receiver.url}/killed`);
  await eventually(() => receiver.at('/killed')[0]);
  await first.end('SIGKILL');

  const second = await startDispatcher(redis.url);
  await eventually(() => receiver.at('/killed').length === 2, 30_000);
  expect(ids('/killed')).toEqual([messageId, messageId]);
  expect(receiver.at('/killed')[1]?.headers['upstash-retried']).toBe('0');
  await eventually(async () => (await api.states(messageId)).at(-1) === 'DELIVERED');
  expect(await api.states(messageId)).toEqual(['CREATED', 'ACTIVE', 'DELIVERED']);
  await second.end('SIGKILL');
}, 60_000);

test('a dispatcher that stood still while another one delivered its message tells nothing of its own failure', async () => {
  const held: ServerResponse[] = [];
  receiver.reply('/stood-still', (response) => void held.push(response), 200);
  const stalledSoon = { STALLED_AFTER_SECONDS: '3' };
  const first = await startDispatcher(redis.url, stalledSoon);
  const messageId = await api.publish(`${receiver.url}/stood-still`, {
    headers: { 'Upstash-Retries': '0', 'Upstash-Failure-Callback': `${receiver.url}/failure` },
    body: 'x'.repeat(30_000),
  });
  const [response] = await eventually(() => held.length > 0 && held);
  first.kill('SIGSTOP');
  response?.writeHead(500).end();
  const second = await startDispatcher(redis.url, stalledSoon);
  await eventually(async () => (await api.states(messageId)).at(-1) === 'DELIVERED', 20_000);
  first.kill('SIGCONT');
  await eventually(() => first.output().includes('attempt.lost'));
  const last = await api.publish(`${receiver.url}/last`);
  await eventually(async () => (await api.states(last)).at(-1) === 'DELIVERED');
  expect((await api.states(messageId)).at(-1)).toBe('DELIVERED');
  expect(await (await api.call('/v2/dlq')).json()).toMatchObject({ messages: [] });
  expect(receiver.at('/failure')).toEqual([]);
  await Promise.all([first.end('SIGKILL'), second.end('SIGKILL')]);
}, 60_000);

test('the API killed right after its response: delivered', async () => {
  const messageId = await api.publish(`${receiver.url}/api`);
  await api.end('SIGKILL');
  const dispatcher = await startDispatcher(redis.url);
  await eventually(() => ids('/api').includes(messageId));
  await dispatcher.end('SIGKILL');
});

test('Redis killed right after the response and started again: delivered, and publishing goes on', async () => {
  const messageId = await api.publish(`${receiver.url}/redis`);
  await redis.kill();
  await redis.start();
  const dispatcher = await startDispatcher(redis.url);
  await eventually(() => ids('/redis').includes(messageId));

  await redis.kill();
  await redis.start();
  const later = await eventually(() => api.publish(`${receiver.url}/later`), 5000);
  await eventually(() => ids('/later').includes(later), 5000);
  await dispatcher.end('SIGKILL');
});

test('SIGTERM with 50 deliveries in flight: none lost, none delivered twice', async () => {
  receiver.reply('/term', { status: 200, afterMs: 1000 });
  const first = await startDispatcher(redis.url);
  const published = await publishMany('/term', 50);
  await eventually(() => receiver.at('/term').length === 50);
  expect(await first.end('SIGTERM')).toBe(0);

  const second = await startDispatcher(redis.url);
  const last = await api.publish(`${receiver.url}/last`);
  await eventually(() => ids('/last').includes(last));
  for (const messageId of published) expect((await api.states(messageId)).at(-1)).toBe('DELIVERED');
  expect(ids('/term').sort()).toEqual([...published].sort());
  await second.end('SIGKILL');
});

test('SIGTERM when the grace time is too short: the rest is handed back and no retry is used', async () => {
  receiver.reply('/short', () => undefined, 200);
  const first = await startDispatcher(redis.url, { SHUTDOWN_GRACE_SECONDS: '0.5' });
  const messageId = await api.publish(`${receiver.url}/short`, { headers: { 'Upstash-Retries': '0' } });
  await eventually(() => receiver.at('/short')[0]);
  expect(await first.end('SIGTERM')).toBe(0);
  const second = await startDispatcher(redis.url);
  await eventually(() => receiver.at('/short').length === 2, 5000);
  expect(ids('/short')).toEqual([messageId, messageId]);
  await second.end('SIGKILL');
});

describe.each([
  ['away', () => redis.kill(), () => redis.start()],
  ['frozen', async () => redis.freeze(), async () => redis.thaw()],
])('SIGTERM while Redis is %s', (_name, fail, mend) => {
  const graceSeconds = 1;
  const moreMs = 15_000;

  test('a dispatcher with deliveries in flight ends within its grace, and they are made again', async () => {
    receiver.reply(
      '/in-flight',
      () => undefined,
      () => undefined,
      200,
    );
    const dispatcher = await startDispatcher(redis.url, { SHUTDOWN_GRACE_SECONDS: String(graceSeconds) });
    const published = await publishMany('/in-flight', 2);
    await eventually(() => receiver.at('/in-flight').length === 2);
    await fail();
    const startedAt = Date.now();
    await dispatcher.end('SIGTERM');
    expect(Date.now() - startedAt).toBeLessThan(graceSeconds * 1000 + moreMs);
    await mend();
    const next = await startDispatcher(redis.url, { STALLED_AFTER_SECONDS: '3' });
    await eventually(() => receiver.at('/in-flight').length === 4, 20_000);
    expect(new Set(ids('/in-flight').slice(2))).toEqual(new Set(published));
    await next.end('SIGKILL');
  }, 60_000);

  test('an API ends within its grace', async () => {
    const other = await startApi(redis.url, { SHUTDOWN_GRACE_SECONDS: String(graceSeconds) });
    await fail();
    const startedAt = Date.now();
    expect(await other.end('SIGTERM')).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(graceSeconds * 1000 + moreMs);
    await mend();
  }, 60_000);
});

test.each([
  ['stopped', () => redis.kill(), () => redis.start(), 1000],
  ['frozen', async () => redis.freeze(), async () => redis.thaw(), 2000],
])('Redis %s: publish answers 503 promptly, and works again soon', async (_name, fail, mend, limitMs) => {
  await api.publish(`${receiver.url}/before`);
  await fail();
  const startedAt = Date.now();
  const response = await api.call(`/v2/publish/${receiver.url}/away`, { method: 'POST' });
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ error: expect.any(String) as string });
  expect(Date.now() - startedAt).toBeLessThan(limitMs);
  expect((await api.call('/ready')).status).toBe(503);
  await mend();
  await eventually(() => api.publish(`${receiver.url}/after`), 5000);
});

test('Redis frozen: who comes while others wait for it waits no longer than they do', async () => {
  redis.freeze();
  const publishTimed = async () => {
    const startedAt = Date.now();
    const { status } = await api.call(`/v2/publish/${receiver.url}/away`, { method: 'POST' });
    return { status, tookMs: Date.now() - startedAt };
  };
  const answers: ReturnType<typeof publishTimed>[] = [];
  for (const endsAt = Date.now() + 3000; Date.now() < endsAt;) {
    answers.push(publishTimed());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const all = await Promise.all(answers);
  redis.thaw();
  expect(all.every(({ status }) => status === 503)).toBe(true);
  expect(Math.max(...all.map(({ tookMs }) => tookMs))).toBeLessThan(2500);
});

test('a full Redis: publish answers 503', async () => {
  await redis.client.config('SET', 'maxmemory', '1');
  const response = await api.call(`/v2/publish/${receiver.url}/full`, { method: 'POST', body: 'x' });
  expect(response.status).toBe(503);
  await redis.client.config('SET', 'maxmemory', '0');
  await eventually(() => api.publish(`${receiver.url}/full`, { body: 'x' }), 5000);
});

test('a delayed message and a planned retry survive a restart of every process', async () => {
  receiver.reply('/again', 500, 200);
  const first = await startDispatcher(redis.url);
  const again = await api.publish(`${receiver.url}/again`, { headers: { 'Upstash-Retry-Delay': '1500' } });
  await api.publish(`${receiver.url}/delayed`, { headers: { 'Upstash-Delay': '2s' } });
  await eventually(async () => (await api.states(again)).includes('RETRY'));
  await Promise.all([first.end('SIGKILL'), api.end('SIGKILL')]);
  await redis.kill();
  await redis.start();
  const second = await startDispatcher(redis.url);
  // The kill may have come between the log entry and the end of the message: then the message is taken back first.
  await eventually(() => receiver.at('/again').length >= 2 && receiver.at('/delayed').length >= 1, 25_000);
  await second.end('SIGKILL');
}, 45_000);

test('a message whose body is not there ends in the dead letter queue, and its log says why', async () => {
  const messageId = await api.publish(`${receiver.url}/bodiless`, {
    headers: { 'Upstash-Delay': '1s' },
    body: 'x'.repeat(30_000),
  });
  const keys = await redis.client.keys(`*:body:${messageId}`);
  expect(await redis.client.del(keys)).toBe(1);
  const dispatcher = await startDispatcher(redis.url);
  try {
    await eventually(async () => (await api.states(messageId)).at(-1) === 'FAILED');
  } finally {
    await dispatcher.end('SIGKILL');
  }
  const { events } = (await (await api.call(`/v2/events?messageId=${messageId}`)).json()) as { events: object[] };
  expect(events[0]).toMatchObject({ error: expect.stringContaining('the body is not there') as string });
  const { messages } = (await (await api.call('/v2/dlq')).json()) as { messages: object[] };
  expect(messages).toMatchObject([{ messageId, responseStatus: 0 }]);
  expect(receiver.at('/bodiless')).toEqual([]);
});
