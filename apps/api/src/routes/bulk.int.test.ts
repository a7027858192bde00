import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectForRequests, createBroker, restoreMessage, type BrokerParts } from '@posthorn/broker/parts';
import { readEnvironment, type Log, type ProcessMetrics } from '@posthorn/process';
import type { Message } from '@posthorn/shared';
import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import { Registry } from 'prom-client';
import { createApp } from '../app.ts';
import { createServer } from '../server.ts';
import { table } from '../config.ts';

let redis: TestRedis;
let broker: BrokerParts;
let server: Server;
beforeAll(async () => {
  redis = await startRedis({ durability: 'everysec' });
  const connection = connectForRequests(redis.url);
  await eventually(() => connection.status === 'ready');
  const ignore = () => undefined;
  const log = { isLevelEnabled: () => false, info: ignore, warn: ignore, error: ignore } as unknown as Log;
  broker = createBroker({
    redis: connection,
    log,
    shards: 3,
    graceMs: 60_000,
    logRetentionMs: 60_000,
    maxLogLines: 0,
    dlqRetentionMs: 60_000,
    destinations: { allowPrivate: true, allow: [], deny: [] },
    queues: { maxQueues: 10, maxParallelism: 10 },
    urlGroups: { maxGroups: 10, maxEndpoints: 10 },
    maxHeldFlowControlKeys: 10,
    runs: { maxRuns: 100, maxSteps: 100, maxLogBytes: 1e8, lazyBytes: 3e6, retentionMs: 60_000 },
    publish: {
      defaultRetries: 3,
      maxRetries: 20,
      maxDelayMs: 1e10,
      defaultTimeoutMs: 1e6,
      maxTimeoutMs: 1e6,
      maxLabels: 20,
      deduplicationWindowMs: 600_000,
    },
  });
  const config = readEnvironment(table, { REDIS_URL: redis.url, QSTASH_TOKEN: 'token', BURST_RATE_LIMIT: '0' });
  const metrics = { registry: new Registry() } as ProcessMetrics;
  const findTrouble = async () => undefined;
  const app = createApp({
    broker,
    config,
    log,
    findTrouble,
    metrics,
    durability: () => 'everysec',
    redisState: () => ({
      answers: true,
      memoryUsedBytes: 0,
      memoryMaxBytes: 0,
      clockOffsetMs: 0,
      durability: 'everysec',
    }),
    sessions: broker.createSessions([{ token: 'token', scope: 'write' }]),
    cookieName: 'posthorn_test',
    version: '0',
    stopping: new AbortController().signal,
  });
  ({ server } = createServer(app));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await broker.close();
  await redis.stop();
});

async function call(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
    method,
    headers: { Authorization: 'Bearer token', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  return { status: response.status, body: (text ? JSON.parse(text) : {}) as Record<string, unknown> };
}

const message = (fields: Partial<Message> = {}): Message => ({
  url: 'https://a.example/',
  method: 'POST',
  header: {},
  body: { kind: 'empty' },
  createdAt: Date.now(),
  notBefore: Date.now() + 3_600_000,
  maxRetries: 0,
  timeoutMs: 1000,
  callerIp: '::1',
  ...fields,
});
async function bury(fields: Partial<Message> = {}): Promise<string> {
  const at = broker.shards.newId(Date.now());
  const response = { status: 500, header: {}, body: Buffer.alloc(0), isCut: false };
  return broker.dlq.bury({ ...at, message: message(fields), retried: 0 }, { error: 'no', response });
}
async function publish(): Promise<string> {
  const { id, shard } = broker.shards.newId(Date.now());
  await broker.shards.at(shard).add([{ id, message: message() }]);
  return id;
}
const countPending = async () => (await broker.backlogs.readAll()).delayed;
const listIds = async (query = '') =>
  ((await call('GET', `/v2/dlq${query}`)).body['messages'] as { dlqId: string }[]).map(({ dlqId }) => dlqId);

/** Bodies that are empty or have unknown fields only. */
const strange = [
  '[]',
  '["a"]',
  'null',
  'true',
  '1',
  '"all"',
  'dlqIds=a',
  '{"dlqIds":',
  '{"ids":["a"]}',
  '{"dlqids":["a"]}',
  '{"dlqIds":""}',
  '{"dlqIds":[1]}',
  '{"dlqIds":[""]}',
  '{"dlqIds":[null]}',
  '{"dlqIds":null}',
  '{"dlqIds":{"0":"a"}}',
  '{"messageIds":""}',
  '{"messageIds":[""]}',
  '{"messageIds":null}',
  '{"count":0}',
  '{"label":""}',
  '{"label":[]}{}',
  '{"everything":true}',
];
/** Bodies that name nothing: fields that a program left undefined are not in JSON. */
const empty = ['{}', ' { } ', '{"order":"latestFirst"}', '{"trimBody":"0"}'];
/** What a retry does not take either: it knows nothing but ids in a body. */
const strangeForRetries = ['{}', '{"dlqIds":[]}', '{"label":"a"}', '{"count":1}', '{"dlqIds":["a"],"label":"b"}'];

describe('a bulk call with a body that it does not understand is a 400, and does nothing', () => {
  beforeAll(async () => {
    await redis.client.flushall();
    for (let n = 0; n < 3; n++) {
      await bury();
      await publish();
    }
  });

  test.each([
    ...[...strange, ...empty].map((body) => ['DELETE', '/v2/messages', body] as const),
    ...[...strange, ...empty].map((body) => ['DELETE', '/v2/dlq', body] as const),
    ...[...strange, ...strangeForRetries].map((body) => ['POST', '/v2/dlq/retry', body] as const),
    ...[...strange, ...strangeForRetries].map((body) => ['POST', '/v2/dlq/retry?count=2', body] as const),
  ])('%s %s %s', async (method, path, body) => {
    for (const type of ['application/json', 'text/plain']) {
      const reply = await call(method, path, body, { 'Content-Type': type });
      expect(reply).toEqual({ status: 400, body: { error: expect.any(String) as string } });
    }
    expect(await listIds()).toHaveLength(3);
    expect(await countPending()).toBe(3);
  });
});

describe('the dead letter queue', () => {
  beforeEach(() => redis.client.flushall());

  test.each([
    ['in the body', (ids: string[]) => call('POST', '/v2/dlq/retry', JSON.stringify({ dlqIds: ids }))],
    ['in the query', (ids: string[]) => call('POST', `/v2/dlq/retry?dlqIds=${ids.join('&dlqIds=')}`)],
    [
      'in the body, beside a filter that means more',
      (ids: string[]) => call('POST', '/v2/dlq/retry?label=a', JSON.stringify({ dlqIds: ids })),
    ],
  ])('a retry of ids %s retries those alone', async (_, retry) => {
    const [first, second, third] = [await bury(), await bury(), await bury()];
    const { status, body } = await retry([first, third]);
    expect(status).toBe(201);
    expect(body['responses']).toHaveLength(2);
    expect(body).not.toHaveProperty('cursor');
    expect(await listIds()).toEqual([second]);
  });

  test('the id of a dead letter may stand alone in a body', async () => {
    const [first, second, third] = [await bury(), await bury(), await bury()];
    const retried = await call('POST', '/v2/dlq/retry', JSON.stringify({ dlqIds: first }));
    expect([retried.status, retried.body['responses']]).toEqual([201, [expect.anything()]]);
    expect((await call('DELETE', '/v2/dlq', JSON.stringify({ dlqIds: second }))).body).toEqual({ deleted: 1 });
    expect(await listIds()).toEqual([third]);
  });

  test('no ids are not all', async () => {
    await bury();
    expect((await call('DELETE', '/v2/dlq', '{"dlqIds":[]}')).body).toEqual({ deleted: 0 });
    expect((await call('DELETE', '/v2/messages', '{"messageIds":[]}')).body).toEqual({ cancelled: 0 });
    expect((await call('DELETE', '/v2/dlq?source=workflow')).body).toEqual({ deleted: 0 });
    expect(await listIds()).toHaveLength(1);
  });

  test('an empty body is none: the oldest entries are meant', async () => {
    await bury();
    expect((await call('POST', '/v2/dlq/retry', '')).body['responses']).toHaveLength(1);
    await bury();
    expect((await call('DELETE', '/v2/dlq', '')).body).toEqual({ deleted: 1 });
  });

  test('an empty object beside a query leaves it to the query', async () => {
    const [one, other] = [await bury({ labels: ['a'] }), await bury({ labels: ['b'] })];
    expect((await call('POST', '/v2/dlq/retry?label=a', '{}')).body['responses']).toHaveLength(1);
    expect((await call('POST', `/v2/dlq/retry?dlqIds=${one}`, '{}')).status).toBe(404);
    expect(await listIds()).toEqual([other]);
  });

  test('a delete by an empty object beside a query, and by a count alone', async () => {
    const [, other] = [await bury({ labels: ['a'] }), await bury({ labels: ['b'] })];
    await publish();
    await publish();
    expect((await call('DELETE', '/v2/dlq?label=a', '{}')).body).toEqual({ deleted: 1 });
    expect(await listIds()).toEqual([other]);
    expect((await call('DELETE', '/v2/dlq', '{"count":1}')).body).toEqual({ deleted: 1 });
    expect((await call('DELETE', '/v2/messages?label=a', '{}')).body).toEqual({ cancelled: 0 });
    expect((await call('DELETE', '/v2/messages', '{"count":1}')).body).toEqual({ cancelled: 1 });
    expect((await call('DELETE', '/v2/messages?count=5', '{}')).body).toEqual({ cancelled: 1 });
    await publish();
    expect((await call('DELETE', '/v2/messages', '')).body).toEqual({ cancelled: 1 });
  });

  test('urlGroup is another name of topicName, and stands beside it', async () => {
    const [one, other] = [await bury({ topicName: 'one' }), await bury({ topicName: 'other' })];
    expect(await listIds('?topicName=one&urlGroup=one')).toEqual([one]);
    expect(await listIds('?urlGroup=other')).toEqual([other]);
    expect((await call('DELETE', '/v2/dlq?topicName=one&urlGroup=other')).status).toBe(400);
    expect((await call('DELETE', '/v2/dlq?urlGroup=')).status).toBe(400);
    expect((await call('DELETE', '/v2/dlq?urlGroup=one')).body).toEqual({ deleted: 1 });
    expect(await listIds()).toEqual([other]);
  });

  test('order turns the list around, cursors included', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await bury());
    const first = (await call('GET', '/v2/dlq?order=latestFirst&count=3')).body;
    const rest = (await call('GET', `/v2/dlq?order=latestFirst&count=3&cursor=${String(first['cursor'])}`)).body;
    const shown = [first, rest].flatMap(({ messages }) => (messages as { dlqId: string }[]).map(({ dlqId }) => dlqId));
    expect(new Set(shown)).toEqual(new Set(ids));
    const times = shown.map((id) => Number(id.split('-')[0]));
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(rest).not.toHaveProperty('cursor');
    expect((await call('GET', '/v2/dlq?order=sideways')).status).toBe(400);
  });

  test('a hundred entries with large bodies go in one call', async () => {
    const dlqIds: string[] = [];
    for (let n = 0; n < 100; n++) {
      const { id } = broker.shards.newId(Date.now());
      await broker.bodies.put(id, Buffer.alloc(300_000, 'x'), [id]);
      dlqIds.push(await bury({ body: { kind: 'stored', key: id } }));
    }
    const page = (await call('GET', '/v2/dlq')).body;
    expect(page['messages']).toHaveLength(3);
    expect((await call('DELETE', '/v2/dlq?count=100')).body).toEqual({ deleted: 100 });
    expect(await redis.client.keys('*:dlq*')).toEqual([]);
  });
});

describe('dead letters of runs', () => {
  test.each(
    (
      [
        ['POST', '/v2/workflows/dlq/resume'],
        ['POST', '/v2/workflows/dlq/restart'],
        ['DELETE', '/v2/workflows/dlq'],
      ] as const
    ).flatMap(([method, path]) => [
      [method, path, undefined] as const,
      [method, `${path}?source=workflow&trimBody=0`, undefined] as const,
      ...[...strange, '{}'].map((body) => [method, path, body] as const),
      ...strange.map((body) => [method, `${path}?count=2`, body] as const),
    ]),
  )('%s %s with the body %s does not say which, and is a 400', async (method, path, body) => {
    expect((await call(method, path, body)).status).toBe(400);
  });

  test('ids may be in a body, and no ids are none', async () => {
    expect((await call('DELETE', '/v2/workflows/dlq', '{"dlqIds":["1-0"]}')).status).toBe(404);
    expect((await call('POST', '/v2/workflows/dlq/resume', '{"dlqIds":["1-0"]}')).status).toBe(404);
    expect((await call('POST', '/v2/workflows/dlq/restart?count=2', '{"dlqIds":["1-0"]}')).status).toBe(404);
    expect((await call('DELETE', '/v2/workflows/dlq', '{"dlqIds":[]}')).body).toEqual({ deleted: 0 });
    expect((await call('DELETE', '/v2/workflows/dlq?count=2')).body).toEqual({ deleted: 0 });
    expect((await call('POST', '/v2/workflows/dlq/restart?label=a', '{}')).body).toEqual({ workflowRuns: [] });
  });

  test('a page ends after 1 MiB, or after as many bytes as are asked for', async () => {
    await redis.client.flushall();
    for (let n = 0; n < 3; n++) await call('POST', '/v2/trigger/https://a.example/workflow', 'x'.repeat(700_000));
    const response = { status: 500, header: {}, body: Buffer.from('broken') };
    for (const key of await redis.client.keys('*:deliver:msg_*')) {
      const message = restoreMessage(JSON.parse((await redis.client.hget(key, 'data')) ?? '')) as Message;
      const delivery = { id: key.replace(/.*:/, ''), message, shard: 0, retried: 0, crashes: 0 };
      await broker.workflows.settle(delivery as never, { kind: 'failed', error: 'broken', response }, 1000);
    }
    const read = async (path: string) => {
      const { messages, runs = messages, cursor } = (await call('GET', `/v2/${path}`)).body as Record<string, object[]>;
      return [path, runs?.length, cursor !== undefined];
    };
    for (const list of ['workflows/dlq', 'dlq?source=workflow']) {
      const more = `${list}${list.includes('?') ? '&' : '?'}`;
      expect(await read(list)).toEqual([list, 1, true]);
      expect(await read(`${more}maxBytes=16777216`)).toEqual([`${more}maxBytes=16777216`, 3, false]);
      expect(await read(`${more}maxBytes=1`)).toEqual([`${more}maxBytes=1`, 1, true]);
    }
    expect(await read('workflows/logs')).toEqual(['workflows/logs', 3, false]);
    expect(await read('workflows/logs?maxBytes=1')).toEqual(['workflows/logs?maxBytes=1', 1, true]);
    await redis.client.flushall();
  });

  test.each([
    ['/v2/workflows/dlq?responseStatus=abc', 'responseStatus', 'a status such as 500'],
    ['/v2/workflows/dlq?failureFunctionState=x', 'failureFunctionState', 'CALLBACK_FAIL'],
    ['/v2/workflows/dlq?failureCallbackState=CALLBACK_FAIL,x', 'failureCallbackState', 'CALLBACK_FAIL'],
    ['/v2/workflows/logs?state=RUN_FALIED', 'state', 'RUN_STARTED, RUN_SUCCESS, RUN_FAILED, RUN_CANCELED'],
    ['/v2/workflows/events?state=RUN_FALIED', 'state', 'RUN_STARTED'],
  ])('%s names the field and what it may be', async (path, field, allowed) => {
    const { status, body } = await call('GET', path);
    expect([status, body['error']]).toEqual([400, expect.stringMatching(`^${field}.*${allowed}`)]);
  });
});

test.each([
  ['POST', '/v2/flowControl//pause', 'key'],
  ['POST', '/v2/flowControl//pin?rate=1', 'key'],
  ['POST', '/v2/queues//pause', 'name'],
  ['POST', '/v2/topics//endpoints', 'name'],
  ['DELETE', '/v2/messages//', 'messageId'],
])('%s %s lacks a part of the path: 400', async (method, path, missing) => {
  const { status, body } = await call(method, path);
  expect([status, body['error']]).toEqual([400, expect.stringMatching(`^${missing}:`)]);
});

test.each(['tenant/42', 'tenant%2F42', 'a/pause', 'https://a.example//b', 'pause'])(
  'a flow-control key may stand in the path as it is: %s',
  async (path) => {
    await redis.client.flushall();
    const flowControlKey = decodeURIComponent(path);
    const send = async (action: string) => (await call('POST', `/v2/flowControl/${path}/${action}`)).status;
    const read = async () => (await call('GET', `/v2/flowControl/${path}`)).body;
    expect(await send('pause')).toBe(200);
    expect(await read()).toMatchObject({ flowControlKey, isPaused: true });
    expect([await send('resume/'), await send('pin?rate=7'), await send('resetRate')]).toEqual([200, 200, 200]);
    expect(await read()).toMatchObject({ flowControlKey, isPaused: false, isPinnedRate: true, rateMax: 7 });
    expect([await send('unpin?rate=true'), await send('reset')]).toEqual([200, 200]);
    expect(await read()).toMatchObject({ flowControlKey, isPinnedRate: false });
    expect((await call('GET', '/v2/flowControl')).body).toHaveLength(1);
    expect((await call('DELETE', `/v2/flowControl/${path}/pause`)).status).toBe(405);
  },
);

test('a byte order mark before JSON means nothing', async () => {
  const mark = '\ufeff';
  expect((await call('POST', '/v2/queues', `${mark}{"queueName":"marked"}`)).status).toBe(200);
  const item = '{"destination":"https://a.example/"}';
  expect((await call('POST', '/v2/batch', `${mark}[${item}]`)).status).toBe(200);
  expect((await call('POST', '/v2/batch', `[${mark}${item}]`)).status).toBe(400);
  expect((await call('DELETE', '/v2/dlq', `${mark}{}`)).status).toBe(400);
});

test('each name of the log has its own array, and no other', async () => {
  await redis.client.flushall();
  const { messageId } = (await call('POST', '/v2/publish/https://a.example/', 'x', { 'Upstash-Delay': '1h' })).body;
  const keys = async (path: string) => Object.keys((await call('GET', path)).body);
  await eventually(async () => ((await call('GET', '/v2/logs')).body['logs'] as object[]).length > 0);
  expect(await keys('/v2/logs')).toEqual(['logs']);
  expect(await keys('/v2/events')).toEqual(['events']);
  expect(await keys(`/v2/logs?messageId=${String(messageId)}`)).toEqual(['logs']);
  expect(await keys('/v2/logs?groupBy=messageId')).toEqual(['messages']);
  expect(await keys('/v2/events?groupBy=messageId')).toEqual(['messages']);
});

interface EventPage {
  events?: { state: string }[];
  messages?: { events: { state: string }[] }[];
  cursor?: string;
}

test('messageId is a filter of the log like the others; messageIds win over them and have no cursor', async () => {
  await redis.client.flushall();
  const headers = { 'Upstash-Delay': '1h', 'Upstash-Label': 'one' };
  const id = String((await call('POST', '/v2/publish/https://a.example/', 'x', headers)).body['messageId']);
  await call('DELETE', `/v2/messages/${id}`);
  const read = async (query: string) => {
    const { events = [], messages = [], cursor } = (await call('GET', `/v2/events?${query}`)).body as EventPage;
    return { states: [...events, ...messages.flatMap((group) => group.events)].map(({ state }) => state), cursor };
  };
  const all = ['CANCELED', 'CANCEL_REQUESTED', 'CREATED'];
  await eventually(async () => (await read(`messageId=${id}`)).states.length === 3);
  for (const groupBy of ['', '&groupBy=messageId']) {
    expect(await read(`messageId=${id}&label=one&host=a.example${groupBy}`)).toEqual({ states: all });
    expect(await read(`messageId=${id}&label=other${groupBy}`)).toEqual({ states: [] });
    expect(await read(`messageId=${id}&toDate=1${groupBy}`)).toEqual({ states: [] });
    expect(await read(`messageIds=${id}&label=other&toDate=1${groupBy}`)).toEqual({ states: all });
    expect(await read(`messageIds=${id}&messageId=msg_other${groupBy}`)).toEqual({ states: all });
  }

  const page = await read(`messageId=${id}&count=2`);
  expect(page).toEqual({ states: all.slice(0, 2), cursor: expect.any(String) as string });
  expect(await read(`messageId=${id}&count=2&cursor=${page.cursor}`)).toEqual({ states: all.slice(2) });
  expect(await read(`messageIds=${id}&count=2`)).toEqual({ states: all.slice(0, 2) });
  expect(await read(`messageIds=${id}&cursor=1`)).toEqual({ states: all });
});

test.each(['maxBytes=0', 'maxBytes=', 'maxBytes=1e6', 'maxBytes=-1', 'maxBytes=1&maxBytes=2'])(
  '%s is a 400',
  async (query) => {
    const lists = ['dlq', 'logs', 'events', 'workflows/dlq', 'workflows/logs', 'workflows/events'];
    for (const path of lists) {
      expect([path, (await call('GET', `/v2/${path}?${query}`)).status]).toEqual([path, 400]);
    }
  },
);
