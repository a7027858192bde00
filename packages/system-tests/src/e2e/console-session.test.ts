// Sessions of the console: who gets one, what counts as one, and what never does.
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { eventually, startApi, startRedis, testToken, type TestApi, type TestRedis } from '@posthorn/testkit';

const readToken = 'read-only-token-0123456789';

let redis: TestRedis;
let api: TestApi;
let other: TestApi;
beforeAll(async () => {
  redis = await startRedis();
  [api, other] = await Promise.all([
    startApi(redis.url, { QSTASH_READONLY_TOKEN: readToken }),
    startApi(redis.url, { QSTASH_READONLY_TOKEN: readToken }),
  ]);
});
afterAll(async () => {
  await Promise.all([api.end('SIGKILL'), other.end('SIGKILL')]);
  await redis.stop();
});
// Failed sign-ins of one test must not lock the next one out.
async function forgetFailures(): Promise<void> {
  const keys = await redis.client.keys('posthorn:failed-sign-ins:*');
  if (keys.length > 0) await redis.client.del(...keys);
}
beforeEach(forgetFailures);

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** `fetch` would not send the headers that a browser sends itself. */
function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body = '',
  server = api,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(server.url + path, { method, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (data: Buffer) => (text += data.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    asked.on('error', reject).end(body);
  });
}

const cookieOf = ({ headers }: Answer) => (headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '';
async function signIn(token = testToken): Promise<string> {
  const answer = await ask('POST', '/console/session', {}, JSON.stringify({ token }));
  expect(answer.status).toBe(204);
  return cookieOf(answer);
}
const page = { 'x-posthorn-console': '1', 'sec-fetch-site': 'same-origin' };

test('a right token opens a session, whose cookie is not the token and is kept from scripts', async () => {
  const answer = await ask('POST', '/console/session', {}, JSON.stringify({ token: testToken }));
  const [cookie = ''] = answer.headers['set-cookie'] ?? [];
  expect(answer).toMatchObject({ status: 204, text: '' });
  expect(cookie).toMatch(/^posthorn_[0-9a-f]{12}=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=43200$/);
  expect(cookie).not.toContain(testToken);
  const session = await ask('GET', '/console/session', { cookie: cookieOf(answer) });
  expect(JSON.parse(session.text)).toEqual({
    scope: 'write',
    expiresAt: expect.any(Number) as number,
    now: expect.any(Number) as number,
    version: expect.stringMatching(/^\d+\.\d+/) as string,
  });
  for (const key of await redis.client.keys('posthorn:session:*')) {
    expect(`${key} ${(await redis.client.get(key)) ?? ''}`).not.toContain(testToken);
    expect(key).not.toContain(cookieOf(answer).split('=')[1]);
  }
});

describe('the cookie is for TLS alone', () => {
  const forwarded = (proto: string) => ({ 'x-forwarded-proto': proto, 'x-forwarded-for': '203.0.113.7' });
  const signInThrough = async (server: TestApi, headers: Record<string, string>) => {
    const answer = await ask('POST', '/console/session', headers, JSON.stringify({ token: testToken }), server);
    expect(answer.status).toBe(204);
    const out = await ask('DELETE', '/console/session', { ...headers, cookie: cookieOf(answer) }, '', server);
    return [answer, out].map((one) => one.headers['set-cookie']?.[0]?.endsWith('; Secure'));
  };

  test('behind a trusted proxy that has received it over TLS', async () => {
    const behind = await startApi(redis.url, { TRUST_PROXY: '127.0.0.1' });
    expect(await signInThrough(behind, forwarded('https'))).toEqual([true, true]);
    expect(await signInThrough(behind, forwarded('http'))).toEqual([false, false]);
    expect(await signInThrough(behind, {})).toEqual([false, false]);
    await behind.end('SIGKILL');
  });

  test('not because a client says so, where no proxy is trusted', async () => {
    expect(await signInThrough(api, forwarded('https'))).toEqual([false, false]);
  });
});

test.each([
  ['a wrong token', JSON.stringify({ token: 'wrong' }), 401],
  ['a token of another type', JSON.stringify({ token: 1 }), 400],
  ['nothing', '', 400],
  ['no JSON', '{', 400],
  ['more than is asked for', JSON.stringify({ token: testToken, scope: 'write' }), 400],
  ['an unknown code', JSON.stringify({ code: 'a'.repeat(43) }), 401],
  ['too much', JSON.stringify({ token: 'x'.repeat(5000) }), 413],
])('%s opens none', async (_name, body, status) => {
  const answer = await ask('POST', '/console/session', {}, body);
  expect(answer.status).toBe(status);
  expect(answer.headers['set-cookie']).toBeUndefined();
  expect((JSON.parse(answer.text) as { error: string }).error).not.toBe('');
});

test('after ten failures in a minute an address gets 429, also with the right token', async () => {
  for (let n = 0; n < 10; n++)
    expect((await ask('POST', '/console/session', {}, '{"token":"wrong"}')).status).toBe(401);
  const locked = await ask('POST', '/console/session', {}, JSON.stringify({ token: testToken }), other);
  expect(locked).toMatchObject({ status: 429, headers: { 'retry-after': '60' } });
  const [key = ''] = await redis.client.keys('posthorn:failed-sign-ins:*');
  const left = await redis.client.pttl(key);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(60_000);
});

test('a count that was left without an end, by a process that died, ends a minute after the next attempt', async () => {
  await ask('POST', '/console/session', {}, '{"token":"wrong"}');
  const [key = ''] = await redis.client.keys('posthorn:failed-sign-ins:*');
  await redis.client.persist(key);
  await ask('POST', '/console/session', {}, '{"token":"wrong"}');
  expect(await redis.client.pttl(key)).toBeGreaterThan(0);
});

test('sign-ins at the same time get no further, and right ones do not count', async () => {
  for (let n = 0; n < 12; n++) await signIn();
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => ask('POST', '/console/session', {}, '{"token":"wrong"}')),
  );
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(10);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(30);
});

describe('the cookie at /v2', () => {
  let cookie: string;
  beforeAll(async () => {
    await forgetFailures();
    cookie = await signIn();
  });

  test.each<[string, Record<string, string>, number]>([
    ['from a page of the console', page, 200],
    ['from an old browser, by its origin', { 'x-posthorn-console': '1', origin: 'OWN' }, 200],
    ['without the header of the console', { 'sec-fetch-site': 'same-origin' }, 401],
    ['with another value of it', { ...page, 'x-posthorn-console': 'yes' }, 401],
    ['from another port of this host', { ...page, 'sec-fetch-site': 'same-site' }, 401],
    ['from another site', { ...page, 'sec-fetch-site': 'cross-site' }, 401],
    ['from the address bar', { ...page, 'sec-fetch-site': 'none' }, 401],
    ['from another origin that says so', { 'x-posthorn-console': '1', origin: 'http://127.0.0.1:1' }, 401],
    ['from an origin without a name', { 'x-posthorn-console': '1', origin: 'null' }, 401],
    ['with an origin, but from another site', { ...page, 'sec-fetch-site': 'cross-site', origin: 'OWN' }, 401],
    ['from an unknown origin', { 'x-posthorn-console': '1' }, 401],
  ])('%s', async (_name, headers, status) => {
    const sent = { cookie, ...headers, ...(headers['origin'] === 'OWN' ? { origin: api.url } : {}) };
    expect((await ask('GET', '/v2/queues', sent)).status).toBe(status);
  });

  test('a wrong bearer token is not saved by a right cookie', async () => {
    expect((await ask('GET', '/v2/queues', { cookie, ...page, authorization: 'Bearer wrong' })).status).toBe(401);
  });

  test('a cookie of the same name that another server of this host has set does not lock out', async () => {
    const [name = ''] = cookie.split('=');
    expect((await ask('GET', '/v2/queues', { ...page, cookie: `${name}=evil; ${cookie}` })).status).toBe(200);
  });

  test('counts on every API process, until it is signed out of on one', async () => {
    const mine = await signIn();
    expect((await ask('GET', '/v2/queues', { ...page, cookie: mine }, '', other)).status).toBe(200);
    const out = await ask('DELETE', '/console/session', { cookie: mine });
    expect(out).toMatchObject({ status: 204 });
    expect(out.headers['set-cookie']?.[0]).toContain('Max-Age=0');
    for (const server of [api, other]) {
      expect((await ask('GET', '/v2/queues', { ...page, cookie: mine }, '', server)).status).toBe(401);
    }
  });

  test('another port cannot sign out, nor sign in', async () => {
    const elsewhere = { cookie, 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:1' };
    expect((await ask('DELETE', '/console/session', elsewhere)).status).toBe(403);
    expect((await ask('POST', '/console/session', elsewhere, JSON.stringify({ token: testToken }))).status).toBe(403);
    expect((await ask('GET', '/console/session', { cookie })).status).toBe(200);
  });

  test('never travels on with a message, also when all headers are forwarded', async () => {
    const headers = { ...page, cookie: `${cookie}; theirs=1`, 'upstash-delay': '1h', 'upstash-header-forward': 'true' };
    const answer = await ask('POST', '/v2/publish/https://a.example/', headers, 'x');
    expect(answer.status).toBe(200);
    const { messageId } = JSON.parse(answer.text) as { messageId: string };
    const text = await (await api.call(`/v2/messages/${messageId}`)).text();
    expect(text).not.toContain(cookie.split('=')[1]);
  });
});

test('a read-only session reads, and neither writes nor sees keys', async () => {
  const cookie = await signIn(readToken);
  expect(JSON.parse((await ask('GET', '/console/session', { cookie })).text)).toMatchObject({ scope: 'read' });
  expect((await ask('GET', '/v2/overview', { ...page, cookie })).status).toBe(200);
  for (const [method, path] of [
    ['GET', '/v2/keys'],
    ['POST', '/v2/publish/https://a.example/'],
    ['DELETE', '/v2/messages'],
    ['POST', '/v2/schedules/x/run'],
    ['POST', '/v2/dlq/retry'],
  ] as const) {
    expect((await ask(method, path, { ...page, cookie })).status).toBe(403);
  }
});

test('a session ends when its token is replaced', async () => {
  const cookie = await signIn();
  const replaced = await startApi(redis.url, { QSTASH_TOKEN: 'another-token-0123456789' });
  expect((await ask('GET', '/v2/queues', { ...page, cookie }, '', replaced)).status).toBe(401);
  await replaced.end('SIGKILL');
});

test('two posthorns on one host do not share the name of the cookie', async () => {
  const second = await startRedis();
  const neighbour = await startApi(second.url);
  const answer = await ask('POST', '/console/session', {}, JSON.stringify({ token: testToken }), neighbour);
  expect(cookieOf(answer).split('=')[0]).not.toBe((await signIn()).split('=')[0]);
  await neighbour.end('SIGKILL');
  await second.stop();
});

describe('a one-time code', () => {
  const createCode = async (authorization = `Bearer ${testToken}`) => {
    const answer = await ask('POST', '/console/code', { authorization });
    return { ...answer, code: answer.status === 201 ? (JSON.parse(answer.text) as { code: string }).code : '' };
  };

  test('opens one session, on any process, and no second one', async () => {
    const { code } = await createCode();
    const answers = await Promise.all(
      [api, other, api].map((server) => ask('POST', '/console/session', {}, JSON.stringify({ code }), server)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401, 401]);
    expect((await redis.client.keys('posthorn:sign-in-code:*')).length).toBe(0);
  });

  test('lives for ten minutes, and Redis does not know it', async () => {
    const { code } = await createCode();
    const [key = ''] = await redis.client.keys('posthorn:sign-in-code:*');
    expect(await redis.client.pttl(key)).toBeLessThanOrEqual(600_000);
    expect(`${key} ${(await redis.client.get(key)) ?? ''}`).not.toContain(code);
  });

  test('is made for a token, not for a session or without both', async () => {
    expect((await createCode('Bearer wrong')).status).toBe(401);
    const cookie = await signIn();
    expect((await ask('POST', '/console/code', { ...page, cookie })).status).toBe(401);
    expect((await ask('POST', `/console/code?qstash_token=${testToken}`)).status).toBe(401);
  });
});

describe('what is sent', () => {
  const policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

  test.each(['/console/', '/console/messages/msg_1', '/console/session', '/console/assets/none.js'])(
    '%s has the headers that confine it',
    async (path) => {
      const { headers } = await ask('GET', path);
      expect(headers).toMatchObject({
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
      });
      expect(headers['access-control-allow-origin']).toBeUndefined();
    },
  );

  test.each([
    ['gzip, br', 'br'],
    ['gzip, br;q=0', 'gzip'],
    ['br;q=0, gzip;q=0', undefined],
    ['*', 'br'],
    ['', undefined],
  ])('a client that accepts "%s" gets %s', async (accepted, encoding) => {
    const { status, headers } = await ask('GET', '/console/', { 'accept-encoding': accepted });
    expect([status, headers['content-encoding']]).toEqual([200, encoding]);
  });

  test('the page is asked for again, its parts never; both come compressed', async () => {
    const html = await ask('GET', '/console/', { 'accept-encoding': 'br, gzip' });
    expect(html.headers).toMatchObject({
      'cache-control': 'no-cache',
      'content-encoding': 'br',
      'content-type': 'text/html; charset=utf-8',
    });
    const plain = await ask('GET', '/console/');
    const [script = ''] = /\/console\/assets\/main-[\w-]+\.js/.exec(plain.text) ?? [];
    const part = await ask('GET', script, { 'accept-encoding': 'gzip' });
    expect(part.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-encoding': 'gzip',
      'content-type': 'text/javascript; charset=utf-8',
    });
    const etag = String(plain.headers['etag']);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      expect(await ask('GET', '/console/', { 'if-none-match': known })).toMatchObject({ status: 304, text: '' });
    }
    expect((await ask('GET', '/console/', { 'if-none-match': '"other"' })).status).toBe(200);
    expect(plain.text).not.toMatch(/<script>|style=|https?:\/\//);
  });

  test.each([
    '/console/../../../etc/passwd',
    '/console/assets/..%2f..%2fpackage.json',
    '/console/package.json',
    '/console/assets/',
  ])('%s leads to no other file', async (path) => {
    // No client of Node.js sends such a path as it is.
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(api.url).port), '127.0.0.1', () =>
        socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
      );
      let text = '';
      socket.on('data', (data) => (text += data.toString()));
      socket.on('close', () => resolve(text));
    });
    expect(answer).not.toMatch(/root:|"private"/);
  });

  test('a browser that asks for the server comes to the console; a program gets its 401 as before', async () => {
    const browser = { accept: 'text/html,application/xhtml+xml' };
    expect((await ask('GET', '/', browser)).headers['location']).toBe('/console/');
    expect((await ask('GET', '/console', browser)).headers['location']).toBe('/console/');
    expect((await ask('GET', '/')).status).toBe(401);
    expect((await ask('POST', '/console/messages')).status).toBe(405);
  });
});

test('while Redis is away a session is neither granted nor ended', async () => {
  const cookie = await signIn();
  redis.freeze();
  try {
    expect((await ask('GET', '/v2/queues', { ...page, cookie })).status).toBe(503);
    expect((await ask('POST', '/console/session', {}, JSON.stringify({ token: testToken }))).status).toBe(503);
  } finally {
    redis.thaw();
  }
  await eventually(async () => (await ask('GET', '/v2/queues', { ...page, cookie })).status === 200);
});
