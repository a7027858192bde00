// The configuration as a function, and what is called after a check.
import { apps, closeApps, keys, runGuard, serve, sign, url, body } from './apps.fixture.ts';
import { verifySignatureCloudflare } from './cloudflare.ts';
import { verifySignatureExpress } from './express.ts';
import { verifySignatureEvent, verifySignatureFetch } from './fetch.ts';
import { verifySignatureHono, type HonoContext } from './hono.ts';
import { verifySignatureLambda } from './lambda.ts';
import { verifySignatureNestjs } from './nestjs.ts';

let errors: jest.SpyInstance;
beforeEach(() => void (errors = jest.spyOn(console, 'error').mockImplementation()));
afterEach(() => jest.restoreAllMocks());
afterAll(closeApps);

const post = (signature = sign('sig_a')) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'Upstash-Signature': signature },
  body,
});

describe.each(Object.entries(apps))('%s', (_name, create) => {
  test('calls the function with something of the request, once for each', async () => {
    const config = jest.fn<typeof keys, [unknown]>(() => keys);
    const { send } = await create(config);
    expect((await send(post())).status).toBe(200);
    expect((await send(post(sign('sig_c')))).status).toBe(403);
    expect(config.mock.calls).toEqual([[expect.anything()], [expect.anything()]]);
  });

  test.each([[undefined], [null], ['keys']])('a function that gives %p is a 500 that says so', async (given) => {
    const { send } = await create((() => given) as never);
    const response = await send(post());
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining(`The configuration is ${String(given)}`),
    ]);
    expect(errors).toHaveBeenCalledTimes(1);
  });
});

describe('the function gets what the handler gets', () => {
  const request = () => new Request(url, post());
  const seen: unknown[] = [];
  const config = (first: unknown) => {
    seen.push(first);
    return keys;
  };
  beforeEach(() => seen.splice(0));

  test('a request', async () => {
    const one = request();
    await verifySignatureFetch(() => new Response(), config)(one);
    await verifySignatureCloudflare(() => new Response(), config)(one, {});
    expect(seen).toEqual([one, one]);
  });

  test('an event, with the keys of its platform', async () => {
    const event = { request: request(), platform: { env: keys } };
    // Its own type, which has more than the handler needs.
    const handler = verifySignatureEvent(
      (_event: typeof event) => new Response('ok'),
      ({ platform }) => platform.env,
    );
    expect((await handler(event)).status).toBe(200);
  });

  test('a context of Hono, also by its own type', async () => {
    interface Context extends HonoContext {
      env: { MY_KEY: string };
    }
    const raw = request();
    const header = (name: string) => raw.headers.get(name) ?? undefined;
    const context: Context = { env: { MY_KEY: 'sig_a' }, req: { raw, header } };
    const verify = verifySignatureHono(({ env }: Context) => ({ currentSigningKey: env.MY_KEY }));
    const next = jest.fn(() => Promise.resolve());
    expect(await verify(context, next)).toBeUndefined();
    expect(next).toHaveBeenCalledTimes(1);
  });

  test('an event of AWS Lambda', async () => {
    const event = { headers: { 'upstash-signature': sign('sig_a') }, body, account: 'a' };
    await verifySignatureLambda(() => ({}), config)(event);
    expect(seen).toEqual([event]);
  });
});

test('NestJS: the application may make the error of a refusal', async () => {
  class HttpException extends Error {
    readonly statusCode: number;
    constructor(message: string, statusCode: number) {
      super(message);
      this.statusCode = statusCode;
    }
  }
  const createError = (status: number, message: string) => new HttpException(message, status);
  const guard = verifySignatureNestjs(keys, { createError });
  const app = await serve((request, response) => void runGuard(guard, request, response));
  expect((await app.send(post(sign('sig_c')))).status).toBe(403);
  const context = { switchToHttp: () => ({ getRequest: () => ({ headers: {} }) }) };
  await expect(guard.canActivate(context)).rejects.toEqual(
    new HttpException('`Upstash-Signature` header is missing', 403),
  );
  await expect(guard.canActivate(context)).rejects.toBeInstanceOf(HttpException);
});

describe('Express', () => {
  test('what a handler throws is not caught, and next is called once', async () => {
    const fault = new Error('of the handler');
    const next = jest.fn(() => {
      throw fault;
    });
    const headers = { 'upstash-signature': sign('sig_a') };
    const request = { headers, rawBody: Buffer.from(body) };
    const verify = verifySignatureExpress(keys);
    await expect(verify(request as never, {} as never, next)).rejects.toBe(fault);
    expect(next.mock.calls).toEqual([[]]);
  });

  test('a fault of the check goes to next', async () => {
    const fault = new Error('of the configuration');
    const verify = verifySignatureExpress(() => Promise.reject(fault));
    const next = jest.fn();
    await verify({ headers: { 'upstash-signature': 'x' } } as never, {} as never, next);
    expect(next.mock.calls).toEqual([[fault]]);
  });
});
