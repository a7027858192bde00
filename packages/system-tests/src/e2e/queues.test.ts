import type { ServerResponse } from 'node:http';
import { eventually, startDispatcher } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem({ api: { MAX_QUEUES: '16' }, dispatcher: { STALLED_AFTER_SECONDS: '3' } });
const { urlOf } = system;

const enqueue = (queue: string, path: string, headers: Record<string, string> = {}) =>
  system.api.enqueue(queue, urlOf(path), { headers });
const get = (queue: string) => system.api.read(`/v2/queues/${queue}`);
const paths = (begin: string) =>
  system.receiver.requests.filter(({ path }) => path.startsWith(begin)).map(({ path }) => path);
const numbered = (begin: string, count: number) => Array.from({ length: count }, (_, n) => `${begin}${n}`);

test('a queue is created, changed, paused, listed and removed', async () => {
  expect((await system.api.request('POST', '/v2/queues', { body: { queueName: 'own', parallelism: 2 } })).status).toBe(
    200,
  );
  expect(await get('own')).toEqual({
    name: 'own',
    createdAt: expect.any(Number) as number,
    updatedAt: expect.any(Number) as number,
    parallelism: 2,
    paused: false,
    lag: 0,
  });
  await system.api.request('POST', '/v2/queues', { body: { queueName: 'own', paused: true } });
  expect(await get('own')).toMatchObject({ parallelism: 2, paused: true });
  await system.api.request('POST', '/v2/queues/own/resume');
  expect((await system.api.request('POST', '/v2/queues/own/resume')).status).toBe(200);
  expect(await get('own')).toMatchObject({ paused: false });
  const queues = await system.api.read<{ name: string }[]>('/v2/queues/');
  expect(queues.map(({ name }) => name)).toContain('own');
  expect((await system.api.request('DELETE', '/v2/queues/own')).status).toBe(200);
  expect((await system.api.request('DELETE', '/v2/queues/own')).status).toBe(200);
  expect((await system.api.request('GET', '/v2/queues/own')).status).toBe(404);
  expect((await system.api.request('POST', '/v2/queues/own/pause')).status).toBe(404);
});

test.each<[string, string, object | undefined, number]>([
  ['GET', '/v2/queues/a%20b', undefined, 400],
  ['GET', '/v2/queues/a%2Fb', undefined, 400],
  ['POST', '/v2/queues', { queueName: 'a b' }, 400],
  ['POST', '/v2/queues', { queueName: 'p', parallelism: 0 }, 400],
  ['POST', '/v2/queues', { queueName: 'p', parallelism: 1.5 }, 400],
  ['POST', '/v2/queues', { parallelism: 1 }, 400],
  ['POST', '/v2/queues', { queueName: 'p', parallelism: 101 }, 412],
])('%s %s %j answers %d', async (method, path, body, status) => {
  const reply = await system.api.request(method, path, { body });
  expect(reply.status).toBe(status);
  expect(reply.body['error']).toMatch(/name|queueName|parallelism/);
});

test('the first message creates its queue, and none changes it', async () => {
  const id = await enqueue('auto', '/auto', { 'Upstash-Delay': '1h' });
  expect(await get('auto')).toMatchObject({ parallelism: 1 });
  expect(await system.api.read(`/v2/messages/${id}`)).toMatchObject({ queueName: 'auto' });
  await system.api.request('POST', '/v2/queues', { body: { queueName: 'auto', parallelism: 3 } });
  await enqueue('auto', '/auto');
  expect(await get('auto')).toMatchObject({ parallelism: 3 });
  await system.api.request('DELETE', '/v2/messages');
});

test('messages arrive one at a time and in order, through retries and waits', async () => {
  const order = numbered('/order/', 12);
  for (const [n, path] of order.entries()) {
    system.receiver.reply(path, ...(n % 3 === 0 ? [500, { status: 200, afterMs: 30 }] : [{ status: 200, afterMs: 5 }]));
  }
  await system.api.request('POST', '/v2/queues', { body: { queueName: 'order', paused: true } });
  for (const path of order) await enqueue('order', path, { 'Upstash-Retry-Delay': '150' });
  expect(await get('order')).toMatchObject({ lag: 12 });
  await system.api.request('POST', '/v2/queues/order/resume');
  await eventually(async () => (await get('order'))['lag'] === 0);
  const expected = order.flatMap((path, n) => (n % 3 === 0 ? [path, path] : [path]));
  expect(paths('/order/')).toEqual(expected);
});

test('a batch keeps its order in a queue, and mixes queues, URLs and groups', async () => {
  await system.api.addEndpoints('q-group', urlOf('/mixed/group'));
  const items: object[] = numbered('/b/', 30).map((path) => ({ destination: urlOf(path), queue: 'batched' }));
  items.push({ destination: urlOf('/mixed/url') }, { destination: 'q-group', queue: 'other' });
  const response = await system.api.call('/v2/batch', { method: 'POST', body: JSON.stringify(items) });
  expect(response.status).toBe(200);
  await eventually(() => paths('/b/').length === 30 && paths('/mixed/').length === 2);
  expect(paths('/b/')).toEqual(numbered('/b/', 30));
});

test('the next message waits for the callbacks of the one before', async () => {
  system.receiver.reply('/cb/done', 500, { status: 200, afterMs: 200 });
  const headers = { 'Upstash-Callback': urlOf('/cb/done'), 'Upstash-Callback-Retry-Delay': '200' };
  await enqueue('callbacks', '/cb/first', headers);
  await enqueue('callbacks', '/cb/second');
  await eventually(() => paths('/cb/').includes('/cb/second'));
  expect(paths('/cb/')).toEqual(['/cb/first', '/cb/done', '/cb/done', '/cb/second']);
  await eventually(async () => (await get('callbacks'))['lag'] === 0);
});

test('a message that finally fails makes way', async () => {
  system.receiver.reply('/fail/first', 500);
  await enqueue('fail', '/fail/first', { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '100' });
  await enqueue('fail', '/fail/second');
  await eventually(() => paths('/fail/').length === 3);
  expect(paths('/fail/')).toEqual(['/fail/first', '/fail/first', '/fail/second']);
});

test('with a parallelism of 3 at most three are in progress, and they start in order', async () => {
  await system.api.request('POST', '/v2/queues', { body: { queueName: 'three', parallelism: 3 } });
  let running = 0;
  let most = 0;
  const order = numbered('/three/', 15);
  for (const path of order) {
    system.receiver.reply(path, (response) => {
      most = Math.max(most, ++running);
      setTimeout(() => {
        running--;
        response.end();
      }, 60);
    });
  }
  await Promise.all([enqueue('three', order[0] ?? '')]);
  for (const path of order.slice(1)) await enqueue('three', path);
  await eventually(() => paths('/three/').length === 15);
  expect(most).toBe(3);
  const starts = paths('/three/').map((path) => order.indexOf(path));
  for (const [position, n] of starts.entries()) expect(Math.abs(position - n)).toBeLessThan(3);
});

test('a pause starts nothing and accepts everything; a resume goes on with the oldest at once', async () => {
  await system.api.request('POST', '/v2/queues', { body: { queueName: 'paused', paused: true } });
  const order = numbered('/paused/', 5);
  for (const path of order) await enqueue('paused', path);
  await system.api.publish(urlOf('/not-paused'));
  await eventually(() => paths('/not-paused').length === 1);
  expect(paths('/paused/')).toEqual([]);
  expect(await get('paused')).toMatchObject({ lag: 5, paused: true });
  await system.api.request('POST', '/v2/queues/paused/resume');
  await eventually(() => paths('/paused/').length === 5);
  expect(paths('/paused/')).toEqual(order);
});

test('a greater parallelism starts more at once', async () => {
  const order = numbered('/grow/', 4);
  const held: ServerResponse[] = [];
  for (const path of order) system.receiver.reply(path, (response) => void held.push(response));
  for (const path of order) await enqueue('grow', path);
  await eventually(() => paths('/grow/').length === 1);
  await system.api.request('POST', '/v2/queues', { body: { queueName: 'grow', parallelism: 4 } });
  // None has been answered.
  await eventually(() => held.length === 4);
  for (const response of held) response.end();
});

test('a canceled message makes way, waiting or in front', async () => {
  await system.api.request('POST', '/v2/queues', { body: { queueName: 'cancel', paused: true } });
  const ids: string[] = [];
  for (const path of numbered('/canceled/', 3)) ids.push(await enqueue('cancel', path));
  expect((await system.api.request('DELETE', `/v2/messages?messageIds=${ids[0] ?? ''}`)).body).toEqual({
    cancelled: 1,
  });
  expect((await system.api.request('DELETE', '/v2/messages?queueName=cancel&count=1')).body).toEqual({ cancelled: 1 });
  expect(await get('cancel')).toMatchObject({ lag: 1 });
  await system.api.request('POST', '/v2/queues/cancel/resume');
  await eventually(() => paths('/canceled/').length === 1);
  await eventually(async () => (await get('cancel'))['lag'] === 0);
});

test('removing a queue cancels its messages', async () => {
  await system.api.request('POST', '/v2/queues', { body: { queueName: 'removed', paused: true } });
  const ids = [
    await enqueue('removed', '/removed'),
    await enqueue('removed', '/removed'),
    await enqueue('removed', '/removed', { 'Upstash-Delay': '1h' }),
  ];
  expect(await get('removed')).toMatchObject({ lag: 3 });
  await system.api.request('DELETE', '/v2/queues/removed');
  for (const id of ids) {
    expect((await system.api.request('GET', `/v2/messages/${id}`)).status).toBe(404);
    expect((await system.api.states(id)).at(-1)).toBe('CANCELED');
  }
});

test('a message that is delayed joins its queue when it is due; duplicates take no place', async () => {
  const headers = { 'Upstash-Delay': '0.5s' };
  await enqueue('delayed', '/delayed/late', headers);
  await enqueue('delayed', '/delayed/now', { 'Upstash-Deduplication-Id': 'q' });
  await enqueue('delayed', '/delayed/now', { 'Upstash-Deduplication-Id': 'q' });
  await eventually(() => paths('/delayed/').length === 2);
  expect(paths('/delayed/')).toEqual(['/delayed/now', '/delayed/late']);
  await eventually(async () => (await get('delayed'))['lag'] === 0);
});

test.each<[string, (queue: string, order: readonly string[]) => Promise<unknown>]>([
  [
    'one after the other',
    async (queue, order) => {
      for (const path of order) await enqueue(queue, path, { 'Upstash-Delay': '1s' });
    },
  ],
  [
    'for one instant',
    async (queue, order) => {
      const notBefore = String(Math.ceil(Date.now() / 1000) + 1);
      for (const path of order) await enqueue(queue, path, { 'Upstash-Not-Before': notBefore });
    },
  ],
  [
    'in a batch',
    (queue, order) =>
      system.api.request('POST', '/v2/batch', {
        body: order.map((path) => ({
          destination: urlOf(path),
          queue,
          headers: { 'Upstash-Delay': '1s' },
        })),
      }),
  ],
])('messages that were delayed %s start in the order in which they were accepted', async (name, accept) => {
  const queue = `due-${name.replaceAll(' ', '-')}`;
  const order = numbered(`/${queue}/`, 12);
  await accept(queue, order);
  await eventually(() => paths(`/${queue}/`).length === order.length);
  expect(paths(`/${queue}/`)).toEqual(order);
});

test('a resume starts as many as there are slots, in their order', async () => {
  const body = { queueName: 'slots', parallelism: 8, paused: true };
  await system.api.request('POST', '/v2/queues', { body });
  const order = numbered('/slots/', 8);
  for (const path of order) await enqueue('slots', path);
  await system.api.request('POST', '/v2/queues/slots/resume');
  await eventually(() => paths('/slots/').length === order.length);
  expect(paths('/slots/')).toEqual(order);
});

test('publish with Upstash-Queue-Name enqueues', async () => {
  const id = await system.api.publish(urlOf('/by-header'), {
    headers: { 'Upstash-Queue-Name': 'order', 'Upstash-Delay': '1h' },
  });
  expect(await system.api.read(`/v2/messages/${id}`)).toMatchObject({ queueName: 'order' });
});

test('a dispatcher that is killed with the front message in flight breaks no order', async () => {
  const order = numbered('/killed/', 5);
  system.receiver.reply('/killed/0', { status: 200, afterMs: 60_000 }, 200);
  for (const path of order) await enqueue('order', path);
  await eventually(() => paths('/killed/').length === 1);
  await system.dispatcher.end('SIGKILL');
  const next = await startDispatcher(system.redis.url, { STALLED_AFTER_SECONDS: '3' });
  await eventually(() => paths('/killed/').length === 6);
  expect(paths('/killed/')).toEqual(['/killed/0', ...order]);
  await next.end('SIGKILL');
});

test('beyond the limit a queue is refused, but those that exist can be changed', async () => {
  let status = 200;
  for (let n = 0; status === 200; n++)
    ({ status } = await system.api.request('POST', '/v2/queues', { body: { queueName: `many-${n}` } }));
  expect(status).toBe(412);
  expect(
    (await system.api.request('POST', '/v2/queues', { body: { queueName: 'order', parallelism: 2 } })).status,
  ).toBe(200);
  await expect(enqueue('one-more', '/x')).rejects.toThrow(/at most 16 queues/);
});
