import type { RequestListener } from 'node:http';
import express from 'express';
import { Hono } from 'hono';
import { apps, body, closeApps, keys, serve, sign, url, type App } from './apps.fixture.ts';
import { verifySignatureCloudflare } from './cloudflare.ts';
import { verifySignatureExpress } from './express.ts';
import { verifySignatureFetch } from './fetch.ts';
import { verifySignatureHono } from './hono.ts';
import { verifySignatureLambda } from './lambda.ts';
import { verifySignature, verifySignatureAppRouter } from './nextjs.ts';
import type { ConfigOrFunction } from './verify.ts';

afterAll(closeApps);
afterEach(() => jest.restoreAllMocks());

const withHeaders = (signature: string, type = 'application/json') => ({
  'Content-Type': type,
  'Upstash-Signature': signature,
});
const answerJson = async (request: Request) => Response.json({ got: (await request.json()) as unknown });

const bindings = { QSTASH_CURRENT_SIGNING_KEY: 'sig_a', QSTASH_NEXT_SIGNING_KEY: 'sig_b' };
const more: typeof apps = {
  'Hono with keys in its bindings': () => {
    const app = new Hono().post('/hook', verifySignatureHono(), async (c) => c.json({ got: await c.req.json() }));
    return { send: (init) => Promise.resolve(app.request(url, init, bindings)) };
  },
  'Cloudflare with keys in its bindings': () => {
    const handler = verifySignatureCloudflare((request, _env: object) => answerJson(request));
    return { send: (init) => handler(new Request(url, init), bindings) };
  },
  'Express behind express.raw()': (config) => {
    const raw = express.raw({ type: '*/*' });
    const app = express().post('/hook', raw, verifySignatureExpress(config), (request, response) => {
      response.json({ got: JSON.parse(String(request.body)) as unknown });
    });
    return serve(app as RequestListener);
  },
  'Express with the bytes kept by express.json()': (config) => {
    const keep = express.json({ verify: (request, _response, bytes) => Object.assign(request, { rawBody: bytes }) });
    const app = express().post('/hook', keep, verifySignatureExpress(config), (request, response) => {
      response.json({ got: request.body });
    });
    return serve(app as RequestListener);
  },
};

describe.each(Object.entries({ ...apps, ...more }))('%s', (name, create) => {
  let app: App;
  beforeAll(async () => {
    app = await create(keys);
  });
  const post = (signature: string | undefined, text = body) =>
    app.send({
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(signature === undefined ? {} : { 'Upstash-Signature': signature }),
      },
      body: text,
    });

  test.each(['sig_a', 'sig_b'])('hands on what is signed with %s, with its body', async (key) => {
    const response = await post(sign(key));
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringMatching(/^{\s*"got":\s*{\s*"n":\s*1\s*}\s*}$/),
    ]);
  });

  test('refuses what has no signature', async () => {
    const response = await post(undefined);
    expect([response.status, await response.text()]).toEqual([
      name === 'Next.js, pages router' ? 400 : 403,
      expect.stringContaining('`Upstash-Signature` header is missing'),
    ]);
  });

  test('refuses another key and another body', async () => {
    const wrongKey = await post(sign('sig_c'));
    expect([wrongKey.status, await wrongKey.text()]).toEqual([403, 'invalid signature']);
    const wrongBody = await post(sign('sig_a'), '{"n":1}');
    expect([wrongBody.status, await wrongBody.text()]).toEqual([
      403,
      expect.stringContaining('body hash does not match'),
    ]);
  });

  test('refuses an empty body that is forged, and one whose signature is for another', async () => {
    const send = (signature: string) => app.send({ method: 'POST', headers: { 'Upstash-Signature': signature } });
    expect((await send('x.y.z')).status).toBe(403);
    const response = await send(sign('sig_a'));
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining('body hash')]);
  });
});

test('handlers of fetch requests get their further arguments', async () => {
  const seen: unknown[] = [];
  const handler = verifySignatureAppRouter((_request: Request, context: { params: object }) => {
    seen.push(context);
    return new Response();
  }, keys);
  await handler(new Request(url, { method: 'POST', body, headers: withHeaders(sign('sig_a')) }), {
    params: { id: '1' },
  });
  expect(seen).toEqual([{ params: { id: '1' } }]);
});

test('with a URL in the configuration, signatures for another URL are refused', async () => {
  const send = (expected: string) =>
    verifySignatureFetch(answerJson, { ...keys, url: expected })(
      new Request('http://behind-a-proxy/hook', { method: 'POST', body, headers: withHeaders(sign('sig_a')) }),
    );
  expect((await send(url)).status).toBe(200);
  expect((await send('https://other.example')).status).toBe(403);
});

test.each<[string, ConfigOrFunction]>([
  ['a function', () => keys],
  ['a function that takes its time', async () => keys],
])('the configuration may be %s, which is called with each request', async (_name, config) => {
  const handler = verifySignatureFetch(answerJson, config);
  const send = (signature: string) =>
    handler(new Request(url, { method: 'POST', body, headers: withHeaders(signature) }));
  expect((await send(sign('sig_a'))).status).toBe(200);
  expect((await send(sign('sig_c'))).status).toBe(403);
});

test('after the middleware of Hono, the request itself can still be read', async () => {
  const app = new Hono().post('/hook', verifySignatureHono(keys), async (c) =>
    c.body(new Uint8Array(await c.req.raw.arrayBuffer())),
  );
  const response = await app.request(url, { method: 'POST', body, headers: withHeaders(sign('sig_a')) });
  expect([response.status, await response.text()]).toEqual([200, body]);
});

test('before the middleware of Hono, a body may be read through Hono', async () => {
  const app = new Hono().post(
    '/hook',
    async (c, next) => {
      await c.req.json();
      await next();
    },
    verifySignatureHono(keys),
    async (c) => c.text(await c.req.text()),
  );
  const response = await app.request(url, { method: 'POST', body, headers: withHeaders(sign('sig_a')) });
  expect([response.status, await response.text()]).toEqual([200, body]);
});

describe('what handlers find as the body', () => {
  const bytes = Uint8Array.from([0, 255, 1, 128]);
  test.each<[string, string, string | Uint8Array, unknown]>([
    ['JSON', 'application/json', body, { n: 1 }],
    ['JSON with a charset', 'application/json; charset=utf-8', body, { n: 1 }],
    ['JSON in upper case', 'Application/JSON', body, { n: 1 }],
    ['what is only called JSON', 'application/json', '{', '{'],
    ['JSON text sequences', 'application/json-seq', body, body],
    ['text', 'text/plain', body, body],
    ['bytes', 'application/octet-stream', bytes, new TextDecoder().decode(bytes)],
  ])('%s', async (_name, type, sent, expected) => {
    const seen: { body: unknown; rawBody: unknown }[] = [];
    const routes = [
      await serve(
        express().post('/hook', verifySignatureExpress(keys), (request, response) => {
          seen.push(request as unknown as (typeof seen)[0]);
          response.end();
        }) as RequestListener,
      ),
      await serve(
        (request, response) =>
          void verifySignature((req, res) => {
            seen.push({ body: (req as { body?: unknown }).body, rawBody: req.rawBody });
            res.end('');
          }, keys)(request, response),
      ),
    ];
    for (const { send } of routes) {
      const headers = withHeaders(sign('sig_a', sent), type);
      expect((await send({ method: 'POST', body: sent as string, headers })).status).toBe(200);
    }
    expect(seen).toHaveLength(2);
    for (const request of seen) {
      expect(request.body).toEqual(expected);
      expect(request.rawBody).toEqual(Buffer.from(sent as string));
    }
  });
});

describe('events of AWS Lambda', () => {
  const handler = verifySignatureLambda((event: object) => ({ statusCode: 200, body: JSON.stringify(event) }), keys);
  const signature = sign('sig_a');
  const empty = sign('sig_a', '');
  test.each<[string, object]>([
    ['an HTTP API or a function URL', { headers: { 'upstash-signature': signature }, body }],
    [
      'one with a body in base64',
      { headers: { 'upstash-signature': signature }, body: btoa(body), isBase64Encoded: true },
    ],
    ['a REST API', { headers: { 'Upstash-Signature': signature }, multiValueHeaders: {}, body }],
    ['a load balancer with lists of headers', { multiValueHeaders: { 'upstash-signature': [signature] }, body }],
    ['no body', { headers: { 'upstash-signature': empty } }],
    ['a body that is null', { headers: { 'upstash-signature': empty }, body: null, isBase64Encoded: false }],
    ['an empty body in base64', { headers: { 'upstash-signature': empty }, body: '', isBase64Encoded: true }],
  ])('%s', async (_name, event) => {
    expect(await handler(event)).toEqual({ statusCode: 200, body: JSON.stringify(event) });
    expect(await handler({ ...event, body: 'other', isBase64Encoded: false })).toMatchObject({ statusCode: 403 });
  });

  test.each([{}, { headers: null, multiValueHeaders: null }, { headers: { 'upstash-signature': '' }, body }])(
    'without a signature: %j',
    async (event) => {
      expect(await handler(event)).toEqual({
        statusCode: 403,
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
        body: '`Upstash-Signature` header is missing',
      });
    },
  );
});
