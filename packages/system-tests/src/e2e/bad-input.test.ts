import { rawRequest, startSystem, testToken, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const authorization = `Authorization: Bearer ${testToken}\r\n`;
const head = (target: string) => `POST ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${authorization}`;

test.each([
  ['not HTTP', 'hello\r\n\r\n', 400],
  [
    'a length and chunks',
    `${head('/v2/publish/https://a.example')}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx`,
    400,
  ],
  ['a line break in a header', `${head('/v2/publish/https://a.example')}Upstash-Forward-X: a\rb\r\n\r\n`, 400],
  ['a NUL in a header', `${head('/v2/publish/https://a.example')}Upstash-Forward-X: a\0b\r\n\r\n`, 400],
  ['40 KB of headers', `${head('/v2/publish/https://a.example')}X: ${'x'.repeat(41_000)}\r\n\r\n`, 431],
  ['300 headers', `${head('/v2/publish/https://a.example')}${'X: 1\r\n'.repeat(300)}\r\n`, 431],
  ['a destination of 9 KB', `${head(`/v2/publish/https://a.example/${'x'.repeat(9000)}`)}\r\n`, 400],
  [
    'a forwarded header without a name',
    `${head('/v2/publish/https://a.example')}Upstash-Forward-: x\r\nUpstash-Delay: 1h\r\n\r\n`,
    200,
  ],
  ['a backslash in the host', `${head(String.raw`/v2/publish/https://a.example\@127.0.0.1/`)}\r\n`, 400],
])('%s: a clear answer, and the process goes on', async (_name, bytes, status) => {
  const answer = await rawRequest(system.api.url, bytes);
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  if (status >= 400)
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toEqual({ error: expect.any(String) as string });
  expect(answer).not.toMatch(/\s+at .*\.[jt]s:/);
  expect((await fetch(`${system.api.url}/ready`)).status).toBe(200);
});

test('10,000 headers: an error or a closed connection', async () => {
  const answer = await rawRequest(
    system.api.url,
    `${head('/v2/publish/https://a.example')}${'X: 1\r\n'.repeat(10_000)}\r\n`,
  );
  expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
  expect((await fetch(`${system.api.url}/ready`)).status).toBe(200);
});

test.each(['{', '[]', '"x"', 'null', '[[[['])('the body %s is refused where an object is wanted', async (body) => {
  const response = await system.api.call('/v2/topics/g/endpoints', { method: 'POST', body });
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({ error: expect.any(String) as string });
});

test('a header named __proto__ is a header like any other', async () => {
  const messageId = await system.api.publish(`${system.receiver.url}/proto`, {
    headers: { 'Upstash-Forward-__proto__': 'x', 'Upstash-Delay': '1h' },
  });
  const message = await (await system.api.call(`/v2/messages/${messageId}`)).text();
  expect(message).toContain('"__proto__":["x"]');
});
