import { eventually, readError, startApi } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem({ api: { MAX_MESSAGE_BYTES: '3000000', MAX_BATCH_BYTES: '40000000' } });

interface Item {
  messageId: string;
  url: string;
}
const send = (items: unknown, headers: Record<string, string> = {}) =>
  system.api.call('/v2/batch', { method: 'POST', headers, body: JSON.stringify(items) });
const later = { 'Upstash-Delay': '1h' };
/** Ids of all messages that have left any trace. */
const listIds = async () =>
  new Set((await system.redis.client.keys('*:msg_*')).map((key) => /msg_\w+/.exec(key)?.[0] ?? key));
const newIds = async (before: Set<string>) => [...(await listIds())].filter((id) => !before.has(id));

test('the response is an array in the order of the items, also for one', async () => {
  const one = await send([{ destination: `${system.receiver.url}/one`, headers: later }]);
  expect(one.status).toBe(200);
  expect(await one.json()).toEqual([
    { messageId: expect.stringMatching(/^msg_/) as string, url: `${system.receiver.url}/one` },
  ]);
  const urls = Array.from({ length: 40 }, (_, n) => `${system.receiver.url}/order/${n}`);
  const reply = (await (await send(urls.map((destination) => ({ destination, headers: later })))).json()) as Item[];
  expect(reply.map(({ url }) => url)).toEqual(urls);
  expect(new Set(reply.map(({ messageId }) => messageId)).size).toBe(40);
});

test('URLs and groups mix; a group answers a nested array', async () => {
  const endpoints = [{ url: `${system.receiver.url}/g1` }, { url: `${system.receiver.url}/g2` }];
  await system.api.request('POST', '/v2/topics/mixed/endpoints', { body: { endpoints } });
  const large = 'ä'.repeat(100_000);
  const response = await send([
    { destination: 'mixed', headers: { 'Upstash-Forward-Trace': 't1' }, body: large },
    { destination: `${system.receiver.url}/single`, headers: { 'content-type': 'application/json' }, body: '{"n":1}' },
  ]);
  expect(await response.json()).toMatchObject([
    [{ url: `${system.receiver.url}/g1` }, { url: `${system.receiver.url}/g2` }],
    { url: `${system.receiver.url}/single` },
  ]);
  for (const path of ['/g1', '/g2']) {
    const received = await system.receiver.first(path);
    expect(received.body.toString()).toBe(large);
    expect(received.headers['trace']).toBe('t1');
  }
  const single = await system.receiver.first('/single');
  expect(single.headers['content-type']).toBe('application/json');
  expect(single.headers['trace']).toBeUndefined();
});

test('what SDKs send is accepted: nulls, empty queues, lower-case names, telemetry, lists of values', async () => {
  const destination = `${system.receiver.url}/tolerant`;
  const response = await send([
    { destination, body: null, queue: null, headers: { ...later } },
    { destination, queue: '', headers: { 'upstash-delay': '1h', 'upstash-method': 'PUT' } },
    {
      destination,
      headers: { ...later, 'Upstash-Telemetry-Sdk': 'x', 'Upstash-Forward-A': ['1', '2'] },
      body: { n: 1 },
    },
  ]);
  expect(response.status).toBe(200);
  const [empty, put, json] = await Promise.all(
    ((await response.json()) as Item[]).map((item) => system.api.message(item.messageId)),
  );
  expect(empty).not.toHaveProperty('body');
  expect(put).toMatchObject({ method: 'PUT' });
  expect(json).toMatchObject({ header: { A: ['1, 2'] }, body: '{"n":1}' });
});

test('the headers of the batch itself do not count for its items', async () => {
  const response = await send([{ destination: `${system.receiver.url}/outer`, headers: later }], {
    'Content-Type': 'application/json',
    'Upstash-Retries': '7',
    'Upstash-Forward-X': '1',
    'Upstash-Method': 'GET',
  });
  const [item] = (await response.json()) as Item[];
  const message = await system.api.message(item?.messageId ?? '');
  expect(message).toMatchObject({ maxRetries: 3, method: 'POST' });
  expect(message).not.toHaveProperty('header');
});

test.each([
  ['a destination without scheme', { destination: 'example.com/x' }, 400, /item 1: invalid destination url/],
  ['an unknown group', { destination: 'nobody' }, 404, /item 1: topic nobody not found/],
  ['no destination', {}, 400, /item 1: destination/],
  [
    'a wrong option',
    { destination: 'https://a.example', headers: { 'Upstash-Delay': 'x' } },
    400,
    /item 1: Upstash-Delay/,
  ],
  [
    'a wrong deduplication id',
    { destination: 'https://a.example', headers: { 'Upstash-Deduplication-Id': 'a:b' } },
    400,
    /item 1: .*DeduplicationId cannot contain ':'/,
  ],
  [
    'a number as header',
    { destination: 'https://a.example', headers: { 'Upstash-Retries': 3 } },
    400,
    /item 1: headers/,
  ],
  [
    'too many retries',
    { destination: 'https://a.example', headers: { 'Upstash-Retries': '99' } },
    412,
    /item 1: Upstash/,
  ],
  [
    'a broken header',
    { destination: 'https://a.example', headers: { 'Upstash-Forward-A': 'a\nb' } },
    400,
    /item 1: .*'A'/,
  ],
  [
    'a header name with a blank',
    { destination: 'https://a.example', headers: { 'Upstash-Forward-A b': 'x' } },
    400,
    /item 1/,
  ],
  ['a text', 'https://a.example', 400, /item 1/],
  ['null', null, 400, /item 1/],
  ['a large body', { destination: 'https://a.example', body: 'x'.repeat(3_000_001) }, 413, /item 1: .*3000000 bytes/],
])('%s refuses the whole batch and creates nothing', async (_, item, status, text) => {
  const before = await listIds();
  const response = await send([{ destination: `${system.receiver.url}/never` }, item]);
  expect(response.status).toBe(status);
  expect(await readError(response)).toMatch(text);
  expect(await newIds(before)).toEqual([]);
});

test.each([
  ['not JSON', '[{'],
  ['an object', '{"destination":"https://a.example"}'],
  ['nothing', ''],
  ['an empty array', '[]'],
])('%s is refused', async (_, body) => {
  const response = await system.api.call('/v2/batch', { method: 'POST', body });
  expect(response.status).toBe(400);
  expect(await readError(response)).toMatch(/body|JSON/);
});

test('a thousand items are accepted and delivered, one more is refused', async () => {
  const items = Array.from({ length: 1001 }, (_, n) => ({
    destination: `${system.receiver.url}/many?${n}`,
    body: String(n),
  }));
  expect((await send(items)).status).toBe(400);
  const reply = (await (await send(items.slice(0, 1000))).json()) as Item[];
  expect(reply).toHaveLength(1000);
  const arrived = () => system.receiver.requests.filter(({ path }) => path.startsWith('/many?'));
  await eventually(() => arrived().length === 1000);
  expect(new Set(arrived().map(({ headers }) => headers['upstash-message-id'])).size).toBe(1000);
});

test('a batch may be larger than a message', async () => {
  const items = Array.from({ length: 12 }, (_, n) => ({
    destination: `${system.receiver.url}/large/${n}`,
    body: String(n).padEnd(2_900_000, 'x'),
  }));
  expect((await send(items)).status).toBe(200);
  await eventually(
    () => items.every((_, n) => system.receiver.at(`/large/${n}`)[0]?.body.length === 2_900_000),
    20_000,
  );
  expect((await send([...items, ...items])).status).toBe(413);
});

test('a token that may only read may not publish a batch', async () => {
  const api = await startApi(system.redis.url, { QSTASH_READONLY_TOKEN: 'reader' });
  const headers = { Authorization: 'Bearer reader' };
  const body = JSON.stringify([{ destination: 'https://a.example' }]);
  expect((await api.call('/v2/batch', { method: 'POST', headers, body })).status).toBe(403);
  expect((await api.call('/v2/messages', { method: 'DELETE', headers })).status).toBe(403);
  expect((await api.call('/v2/dlq', { headers })).status).toBe(200);
  await api.end('SIGKILL');
});
