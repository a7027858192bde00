import type { ServerResponse } from 'node:http';
import { eventually, startApi, startDispatcher as startProcess } from '@posthorn/testkit';
import { useApi } from './system.fixture.ts';

const stage = useApi('test');

/** Messages of a dispatcher that died are soon taken by the next one. */
const startDispatcher = (variables: Record<string, string> = {}) =>
  startProcess(stage.redis.url, { STALLED_AFTER_SECONDS: '3', ...variables });
const ids = (path: string) => stage.receiver.at(path).map(({ headers }) => String(headers['upstash-message-id']));
const publishMany = (path: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => stage.api.publish(stage.receiver.url + path)));

test('a dispatcher killed in the middle of a delivery: delivered again, same id, same count', async () => {
  stage.receiver.reply('/killed', () => undefined, 200);
  const first = await startDispatcher();
  const messageId = await stage.api.publish(`${stage.receiver.url}/killed`);
  await stage.receiver.first('/killed');
  await first.end('SIGKILL');

  const second = await startDispatcher();
  await eventually(() => stage.receiver.at('/killed').length === 2);
  expect(ids('/killed')).toEqual([messageId, messageId]);
  expect(stage.receiver.at('/killed')[1]?.headers['upstash-retried']).toBe('0');
  await stage.api.untilState(messageId, 'DELIVERED');
  expect(await stage.api.states(messageId)).toEqual(['CREATED', 'ACTIVE', 'DELIVERED']);
  await second.end('SIGKILL');
}, 60_000);

test('a dispatcher that stood still while another one delivered its message tells nothing of its own failure', async () => {
  const held: ServerResponse[] = [];
  stage.receiver.reply('/stood-still', (response) => void held.push(response), 200);
  const first = await startDispatcher();
  const messageId = await stage.api.publish(`${stage.receiver.url}/stood-still`, {
    headers: { 'Upstash-Retries': '0', 'Upstash-Failure-Callback': `${stage.receiver.url}/failure` },
    body: 'x'.repeat(30_000),
  });
  const [response] = await eventually(() => held.length > 0 && held);
  first.kill('SIGSTOP');
  response?.writeHead(500).end();
  const second = await startDispatcher();
  await stage.api.untilState(messageId, 'DELIVERED');
  first.kill('SIGCONT');
  await eventually(() => first.output().includes('attempt.lost'));
  const last = await stage.api.publish(`${stage.receiver.url}/last`);
  await stage.api.untilState(last, 'DELIVERED');
  expect((await stage.api.states(messageId)).at(-1)).toBe('DELIVERED');
  expect(await stage.api.read('/v2/dlq')).toMatchObject({ messages: [] });
  expect(stage.receiver.at('/failure')).toEqual([]);
  await Promise.all([first.end('SIGKILL'), second.end('SIGKILL')]);
}, 60_000);

test('the API killed right after its response: delivered', async () => {
  const messageId = await stage.api.publish(`${stage.receiver.url}/api`);
  await stage.api.end('SIGKILL');
  const dispatcher = await startDispatcher();
  await eventually(() => ids('/api').includes(messageId));
  await dispatcher.end('SIGKILL');
});

test('Redis killed right after the response and started again: delivered, and publishing goes on', async () => {
  const messageId = await stage.api.publish(`${stage.receiver.url}/redis`);
  await stage.redis.kill();
  await stage.redis.start();
  const dispatcher = await startDispatcher();
  await eventually(() => ids('/redis').includes(messageId));

  await stage.redis.kill();
  await stage.redis.start();
  const later = await eventually(() => stage.api.publish(`${stage.receiver.url}/later`));
  await eventually(() => ids('/later').includes(later));
  await dispatcher.end('SIGKILL');
});

test('SIGTERM with 50 deliveries in flight: none lost, none delivered twice', async () => {
  stage.receiver.reply('/term', { status: 200, afterMs: 1000 });
  const first = await startDispatcher();
  const published = await publishMany('/term', 50);
  await eventually(() => stage.receiver.at('/term').length === 50);
  expect(await first.end('SIGTERM')).toBe(0);

  const second = await startDispatcher();
  const last = await stage.api.publish(`${stage.receiver.url}/last`);
  await eventually(() => ids('/last').includes(last));
  for (const messageId of published) expect((await stage.api.states(messageId)).at(-1)).toBe('DELIVERED');
  expect(ids('/term').sort()).toEqual([...published].sort());
  await second.end('SIGKILL');
});

test('SIGTERM when the grace time is too short: the rest is handed back and no retry is used', async () => {
  stage.receiver.reply('/short', () => undefined, 200);
  const first = await startDispatcher({ SHUTDOWN_GRACE_SECONDS: '0.5' });
  const messageId = await stage.api.publish(`${stage.receiver.url}/short`, { headers: { 'Upstash-Retries': '0' } });
  await stage.receiver.first('/short');
  expect(await first.end('SIGTERM')).toBe(0);
  const second = await startDispatcher();
  await eventually(() => stage.receiver.at('/short').length === 2);
  expect(ids('/short')).toEqual([messageId, messageId]);
  await second.end('SIGKILL');
});

describe.each([
  ['away', () => stage.redis.kill(), () => stage.redis.start()],
  ['frozen', async () => stage.redis.freeze(), async () => stage.redis.thaw()],
])('SIGTERM while Redis is %s', (_name, fail, mend) => {
  const graceSeconds = 1;
  const moreMs = 15_000;

  test('a dispatcher with deliveries in flight ends within its grace, and they are made again', async () => {
    stage.receiver.reply(
      '/in-flight',
      () => undefined,
      () => undefined,
      200,
    );
    const dispatcher = await startDispatcher({ SHUTDOWN_GRACE_SECONDS: String(graceSeconds) });
    const published = await publishMany('/in-flight', 2);
    await eventually(() => stage.receiver.at('/in-flight').length === 2);
    await fail();
    const startedAt = Date.now();
    await dispatcher.end('SIGTERM');
    expect(Date.now() - startedAt).toBeLessThan(graceSeconds * 1000 + moreMs);
    await mend();
    const next = await startDispatcher();
    await eventually(() => stage.receiver.at('/in-flight').length === 4);
    expect(new Set(ids('/in-flight').slice(2))).toEqual(new Set(published));
    await next.end('SIGKILL');
  }, 60_000);

  test('an API ends within its grace', async () => {
    const other = await startApi(stage.redis.url, { SHUTDOWN_GRACE_SECONDS: String(graceSeconds) });
    await fail();
    const startedAt = Date.now();
    expect(await other.end('SIGTERM')).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(graceSeconds * 1000 + moreMs);
    await mend();
  }, 60_000);
});

/** Commands have a second; the rest is for a busy machine. */
const promptMs = 10_000;

test.each([
  ['stopped', () => stage.redis.kill(), () => stage.redis.start()],
  ['frozen', async () => stage.redis.freeze(), async () => stage.redis.thaw()],
])('Redis %s: publish answers 503 promptly, and works again soon', async (_name, fail, mend) => {
  await stage.api.publish(`${stage.receiver.url}/before`);
  await fail();
  const startedAt = Date.now();
  const response = await stage.api.call(`/v2/publish/${stage.receiver.url}/away`, { method: 'POST' });
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ error: expect.any(String) as string });
  // A request that waited for its Redis would wait for all of that.
  expect(Date.now() - startedAt).toBeLessThan(promptMs);
  expect((await stage.api.call('/ready')).status).toBe(503);
  await mend();
  await eventually(() => stage.api.publish(`${stage.receiver.url}/after`));
});

test('Redis frozen: who comes while others wait for it waits no longer than they do', async () => {
  stage.redis.freeze();
  const publishTimed = async () => {
    const startedAt = Date.now();
    const { status } = await stage.api.call(`/v2/publish/${stage.receiver.url}/away`, { method: 'POST' });
    return { status, tookMs: Date.now() - startedAt };
  };
  const answers: ReturnType<typeof publishTimed>[] = [];
  for (const endsAt = Date.now() + 3000; Date.now() < endsAt;) {
    answers.push(publishTimed());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const all = await Promise.all(answers);
  stage.redis.thaw();
  expect(all.every(({ status }) => status === 503)).toBe(true);
  expect(Math.max(...all.map(({ tookMs }) => tookMs))).toBeLessThan(2500);
});

test('a full Redis: publish answers 503', async () => {
  await stage.redis.client.config('SET', 'maxmemory', '1');
  const response = await stage.api.call(`/v2/publish/${stage.receiver.url}/full`, { method: 'POST', body: 'x' });
  expect(response.status).toBe(503);
  await stage.redis.client.config('SET', 'maxmemory', '0');
  await eventually(() => stage.api.publish(`${stage.receiver.url}/full`, { body: 'x' }));
});

test('a delayed message and a planned retry survive a restart of every process', async () => {
  stage.receiver.reply('/again', 500, 200);
  const first = await startDispatcher();
  const again = await stage.api.publish(`${stage.receiver.url}/again`, { headers: { 'Upstash-Retry-Delay': '1500' } });
  await stage.api.publish(`${stage.receiver.url}/delayed`, { headers: { 'Upstash-Delay': '2s' } });
  await eventually(async () => (await stage.api.states(again)).includes('RETRY'));
  await Promise.all([first.end('SIGKILL'), stage.api.end('SIGKILL')]);
  await stage.redis.kill();
  await stage.redis.start();
  const second = await startDispatcher();
  // The kill may have come between the log entry and the end of the message: then the message is taken back first.
  await eventually(() => stage.receiver.at('/again').length >= 2 && stage.receiver.at('/delayed').length >= 1);
  await second.end('SIGKILL');
}, 45_000);

test('a message whose body is not there ends in the dead letter queue, and its log says why', async () => {
  const messageId = await stage.api.publish(`${stage.receiver.url}/bodiless`, {
    headers: { 'Upstash-Delay': '1s' },
    body: 'x'.repeat(30_000),
  });
  const keys = await stage.redis.client.keys(`*:body:${messageId}`);
  expect(await stage.redis.client.del(keys)).toBe(1);
  const dispatcher = await startDispatcher();
  try {
    await eventually(async () => (await stage.api.states(messageId)).at(-1) === 'FAILED');
  } finally {
    await dispatcher.end('SIGKILL');
  }
  const { events } = await stage.api.read<{ events: object[] }>(`/v2/events?messageId=${messageId}`);
  expect(events[0]).toMatchObject({ error: expect.stringContaining('the body is not there') as string });
  const messages = await stage.api.deadLetters();
  expect(messages).toMatchObject([{ messageId, responseStatus: 0 }]);
  expect(stage.receiver.at('/bodiless')).toEqual([]);
});
