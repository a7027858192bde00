import { randomBytes } from 'node:crypto';
import { rawRequest, readError, testToken } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem({ api: { MAX_MESSAGE_BYTES: '3000000' } });

const later = { 'Upstash-Delay': '1h' };
const publish = (headers: Record<string, string>, body?: RequestInit['body']) =>
  system.api.call(`/v2/publish/${system.receiver.url}/p`, { method: 'POST', headers, ...(body ? { body } : {}) });

/** Ids of all messages that have left any trace. */
const listIds = async () =>
  new Set((await system.redis.client.keys('*:msg_*')).map((key) => /msg_\w+/.exec(key)?.[0] ?? key));
const newIds = async (before: Set<string>) => [...(await listIds())].filter((id) => !before.has(id));

test('the response names the message and its URL, and the message can be read at once', async () => {
  const response = await publish(later, 'hello');
  expect(response.status).toBe(200);
  const reply = (await response.json()) as { messageId: string };
  expect(reply).toEqual({ messageId: expect.stringMatching(/^msg_/) as string, url: `${system.receiver.url}/p` });
  expect(await system.api.message(reply.messageId)).toMatchObject({
    messageId: reply.messageId,
    body: 'hello',
    method: 'POST',
  });
});

test.each([
  ['binary bytes', randomBytes(1000)],
  ['no bytes', Buffer.alloc(0)],
  ['text', Buffer.from('ünïcode \u0000 "quoted" \u2028')],
  ['a large text', Buffer.from('ä'.repeat(600_000))],
  ['a large binary', randomBytes(1_000_000)],
])('%s arrive unchanged', async (name, body) => {
  const path = `/bytes/${name.replaceAll(' ', '-')}`;
  await system.api.publish(system.receiver.url + path, { body });
  const received = await system.receiver.first(path);
  expect(received.body.equals(body)).toBe(true);
  expect(received.headers['content-length']).toBe(String(body.length));
});

test('a chunked body arrives whole', async () => {
  const head = `POST /v2/publish/${system.receiver.url}/chunked HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`;
  const chunks = '3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n';
  await rawRequest(
    system.api.url,
    `${head}Authorization: Bearer ${testToken}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
  );
  expect((await system.receiver.first('/chunked')).body.toString()).toBe('abcdefg');
});

test('a body above the limit is refused, announced or not, and nothing is stored', async () => {
  const before = await listIds();
  const body = randomBytes(3_000_001);
  expect((await publish({}, body)).status).toBe(413);
  const head = `POST /v2/publish/${system.receiver.url}/big HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${testToken}\r\n`;
  // When all of it has come before the response goes, the connection would stay open.
  const chunk = `Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${(3_100_000).toString(16)}\r\n${'x'.repeat(3_100_000)}\r\n0\r\n\r\n`;
  expect(await rawRequest(system.api.url, head + chunk)).toMatch(/^HTTP\/1.1 413 .*"error"/s);
  expect(await newIds(before)).toEqual([]);
});

test('a body that stops half-way is not stored', async () => {
  const before = await listIds();
  const head = `POST /v2/publish/${system.receiver.url}/half HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${testToken}\r\n`;
  await rawRequest(system.api.url, `${head}Content-Length: 100\r\n\r\nonly this`, 200);
  expect((await system.api.call('/v2/dlq')).status).toBe(200);
  expect(await newIds(before)).toEqual([]);
});

test('the message shows exactly the forwarded headers and the content type', async () => {
  const messageId = await system.api.publish(`${system.receiver.url}/h`, {
    headers: {
      ...later,
      'Content-Type': 'text/x-test',
      'Upstash-Forward-test-header': 'a',
      'Upstash-Forward-Bypass-Tunnel-Reminder': 'b',
      'Upstash-Telemetry-Sdk': 'x',
      'Upstash-Foo': 'y',
      'X-Mine': 'z',
    },
    body: 'x',
  });
  expect((await system.api.message(messageId))['header']).toEqual({
    'Content-Type': ['text/x-test'],
    'Test-Header': ['a'],
    'Bypass-Tunnel-Reminder': ['b'],
  });
});

test('text shows as body, other bytes as bodyBase64, no bytes as neither', async () => {
  const ids = await Promise.all(
    ['text', Buffer.from([0xff, 0xfe]), ''].map((body) =>
      system.api.publish(`${system.receiver.url}/v`, { headers: later, body }),
    ),
  );
  const [text, binary, empty] = await Promise.all(ids.map(system.api.message));
  expect(text).toMatchObject({ body: 'text' });
  expect(binary).toMatchObject({ bodyBase64: '//4=' });
  expect(binary).not.toHaveProperty('body');
  expect(empty).not.toHaveProperty('body');
  expect(empty).not.toHaveProperty('bodyBase64');
});

test('without a delay notBefore equals createdAt', async () => {
  const message = await system.api.message(await system.api.publish(`${system.receiver.url}/now`));
  expect(message['notBefore']).toBe(message['createdAt']);
  expect(message).toMatchObject({ maxRetries: 3, callerIP: '127.0.0.1', callerIp: '127.0.0.1' });
});

test('a delay is added up from its parts; an instant beats it', async () => {
  const delayed = await system.api.message(
    await system.api.publish(`${system.receiver.url}/d`, { headers: { 'Upstash-Delay': '1d10h30m' } }),
  );
  expect(Number(delayed['notBefore']) - Number(delayed['createdAt'])).toBe(124_200_000);
  const at = Math.floor(Date.now() / 1000) + 3600;
  const headers = { 'Upstash-Delay': '5s', 'Upstash-Not-Before': String(at) };
  expect(
    (await system.api.message(await system.api.publish(`${system.receiver.url}/d`, { headers })))['notBefore'],
  ).toBe(at * 1000);
});

test('an instant that has passed delivers at once, a short delay not before its time', async () => {
  const start = Date.now();
  await system.api.publish(`${system.receiver.url}/past`, { headers: { 'Upstash-Not-Before': '1000000000' } });
  await system.api.publish(`${system.receiver.url}/soon`, { headers: { 'Upstash-Delay': '0.5s' } });
  await system.receiver.first('/past');
  const soon = await system.receiver.first('/soon');
  expect(soon.at - start).toBeGreaterThanOrEqual(495);
});

test.each([
  ['Upstash-Delay', 'abc', 400],
  ['Upstash-Delay', '-5s', 400],
  ['Upstash-Delay', '5x', 400],
  ['Upstash-Delay', '366d', 412],
  ['Upstash-Not-Before', 'tomorrow', 400],
  ['Upstash-Method', 'TRACE', 400],
  ['Upstash-Retries', '-1', 400],
  ['Upstash-Retries', 'x', 400],
  ['Upstash-Retries', '21', 412],
  ['Upstash-Retry-Delay', 'foo(1)', 400],
  ['Upstash-Retry-Delay', 'pow(2)', 400],
  ['Upstash-Retry-Delay', '1 +', 400],
  ['Upstash-Retry-Delay', '5s', 400],
  ['Upstash-Timeout', '0s', 400],
  ['Upstash-Header-Forward', 'maybe', 400],
])('%s: %s is refused with an error that names the header', async (name, value, status) => {
  const response = await publish({ [name]: value }, 'x');
  expect(response.status).toBe(status);
  expect(await readError(response)).toContain(name);
});

test('every wrong option is named at once', async () => {
  const response = await publish({ 'Upstash-Delay': 'x', 'Upstash-Retries': 'y' }, 'x');
  const error = await readError(response);
  expect(error).toMatch(/Upstash-Delay.*Upstash-Retries/);
});

test('an empty option is the same as none', async () => {
  expect((await publish({ 'Upstash-Delay': '', 'Upstash-Retries': '' }, 'x')).status).toBe(200);
});
