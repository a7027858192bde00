// Bodies that another reader has kept: what they may have lost, and how long they are.
import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import Koa from 'koa';
import { body, closeApps, keys, runGuard, serve, sign, type App } from './apps.fixture.ts';
import { verifySignatureExpress } from './express.ts';
import { verifySignatureKoa } from './koa.ts';
import { verifySignatureLambda } from './lambda.ts';
import { verifySignatureNestjs } from './nestjs.ts';
import { verifySignature, type NodeRequest, type NodeResponse } from './nextjs.ts';
import type { VerifySignatureConfig } from './verify.ts';

beforeEach(() => void jest.spyOn(console, 'error').mockImplementation());
afterEach(() => jest.restoreAllMocks());
afterAll(closeApps);

type Parsed = IncomingMessage & { rawBody?: string };

/** What koa-bodyparser does, among others: it keeps the body as the text that it has decoded. */
async function keepText(request: Parsed): Promise<void> {
  request.rawBody = (await buffer(request)).toString();
}

type Create = (config: VerifySignatureConfig) => Promise<App>;
const kinds: Record<string, Create> = {
  Express: (config) => {
    const verify = verifySignatureExpress(config);
    return serve((request: Parsed, response) => {
      void keepText(request).then(() => verify(request, response, () => response.end()));
    });
  },
  Koa: (config) => {
    const app = new Koa().use(async (context, next) => {
      Object.assign(context.request, { rawBody: (await buffer(context.req)).toString() });
      await next();
    });
    app.use(verifySignatureKoa(config)).use((context) => void (context.status = 200));
    const callback = app.callback();
    return serve((request, response) => void callback(request, response));
  },
  'a guard of NestJS': (config) =>
    serve((request: Parsed, response) => {
      void keepText(request).then(() => runGuard(verifySignatureNestjs(config), request, response));
    }),
  'Next.js, pages router': (config) => {
    const handler = verifySignature((_request: NodeRequest, response: NodeResponse) => response.end(''), config);
    return serve((request: Parsed, response) => {
      void keepText(request).then(() => handler(request, response));
    });
  },
};

describe.each(Object.entries(kinds))('%s behind a parser that keeps text', (_name, create) => {
  const send = async (bytes: Uint8Array | string, signature: string, config: VerifySignatureConfig = {}) =>
    (await create({ ...keys, ...config })).send({
      method: 'POST',
      headers: { 'Content-Type': 'application/octet-stream', 'Upstash-Signature': signature },
      body: bytes as BodyInit,
    });

  test('a genuine text goes on', async () => {
    expect((await send(body, sign('sig_a', body))).status).toBe(200);
  });

  test('genuine bytes are a 500 that says what to change, for they are lost', async () => {
    const bytes = Uint8Array.from([0xff, 0xfe, 0x80]);
    const response = await send(bytes, sign('sig_a', bytes));
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining('A body parser has used the body up'),
    ]);
  });

  test('a text that was changed is 403, for nothing of it can be lost', async () => {
    expect((await send('{"order":18}', sign('sig_a', '{"order":17}'))).status).toBe(403);
  });

  test('a forged token is 403', async () => {
    expect((await send(body, sign('sig_c', body))).status).toBe(403);
  });

  test('the limit counts bytes and not characters', async () => {
    const text = '日'.repeat(40);
    const [exact, over] = await Promise.all(
      [120, 119].map((maxBodyBytes) => send(text, sign('sig_a', text), { maxBodyBytes })),
    );
    expect([exact?.status, over?.status]).toEqual([200, 413]);
  });
});

test('a changed JSON text that a host has left in `body` is 403', async () => {
  const verify = verifySignatureExpress(keys);
  const app = await serve((request: Parsed & { body?: string }, response) => {
    void buffer(request).then((bytes) => {
      request.body = bytes.toString();
      return verify(request, response, () => response.end());
    });
  });
  const send = (text: string) =>
    app.send({
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Upstash-Signature': sign('sig_a', '{"order":17}') },
      body: text,
    });
  expect([(await send('{"order":17}')).status, (await send('{"order":18}')).status]).toEqual([200, 403]);
});

test.each([
  [120, 200],
  [119, 413],
])('an event of AWS Lambda with 120 bytes of text, and a limit of %i: %i', async (maxBodyBytes, statusCode) => {
  const handler = verifySignatureLambda(() => ({ statusCode: 200 }), { ...keys, maxBodyBytes });
  const text = '日'.repeat(40);
  const event = { headers: { 'upstash-signature': sign('sig_a', text) }, body: text };
  expect(await handler(event)).toMatchObject({ statusCode });
});
