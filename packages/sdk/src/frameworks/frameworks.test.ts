import { once } from 'node:events';
import { createHmac, hash } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fastify from 'fastify';
import * as h3v1 from 'h3-v1';
import { Hono } from 'hono';
import { verifySignatureCloudflare } from './cloudflare.ts';
import { verifySignatureExpress } from './express.ts';
import { verifySignatureFastify } from './fastify.ts';
import { verifySignatureFetch } from './fetch.ts';
import { verifySignatureH3 } from './h3.ts';
import { verifySignatureHono } from './hono.ts';
import { verifySignature, verifySignatureAppRouter, verifySignatureEdge } from './nextjs.ts';
import { verifySignatureNuxt } from './nuxt.ts';
import { verifySignatureSolidjs } from './solidjs.ts';
import { verifySignatureSvelte } from './svelte.ts';

const config = { currentSigningKey: 'sig_a', nextSigningKey: 'sig_b' };
const url = 'https://app.example/hook';
/** With blanks that a parser would lose. */
const body = '{ "n":  1 }';

function sign(key: string, text = body): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'Upstash',
    sub: url,
    exp: now + 300,
    nbf: 0,
    iat: now,
    jti: 'jwt_1',
    body: hash('sha256', text, 'base64url'),
  };
  const input = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

/** Sends a request to one of the apps below, each of which answers with what it has read as JSON. */
type Send = (init: RequestInit) => Promise<Response>;

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close()));
afterEach(() => jest.restoreAllMocks());

async function serve(listener: RequestListener): Promise<Send> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (init) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, init);
}

const answerJson = async (request: Request) => Response.json({ got: (await request.json()) as unknown });
const direct =
  (handler: (request: Request) => Promise<Response>): Send =>
  (init) =>
    handler(new Request(url, init));

const apps: Record<string, () => Send | Promise<Send>> = {
  fetch: () => direct(verifySignatureFetch(answerJson, config)),
  'Next.js, app router': () => direct((request) => verifySignatureAppRouter(answerJson, config)(request)),
  'Next.js, edge': () => direct((request) => verifySignatureEdge(answerJson, config)(request)),
  'Next.js, pages router': () =>
    serve((request, response) => {
      const handler = verifySignature<typeof request & { body?: unknown }, ReturnType<typeof toPagesResponse>>(
        (req, res) => res.status(200).send(JSON.stringify({ got: req.body })),
        config,
      );
      void handler(request, toPagesResponse(response)).catch((error: unknown) =>
        response.writeHead(500).end(String(error)),
      );
    }),
  SvelteKit: () =>
    direct((request) => verifySignatureSvelte((event) => answerJson(event.request), config)({ request })),
  SolidStart: () =>
    direct((request) => verifySignatureSolidjs((event) => answerJson(event.request), config)({ request })),
  Cloudflare: () => {
    const handler = verifySignatureCloudflare((request, _env: object, _context: object) => answerJson(request));
    const env = { QSTASH_CURRENT_SIGNING_KEY: 'sig_a', QSTASH_NEXT_SIGNING_KEY: 'sig_b' };
    return direct((request) => handler(request, env, {}));
  },
  Hono: () => {
    const app = new Hono().post('/hook', verifySignatureHono(config), async (c) => c.json({ got: await c.req.json() }));
    return (init) => Promise.resolve(app.request(url, init));
  },
  'Hono with keys in its bindings': () => {
    const app = new Hono().post('/hook', verifySignatureHono(), async (c) => c.json({ got: await c.req.json() }));
    const env = { QSTASH_CURRENT_SIGNING_KEY: 'sig_a', QSTASH_NEXT_SIGNING_KEY: 'sig_b' };
    return (init) => Promise.resolve(app.request(url, init, env));
  },
  Express: () => {
    const app = express().post('/hook', verifySignatureExpress(config), express.json(), (req, res) => {
      res.json({ got: req.body });
    });
    return serve(app as RequestListener);
  },
  'Express behind express.raw()': () => {
    const raw = express.raw({ type: '*/*' });
    const app = express().post('/hook', raw, verifySignatureExpress(config), (req, res) => {
      res.json({ got: JSON.parse(String(req.body)) as unknown });
    });
    return serve(app as RequestListener);
  },
  'Express with the bytes kept by express.json()': () => {
    const keep = express.json({ verify: (req, _res, bytes) => Object.assign(req, { rawBody: bytes }) });
    const app = express().post('/hook', keep, verifySignatureExpress(config), (req, res) => {
      res.json({ got: req.body });
    });
    return serve(app as RequestListener);
  },
  Fastify: async () => {
    const app = fastify();
    app.post('/hook', { preParsing: verifySignatureFastify(config) }, ({ body: got }) => ({ got }));
    const address = await app.listen({ port: 0, host: '127.0.0.1' });
    servers.push(app.server);
    return (init) => fetch(`${address}/hook`, init);
  },
  'h3 1 on Node.js': () => {
    const app = h3v1.createApp();
    const handler = verifySignatureH3(
      async (event: h3v1.H3Event) => ({ got: (await h3v1.readBody(event)) as unknown }),
      config,
    );
    app.use(h3v1.createRouter().post('/hook', handler));
    return serve(h3v1.toNodeListener(app));
  },
  'h3 1 with fetch requests': () => {
    const app = h3v1.createApp();
    const handler = verifySignatureNuxt(
      async (event: h3v1.H3Event) => ({ got: (await h3v1.readBody(event)) as unknown }),
      config,
    );
    app.use(h3v1.createRouter().post('/hook', handler));
    return direct(h3v1.toWebHandler(app));
  },
  // h3 2 itself is in the test of the package: jest cannot load it.
  'an event of h3 2': () =>
    direct(
      (req) =>
        verifySignatureH3((event: { req: Request }) => answerJson(event.req), config)({ req }) as Promise<Response>,
    ),
};

function toPagesResponse(response: Parameters<RequestListener>[1]) {
  return {
    status(code: number) {
      response.statusCode = code;
      return { send: (text: string) => void response.end(text) };
    },
  };
}

describe.each(Object.entries(apps))('%s', (name, create) => {
  let send: Send;
  beforeAll(async () => {
    send = await create();
  });
  const post = (signature: string | undefined, text = body) =>
    send({
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
    expect(response.status).toBe(name === 'Next.js, pages router' ? 400 : 403);
    expect(await response.text()).toContain('`Upstash-Signature` header is missing');
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
});

test('handlers of fetch requests get their further arguments', async () => {
  const seen: unknown[] = [];
  const handler = verifySignatureAppRouter((_request: Request, context: { params: object }) => {
    seen.push(context);
    return new Response();
  }, config);
  const request = new Request(url, { method: 'POST', body, headers: { 'Upstash-Signature': sign('sig_a') } });
  await handler(request, { params: { id: '1' } });
  expect(seen).toEqual([{ params: { id: '1' } }]);
});

test('with a URL in the configuration, signatures for another URL are refused', async () => {
  const send = (expected: string) =>
    verifySignatureFetch(answerJson, { ...config, url: expected })(
      new Request('http://behind-a-proxy/hook', {
        method: 'POST',
        body,
        headers: { 'Upstash-Signature': sign('sig_a') },
      }),
    );
  expect((await send(url)).status).toBe(200);
  expect((await send('https://other.example')).status).toBe(403);
});

test('without keys a handler does not even start, unless they depend on the region or come with the request', () => {
  const { env } = process;
  process.env = Object.fromEntries(Object.entries(env).filter(([name]) => !name.includes('QSTASH')));
  try {
    for (const wrap of [verifySignatureFetch, verifySignatureAppRouter, verifySignatureSvelte, verifySignatureH3]) {
      expect(() => (wrap as (handler: unknown) => unknown)(answerJson)).toThrow('There are no signing keys');
    }
    for (const wrap of [verifySignatureExpress, verifySignatureFastify])
      expect(() => wrap()).toThrow('no signing keys');
    expect(() => verifySignatureHono()).not.toThrow();
    process.env['QSTASH_REGION'] = 'US_EAST_1';
    expect(() => verifySignatureFetch(answerJson)).not.toThrow();
  } finally {
    process.env = env;
  }
});

test('a body that somebody has read before is an error that says what to do', async () => {
  const request = new Request(url, { method: 'POST', body, headers: { 'Upstash-Signature': sign('sig_a') } });
  await request.text();
  await expect(verifySignatureFetch(answerJson, config)(request)).rejects.toThrow('verify it first');

  jest.spyOn(console, 'error').mockImplementation();
  const app = express().post('/hook', express.json(), verifySignatureExpress(config));
  const send = await serve(app as RequestListener);
  const headers = { 'Content-Type': 'application/json', 'Upstash-Signature': sign('sig_a') };
  const response = await send({ method: 'POST', body, headers });
  expect([response.status, await response.text()]).toEqual([500, expect.stringContaining('before express.json()')]);
});

test('a body without end is not read into memory', async () => {
  const app = express().post('/hook', verifySignatureExpress({ ...config, maxBodyBytes: 1000 }));
  const send = await serve(app as RequestListener);
  const response = await send({ method: 'POST', body: 'x'.repeat(1001), headers: { 'Upstash-Signature': 'a.b.c' } });
  expect(response.status).toBe(413);
});
