import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import {
  readError,
  exchangeRaw,
  startApi,
  startRedis,
  testToken,
  type TestApi,
  type TestRedis,
} from '@posthorn/testkit';

let redis: TestRedis;
let api: TestApi;
beforeAll(async () => {
  redis = await startRedis();
  api = await startApi(redis.url);
});
afterAll(async () => {
  await api.end('SIGKILL');
  await redis.stop();
});

const megabyte = 1024 * 1024;
/** Most memory that the process has had so far. */
const peakBytes = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${api.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
const destination = '"destination":"http://127.0.0.1:9/"';
const batch = (body: string) => api.call('/v2/batch', { method: 'POST', body });
const names = (count: number) => Array.from({ length: count }, (_, n) => `"h${n}":"1"`).join(',');

test('201 headers in an item of a batch are too many, 200 are not', async () => {
  expect((await batch(`[{${destination},"headers":{${names(200)}}}]`)).status).toBe(200);
  const response = await batch(`[{${destination}},{${destination},"headers":{${names(201)}}}]`);
  expect(response.status).toBe(431);
  expect(await readError(response)).toBe('item 1: Use at most 200 headers.');
});

test.each([
  ['seven million header names', () => `[{${destination},"headers":{${names(7_000_000)}}}]`, /item 0: .*values/],
  ['unknown fields', () => `[{${destination},"x":[${'{},'.repeat(30_000_000)}0]}]`, /item 0: .*values/],
  ['items that are numbers', () => `[${'0,'.repeat(45_000_000)}0]`, /item 0: /],
  ['brackets', () => '['.repeat(60_000_000), /item 0: .*values/],
  ['blanks', () => `[${' '.repeat(90_000_000)}0]`, /item 0: .*bytes/],
  ['an item that is too large', () => `[{${destination},"body":"${'x'.repeat(40_000_000)}"}]`, /item 0: .*bytes/],
])(
  'a batch of nearly 100 MB of %s is refused after what its limits allow has been read',
  async (_, write, expected) => {
    const before = peakBytes();
    const response = await batch(write());
    expect([400, 413, 431]).toContain(response.status);
    expect(await readError(response)).toMatch(expected);
    expect(peakBytes() - before).toBeLessThan(100 * megabyte);
  },
);

test('a batch of many large items is stored in the memory of its text', async () => {
  const before = peakBytes();
  const item = `{${destination},"headers":{"Upstash-Delay":"1h"},"body":"${'x'.repeat(9_900_000)}"}`;
  const response = await batch(`[${Array.from({ length: 9 }, () => item).join(',')}]`);
  expect(response.status).toBe(200);
  expect(peakBytes() - before).toBeLessThan(200 * megabyte);
});

test.each([
  ['POST', '/v2/topics/g/endpoints', `{"endpoints":[${'{},'.repeat(300_000)}{}]}`],
  ['PATCH', '/v2/topics/g', `{"headers":{${names(70_000)}}}`],
  ['DELETE', '/v2/messages', `{${names(70_000)}}`],
  ['DELETE', '/v2/messages', `{"messageIds":[${'0,'.repeat(500_000)}0]}`],
  ['DELETE', '/v2/dlq', `{"dlqIds":[${'[],'.repeat(300_000)}0]}`],
  ['POST', '/v2/queues', `${'['.repeat(500_000)}${']'.repeat(500_000)}`],
])('%s %s with a body of too many values is refused before a schema looks at them', async (method, path, body) => {
  const response = await api.call(path, { method, body });
  expect(response.status).toBe(400);
  expect(await readError(response)).toBe('Use at most 10000 values in the body.');
});

test('of many faults the first ones are named', async () => {
  const response = await api.call('/v2/messages', { method: 'DELETE', body: `{"messageIds":[${'0,'.repeat(999)}0]}` });
  expect(response.status).toBe(400);
  const error = await readError(response);
  expect(error).toContain('messageIds.4: ');
  expect(error).toContain('and 995 more');
});

const head = (rest: string) =>
  `POST /v2/publish/http://127.0.0.1:9/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${testToken}\r\n${rest}\r\n\r\n`;

test('a body of five million chunks of one byte is refused, one of some thousand is not', async () => {
  const before = peakBytes();
  const chunked = (count: number) =>
    Buffer.from(`${head('Transfer-Encoding: chunked')}${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`);
  const [taken] = await exchangeRaw(api.url, chunked(5000));
  expect(taken?.status).toBe(200);
  const [refused] = await exchangeRaw(api.url, chunked(5_000_000));
  expect(refused?.status).toBe(400);
  expect(refused?.body).toContain('pieces');
  expect(peakBytes() - before).toBeLessThan(100 * megabyte);
});

test('a client that leaves in the middle of its body is no error of ours', async () => {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`${head('Content-Length: 1000000')}${'x'.repeat(1000)}`);
  socket.destroy();
  await once(socket, 'close');
  // Answered after the server has seen the end of the first connection.
  for (let n = 0; n < 10; n++) expect((await api.call('/v2/queues')).status).toBe(200);
  expect(api.output()).not.toMatch(/"level":50|request\.broken/);
});
