// Handlers in applications that are set up wrongly: no keys, a body parser in front, numbers that are none.
import type { IncomingMessage, RequestListener } from 'node:http';
import { buffer } from 'node:stream/consumers';
import express from 'express';
import * as h3v1 from 'h3-v1';
import { Hono, type Context } from 'hono';
import Koa from 'koa';
import { apps, body, closeApps, keys, runGuard, serve, sign, url, type App } from './apps.fixture.ts';
import { verifySignatureExpress } from './express.ts';
import { verifySignatureFetch } from './fetch.ts';
import { verifySignatureH3 } from './h3.ts';
import { verifySignatureHono } from './hono.ts';
import { verifySignatureKoa } from './koa.ts';
import { verifySignatureNestjs } from './nestjs.ts';
import { verifySignature } from './nextjs.ts';

const { env } = process;
let errors: jest.SpyInstance;
beforeEach(() => {
  process.env = Object.fromEntries(Object.entries(env).filter(([name]) => !/QSTASH|NODE_ENV/.test(name)));
  errors = jest.spyOn(console, 'error').mockImplementation();
  jest.spyOn(console, 'warn').mockImplementation();
});
afterEach(() => {
  process.env = env;
  jest.restoreAllMocks();
});
afterAll(closeApps);

const post = (signature: string, text = body) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'Upstash-Signature': signature },
  body: text,
});

describe.each(Object.entries(apps))('%s', (_name, create) => {
  test('without keys it starts, refuses every request with what to do, and says it once on the console', async () => {
    const { send } = await create();
    for (const signature of [sign('sig_a'), sign('', body), 'x.y.z']) {
      const response = await send(post(signature));
      expect([response.status, await response.text()]).toEqual([
        500,
        expect.stringContaining('There are no signing keys: pass them, or set QSTASH_CURRENT_SIGNING_KEY'),
      ]);
    }
    expect(errors).toHaveBeenCalledTimes(1);
    expect(errors).toHaveBeenCalledWith(expect.stringContaining('There are no signing keys'));
  });

  test('keys that come after it was created are used', async () => {
    const { send } = await create();
    process.env['QSTASH_CURRENT_SIGNING_KEY'] = 'sig_a';
    expect((await send(post(sign('sig_a')))).status).toBe(200);
  });

  test.each([
    ['QSTASH_DEV', 'maybe', "QSTASH_DEV is 'maybe'"],
    ['QSTASH_DEV', 'true', 'QSTASH_DEV is on while NODE_ENV is production'],
  ])('%s=%s in production is a refusal that names it', async (name, value, reason) => {
    const { send } = await create(keys);
    Object.assign(process.env, { [name]: value, NODE_ENV: 'production' });
    for (const key of ['sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r', 'sig_a']) {
      const response = await send(post(sign(key)));
      expect([response.status, await response.text()]).toEqual([500, expect.stringContaining(reason)]);
    }
  });

  test.each([
    ['clockTolerance', NaN],
    ['clockTolerance', Infinity],
    ['clockTolerance', '60'],
    ['clockTolerance', -1],
    ['clockTolerance', null],
    ['maxBodyBytes', NaN],
    ['maxBodyBytes', Infinity],
    ['maxBodyBytes', '1000'],
    ['maxBodyBytes', -1],
  ])('%s of %p is refused, and switches nothing off', async (name, value) => {
    const { send } = await create({ ...keys, [name]: value });
    for (const token of [sign('sig_a'), sign('sig_a', body, { exp: 1 })]) {
      const response = await send(post(token));
      expect([response.status, await response.text()]).toEqual([500, expect.stringContaining(`${name} is`)]);
    }
  });
});

type Parsed = IncomingMessage & { body?: unknown };

/** A body parser that keeps no bytes. */
async function parse(request: Parsed): Promise<void> {
  request.body = JSON.parse((await buffer(request)).toString()) as unknown;
}

const parsed: Record<string, [advice: string, create: () => App | Promise<App>]> = {
  'Express behind express.json()': [
    'before express.json()',
    () => serve(express().post('/hook', express.json(), verifySignatureExpress(keys)) as RequestListener),
  ],
  'Next.js, pages router with its parser': [
    'bodyParser: false',
    () =>
      serve((request: Parsed, response) => {
        const handler = verifySignature(() => response.end(), keys);
        void parse(request).then(() => handler(request, response));
      }),
  ],
  'Koa behind a parser': [
    'before the body parser',
    () => {
      const app = new Koa().use(async ({ req }, next) => {
        await parse(req);
        await next();
      });
      const callback = app.use(verifySignatureKoa(keys)).callback();
      return serve((request, response) => void callback(request, response));
    },
  ],
  'a guard of NestJS without rawBody': [
    'rawBody: true',
    () =>
      serve((request, response) => {
        void parse(request).then(() => runGuard(verifySignatureNestjs(keys), request, response));
      }),
  ],
  'h3 1 behind a parser': [
    'before anything that reads the body',
    () => {
      const app = h3v1.createApp();
      app.use(
        h3v1.eventHandler(({ node }) => parse(node.req).then(() => (((node.req as Parsed).body = {}), undefined))),
      );
      app.use(verifySignatureH3((_event: h3v1.H3Event) => 'ok', keys));
      return serve(h3v1.toNodeListener(app));
    },
  ],
  'fetch, after the body was read': [
    'verify the signature first',
    () => ({
      send: async (init) => {
        const request = new Request(url, init);
        await request.text();
        return verifySignatureFetch(() => new Response(), keys)(request);
      },
    }),
  ],
  'Hono, after c.req.raw was read': [
    'use verifySignatureHono() first',
    () => {
      const app = new Hono().use(async (c, next) => {
        await c.req.raw.text();
        await next();
      });
      app.post('/hook', verifySignatureHono(keys), (c) => c.text('ok'));
      return { send: (init) => Promise.resolve(app.request(url, init)) };
    },
  ],
};

describe.each(Object.entries(parsed))('%s', (_name, [advice, create]) => {
  test('a genuine delivery is a 500 that says what to change, once on the console too', async () => {
    const { send } = await create();
    for (let n = 0; n < 2; n++) {
      const response = await send(post(sign('sig_a')));
      expect([response.status, await response.text()]).toEqual([500, expect.stringContaining(advice)]);
    }
    expect(errors).toHaveBeenCalledWith(expect.stringContaining(advice));
  });

  test('a forged one is 403', async () => {
    const { send } = await create();
    expect((await send(post(sign('sig_c')))).status).toBe(403);
    expect((await send(post('x.y.z'))).status).toBe(403);
    expect(errors).not.toHaveBeenCalled();
  });
});

test.each(Object.entries(apps))('%s: empty keys are none', async (_name, create) => {
  const { send } = await create({ currentSigningKey: '', nextSigningKey: '' });
  expect((await send(post(sign('sig_a')))).status).toBe(500);
  expect(errors).toHaveBeenCalledWith(expect.stringContaining('There are no signing keys'));
  process.env['QSTASH_CURRENT_SIGNING_KEY'] = 'sig_a';
  expect((await send(post(sign('sig_a')))).status).toBe(200);
});

describe('Hono, after middleware has read the body', () => {
  type Read = (c: Context) => Promise<unknown>;
  const send = (read: Read, text: string, type: string, signature = sign('sig_a', text)) => {
    const app = new Hono().use(async (c, next) => {
      await read(c);
      await next();
    });
    app.post('/hook', verifySignatureHono(keys), (c) => c.text('ok'));
    const headers = { 'Content-Type': type, 'Upstash-Signature': signature };
    return Promise.resolve(app.request(url, { method: 'POST', headers, body: text }));
  };
  const json = 'application/json';

  test.each<[string, Read, string, string]>([
    ['bytes', (c) => c.req.arrayBuffer(), body, json],
    ['a blob', (c) => c.req.blob(), body, json],
    ['text', (c) => c.req.text(), body, json],
    ['JSON', (c) => c.req.json(), body, json],
    ['a form that Hono parses', (c) => c.req.parseBody(), 'a=1&b=2', 'application/x-www-form-urlencoded'],
  ])('as %s, a genuine delivery goes on, and a forged one is 403', async (_name, read, text, type) => {
    expect((await send(read, text, type)).status).toBe(200);
    expect((await send(read, text, type, sign('sig_c', text))).status).toBe(403);
  });

  test.each<[string, Read, string, string]>([
    ['text with a byte order mark', (c) => c.req.text(), '\ufeff{}', json],
    ['a form', (c) => c.req.formData(), 'a=1&b=2', 'application/x-www-form-urlencoded'],
  ])('as %s, a genuine delivery is a 500 that says what to change', async (_name, read, text, type) => {
    const response = await send(read, text, type);
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining('use verifySignatureHono() first'),
    ]);
    expect((await send(read, text, type, sign('sig_c', text))).status).toBe(403);
  });
});

test.each([
  ['{"n":1}', 200],
  [body, 500],
])('Hono that has kept only the value of the JSON %s: %i', async (text, status) => {
  const raw = new Request(url, post(sign('sig_a', text), text));
  const bodyCache = { json: (await raw.json()) as unknown };
  const req = { raw, bodyCache, header: (name: string) => raw.headers.get(name) ?? undefined };
  const refusal = await verifySignatureHono(keys)({ req, env: {} }, () => Promise.resolve());
  expect(refusal?.status ?? 200).toBe(status);
});

describe('Express behind a parser of text', () => {
  const create = (parser: express.RequestHandler) =>
    serve(
      express().post(
        '/hook',
        parser,
        verifySignatureExpress(keys),
        (_, response) => void response.end(),
      ) as RequestListener,
    );
  const send = async (parser: express.RequestHandler, text: string, type: string, signed = text) =>
    (await create(parser)).send({
      method: 'POST',
      headers: { 'Content-Type': type, 'Upstash-Signature': sign('sig_a', signed) },
      body: text,
    });

  test('the value of a JSON string is not the body: 500 with advice', async () => {
    const response = await send(express.json({ strict: false }), '"hello"', 'application/json; charset=utf-8');
    expect([response.status, await response.text()]).toEqual([500, expect.stringContaining('before express.json()')]);
  });

  test('the text is', async () => {
    const parser = express.text({ type: '*/*' });
    expect((await send(parser, body, 'application/json')).status).toBe(200);
    expect((await send(parser, 'hello', 'text/plain')).status).toBe(200);
    expect((await send(parser, 'hello', 'text/plain', 'other')).status).toBe(403);
  });
});

describe('a request of h3 1 on a serverless host, which is no stream', () => {
  /** As node-mock-http makes it. */
  const createEvent = (headers: object, given: string | Buffer | null) => ({
    node: {
      req: {
        headers: { 'upstash-signature': sign('sig_a', String(given ?? '')), ...headers },
        body: given ?? null,
        readable: false,
        readableEnded: true,
        readableDidRead: false,
        destroyed: false,
        [Symbol.asyncIterator]: () => {
          throw new Error('Readable.asyncIterator is not implemented yet!');
        },
      },
    },
  });
  const handler = verifySignatureH3(() => 'ok', keys);

  test.each<[string, object, string | Buffer | null]>([
    ['an empty body', {}, null],
    ['an empty body with its length', { 'content-length': '0' }, null],
    ['an empty text', { 'content-length': '0' }, ''],
    ['a text', { 'content-length': '5' }, 'hello'],
    ['bytes', { 'content-length': '5' }, Buffer.from('hello')],
  ])('hands on %s, and refuses it when it is forged', async (_name, headers, given) => {
    expect(await handler(createEvent(headers, given))).toBe('ok');
    const forged = { ...headers, 'upstash-signature': sign('sig_c', String(given ?? '')) };
    expect(((await handler(createEvent(forged, given))) as Response).status).toBe(403);
  });

  test('a body that is announced and is not there is not an empty one', async () => {
    const response = (await handler(createEvent({ 'content-length': '5' }, null))) as Response;
    expect(response.status).toBe(500);
  });
});

test('in development mode the published keys are used, and a warning says so', async () => {
  const handler = verifySignatureFetch(() => new Response(), keys);
  process.env['QSTASH_DEV'] = 'true';
  const warn = jest.spyOn(console, 'warn');
  expect((await handler(new Request(url, post(sign('sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r'))))).status).toBe(200);
  expect((await handler(new Request(url, post(sign('sig_a'))))).status).toBe(403);
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn).toHaveBeenCalledWith(expect.stringContaining('QSTASH_DEV is on'));
});
