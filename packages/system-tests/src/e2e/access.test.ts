import { startSystem, testToken, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({
    api: { QSTASH_TOKEN: `${testToken},second-token`, QSTASH_READONLY_TOKEN: 'only-reads' },
  });
});
afterAll(() => system.stop());

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
