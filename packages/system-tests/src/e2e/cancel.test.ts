import type { ServerResponse } from 'node:http';
import { eventually } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf } = system;
afterEach(async () => {
  await cancel('/v2/messages');
});

const later = { 'Upstash-Delay': '1h' };
const cancel = async (path: string, body?: object) => {
  const response = await system.api.call(path, { method: 'DELETE', ...(body ? { body: JSON.stringify(body) } : {}) });
  return { status: response.status, ...((await response.json()) as { cancelled?: number; error?: string }) };
};
const publish = (path: string, headers: Record<string, string> = {}, body = '') =>
  system.api.publish(urlOf(path), { headers: { ...later, ...headers }, body });
/** Answers a path when it is told to. */
function hold(path: string): (status: number) => void {
  let held: ServerResponse | undefined;
  system.receiver.reply(path, (response) => (held = response));
  return (status) => held?.writeHead(status).end();
}
const exists = async (id: string) => (await system.api.call(`/v2/messages/${id}`)).status === 200;

test('a waiting message is gone at once, never delivered, and its log says so', async () => {
  const id = await system.api.publish(urlOf('/waiting'), {
    headers: { 'Upstash-Delay': '2s' },
    body: 'x'.repeat(50_000),
  });
  expect(await cancel(`/v2/messages/${id}`)).toEqual({ status: 200, cancelled: 1 });
  expect(await exists(id)).toBe(false);
  expect(await system.api.states(id)).toEqual(['CREATED', 'CANCEL_REQUESTED', 'CANCELED']);
  expect((await cancel(`/v2/messages/${id}`)).status).toBe(404);
  // A message that is due later has arrived: the canceled one would have come before.
  await system.api.publish(urlOf('/after'), { headers: { 'Upstash-Delay': '2s' } });
  await system.receiver.first('/after');
  expect(system.receiver.at('/waiting')).toEqual([]);
});

test.each(['msg_unknown', 'msg_00000000000000000000000000', '%20'])('the unknown id %s answers 404', async (id) => {
  expect((await cancel(`/v2/messages/${id}`)).status).toBe(404);
});

test('a message that has ended answers 404', async () => {
  const id = await system.api.publish(urlOf('/ended'));
  await system.api.untilState(id, 'DELIVERED');
  expect((await cancel(`/v2/messages/${id}`)).status).toBe(404);
});

test('ids by query and by body; what was canceled before does not count again', async () => {
  const [a, b, c] = (await Promise.all(['/a', '/b', '/c'].map((path) => publish(path)))) as [string, string, string];
  expect(await cancel(`/v2/messages?messageIds=${a}&messageIds=${b}`)).toMatchObject({ cancelled: 2 });
  expect(await cancel(`/v2/messages?messageIds=${a},${b}`)).toMatchObject({ cancelled: 0 });
  expect(await cancel('/v2/messages', { messageIds: [a, c, 'msg_x'] })).toMatchObject({ cancelled: 1 });
  expect(await exists(c)).toBe(false);
});

test('no ids never mean all', async () => {
  const id = await publish('/kept');
  expect(await cancel('/v2/messages', { messageIds: [] })).toMatchObject({ status: 200, cancelled: 0 });
  expect((await cancel('/v2/messages?messageIds=')).status).toBe(400);
  expect((await cancel('/v2/messages?label=')).status).toBe(400);
  expect(await exists(id)).toBe(true);
});

test('without anything all are canceled, with a count so many', async () => {
  await Promise.all(Array.from({ length: 7 }, () => publish('/all')));
  expect(await cancel('/v2/messages?count=1')).toMatchObject({ cancelled: 1 });
  expect(await cancel('/v2/messages')).toMatchObject({ cancelled: 6 });
  expect(await cancel('/v2/messages')).toMatchObject({ cancelled: 0 });
});

describe('filters', () => {
  let ids: Record<string, string>;
  let between: number;
  beforeEach(async () => {
    const host = 'http://x.example:81';
    const group = { endpoints: [{ url: urlOf('/member') }] };
    await system.api.request('POST', '/v2/topics/cancel-group/endpoints', { body: group });
    const first = await publish('/one', { 'Upstash-Label': 'red, green' });
    const firstAt = Date.now();
    await eventually(() => Date.now() > firstAt);
    between = Date.now();
    const reply = await system.api.call('/v2/publish/cancel-group', { method: 'POST', headers: later });
    const [member] = (await reply.json()) as { messageId: string }[];
    ids = {
      one: first,
      two: await publish('/two', { 'Upstash-Label': 'blue' }),
      flow: await publish('/flow', { 'Upstash-Flow-Control-Key': 'k', 'Upstash-Flow-Control-Value': 'rate=1' }),
      host: await system.api.publish(`${host}/webhook?a=1,2`, { headers: later }),
      member: member?.messageId ?? '',
    };
  });

  test.each<[string, string[]]>([
    ['label=green', ['one']],
    ['label=red&label=blue', ['one', 'two']],
    ['label=red,blue', ['one', 'two']],
    ['label=red&label=nothing', ['one']],
    ['label=red&path=/two', []],
    ['flowControlKey=k', ['flow']],
    ['url=http%3A%2F%2Fx.example%3A81%2Fwebhook%3Fa%3D1%2C2', ['host']],
    ['host=X.example', ['host']],
    ['host=x.example:81', ['host']],
    ['path=%2Fwebhook', ['host']],
    ['path=/webhook,/two', ['host', 'two']],
    ['topicName=cancel-group', ['member']],
    ['queueName=q', []],
    ['scheduleId=s', []],
    ['callerIp=10.9.9.9', []],
    ['callerIP=127.0.0.1&label=blue', ['two']],
    ['upstash-retries=1&label=blue', ['two']],
  ])('%s', async (query, expected) => {
    expect(await cancel(`/v2/messages?${query}`)).toMatchObject({ cancelled: expected.length });
    for (const [name, id] of Object.entries(ids))
      expect([name, await exists(id)]).toEqual([name, !expected.includes(name)]);
  });

  test('dates', async () => {
    expect(await cancel(`/v2/messages?toDate=${between - 1}`)).toMatchObject({ cancelled: 1 });
    expect(await exists(ids['one'] ?? '')).toBe(false);
    expect(await cancel('/v2/messages', { fromDate: between, url: urlOf('/two') })).toMatchObject({ cancelled: 1 });
    expect(await cancel('/v2/messages', { topicName: 'cancel-group', callerIP: '127.0.0.1' })).toMatchObject({
      cancelled: 1,
    });
  });

  test('explicit ids win over filters', async () => {
    expect(await cancel(`/v2/messages?messageIds=${ids['two'] ?? ''}&label=green`)).toMatchObject({ cancelled: 1 });
    expect(await exists(ids['one'] ?? '')).toBe(true);
  });
});

test.each(['labeel=x', 'count=0', 'count=x', 'fromDate=yesterday', 'cursor=x'])(
  '%s is refused by name',
  async (query) => {
    const id = await publish('/refused');
    const { status, error } = await cancel(`/v2/messages?${query}`);
    expect(status).toBe(400);
    expect(error).toContain(query.split('=')[0]);
    expect(await exists(id)).toBe(true);
  },
);

test('an attempt in flight goes on: a success is delivered', async () => {
  const answer = hold('/slow-ok');
  const id = await system.api.publish(urlOf('/slow-ok'), { body: 'x'.repeat(30_000) });
  await system.receiver.first('/slow-ok');
  expect(await cancel(`/v2/messages/${id}`)).toEqual({ status: 200, cancelled: 1 });
  expect((await cancel(`/v2/messages?messageIds=${id}`)).cancelled).toBe(0);
  answer(200);
  await system.api.untilState(id, 'DELIVERED');
  expect(await system.api.states(id)).toEqual(['CREATED', 'ACTIVE', 'CANCEL_REQUESTED', 'DELIVERED']);
});

test('an attempt in flight goes on: a failure is the last, without dead letter and failure callback', async () => {
  const answer = hold('/slow-bad');
  const id = await system.api.publish(urlOf('/slow-bad'), {
    headers: {
      'Upstash-Retry-Delay': '1',
      'Upstash-Failure-Callback': urlOf('/fail/canceled'),
      'Upstash-Callback': urlOf('/cb'),
    },
    body: 'x'.repeat(30_000),
  });
  await system.receiver.first('/slow-bad');
  await cancel(`/v2/messages/${id}`);
  answer(500);
  await system.api.untilState(id, 'CANCELED');
  expect(await system.api.states(id)).toEqual(['CREATED', 'ACTIVE', 'CANCEL_REQUESTED', 'ERROR', 'CANCELED']);
  await system.receiver.first('/cb');
  const messages = await system.api.deadLetters();
  expect(messages.map(({ messageId }) => messageId)).not.toContain(id);
  expect(system.receiver.at('/fail/canceled')).toEqual([]);
  expect(system.receiver.at('/slow-bad')).toHaveLength(1);
});

test('a message that waits for its retry is canceled at once', async () => {
  system.receiver.reply('/retrying', 500);
  const id = await system.api.publish(urlOf('/retrying'), { headers: { 'Upstash-Retry-Delay': '3600000' } });
  await system.api.untilState(id, 'RETRY');
  expect(await cancel(`/v2/messages/${id}`)).toMatchObject({ cancelled: 1 });
  const states = ['CREATED', 'ACTIVE', 'ERROR', 'RETRY', 'CANCEL_REQUESTED', 'CANCELED'];
  expect(await system.api.states(id)).toEqual(states);
});
