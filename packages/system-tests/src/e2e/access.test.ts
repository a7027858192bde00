import { endpoints } from '@posthorn/shared';
import { eventually, readError, testToken } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem({
  api: { QSTASH_TOKEN: `${testToken},second-token`, QSTASH_READONLY_TOKEN: 'only-reads' },
});

const statusOf = async (path: string, init?: RequestInit) => (await fetch(system.api.url + path, init)).status;

test.each(['/v2/dlq', '/v2/publish/https://example.com', '/v2/nothing', '/V2/Topics', '/v2/keys?qstash_token=wrong'])(
  '%s without the right token answers 401 with an error text',
  async (path) => {
    const response = await fetch(system.api.url + path, { method: path.includes('publish') ? 'POST' : 'GET' });
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.json()).toEqual({ error: expect.any(String) as string });
  },
);

test('the token is taken from the header or the query, and each of several tokens works', async () => {
  expect(await statusOf('/v2/dlq', { headers: { Authorization: `Bearer ${testToken}` } })).toBe(200);
  expect(await statusOf(`/v2/dlq?qstash_token=${testToken}`)).toBe(200);
  expect(await statusOf('/v2/dlq', { headers: { Authorization: 'Bearer second-token' } })).toBe(200);
});

test('a read-only token reads, but cannot publish, change or see the signing keys', async () => {
  const headers = { Authorization: 'Bearer only-reads' };
  expect(await statusOf('/v2/dlq', { headers })).toBe(200);
  expect(await statusOf('/v2/topics', { headers })).toBe(200);
  expect(await statusOf('/v2/publish/https://example.com', { headers, method: 'POST' })).toBe(403);
  expect(await statusOf('/v2/topics/g', { headers, method: 'DELETE' })).toBe(403);
  expect(await statusOf('/v2/keys', { headers })).toBe(403);
});

describe.each(endpoints.map(({ method, path, scope }) => [`${method} ${path}`, { method, path, scope }] as const))(
  '%s',
  (_name, { method, path, scope }) => {
    const target = path.replace('*destination', 'https://example.com').replace(/:\w+/g, 'nothing');
    const ask = (token?: string) =>
      fetch(system.api.url + target, {
        method,
        headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
      });

    test('without a token: what its scope says', async () => {
      const { status } = await ask();
      // A webhook of a run that does not exist is public and not found.
      if (scope === 'none') expect([200, 404]).toContain(status);
      else expect(status).toBe(401);
    });

    test('with a token that only reads: what its scope says', async () => {
      const { status } = await ask('only-reads');
      if (scope === 'write') expect(status).toBe(403);
      else expect([401, 403]).not.toContain(status);
    });
  },
);

describe('a refusal tells the form of the request, and nothing about how near a token is', () => {
  const ask = async (headers: Record<string, string>, query = '') => {
    const response = await fetch(`${system.api.url}/v2/dlq${query}`, { headers });
    return `${response.status} ${await response.text()}`;
  };

  test('whatever is wrong with a token, the response is the same', async () => {
    const wrong = [
      'Bearer wrong',
      `Bearer ${testToken.slice(0, -1)}`,
      `Bearer ${testToken}x`,
      `Bearer ${testToken},second-token`,
      'Bearer only-read',
      `Bearer ${'x'.repeat(10_000)}`,
      `Bearer ${'\u00ff'.repeat(20)}`,
    ];
    const answers = await Promise.all([
      ...wrong.map((Authorization) => ask({ Authorization })),
      ask({}, '?qstash_token=wrong'),
      ask({}, `?qstash_token=${testToken}x`),
      ask({ Authorization: 'Basic abc' }, '?qstash_token=wrong'),
    ]);
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(/^401 .*wrong/);
  });

  test('whatever is in a header that has no token, the response is the same', async () => {
    const malformed = [
      'Bearer',
      testToken,
      `Bearer ${testToken} ${testToken}`,
      `Bearer=${testToken}`,
      `Token ${testToken}`,
      `Basic ${Buffer.from(`:${testToken}`).toString('base64')}`,
    ];
    const answers = await Promise.all(malformed.map((Authorization) => ask({ Authorization })));
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(/^401 .*form Bearer <token>/);
  });

  test('without a header the response says how to send a token, and where the API is described', async () => {
    const answers = await Promise.all([ask({}), ask({ Authorization: '' }), ask({}, '?qstash_token=')]);
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(/^401 .*Authorization: Bearer <token>.*openapi\.json/);
  });
});

test('the header beats the query, also when it is wrong', async () => {
  const headers = { Authorization: 'Bearer wrong' };
  expect(await statusOf(`/v2/dlq?qstash_token=${testToken}`, { headers })).toBe(401);
});

test('a token in the query, in any case and beside other parameters, goes no further', async () => {
  const url = `${system.receiver.url}/query`;
  for (const target of [`${url}?a=1&qstash_token=second-token&b=2`, `${url}?QStash_Token=second-token`]) {
    const response = await fetch(`${system.api.url}/v2/publish/${target}`, { method: 'POST' });
    expect(response.status).toBe(200);
    const { messageId } = (await response.json()) as { messageId: string };
    await eventually(async () => (await system.api.states(messageId)).includes('DELIVERED'));
    expect(await (await system.api.call(`/v2/events?messageId=${messageId}`)).text()).not.toContain('second-token');
  }
  expect(system.receiver.requests.map(({ path }) => path)).toEqual(['/query?a=1&b=2', '/query']);
  expect(JSON.stringify(system.receiver.requests)).not.toContain('second-token');
});

test('paths are matched whatever their case and with a trailing slash', async () => {
  expect((await system.api.call('/v2/Topics/')).status).toBe(200);
  expect((await system.api.call('/V2/DLQ')).status).toBe(200);
});

test.each(['/v2/nothing', '/nothing', '/v2/messages/%', '/v1/publish/https://example.com'])(
  '%s answers a JSON error',
  async (path) => {
    const response = await system.api.call(path);
    expect([400, 404]).toContain(response.status);
    expect(await response.json()).toEqual({ error: expect.any(String) as string });
  },
);

test.each([
  ['DELETE', '/v2/batch', 'POST'],
  ['GET', '/v2/publish/https://example.com/a', 'POST'],
  ['PUT', '/v2/queues/', 'GET, POST'],
  ['POST', '/v2/messages/msg_1', 'DELETE, GET'],
  ['POST', '/v2/Keys', 'GET'],
  ['GET', '/v2/schedules/a/pause', 'PATCH, POST'],
])('%s %s answers 405 and names the methods of the path', async (method, path, allowed) => {
  const response = await system.api.call(path, { method });
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toBe(allowed);
  expect(await response.json()).toEqual({ error: expect.stringContaining('use ') as string });
});

test.each([
  ['/', 'openapi.json'],
  ['/v2', 'openapi.json'],
  ['/v2/nothing', 'The API is below /v2'],
  ['/v1/publish', 'Did you mean /v2/publish?'],
  ['/opnapi.json', 'Did you mean /openapi.json?'],
  ['/v2/topcis', 'Did you mean /v2/topics?'],
  ['/v2/message/msg_1', 'Did you mean /v2/messages?'],
])('%s answers 404 and says where to look', async (path, advice) => {
  const response = await system.api.call(path);
  expect(response.status).toBe(404);
  expect(await readError(response)).toContain(advice);
});
