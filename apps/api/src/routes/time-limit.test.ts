// Every request that waits for Redis several times has one limit of time, unless it reads or acts on much.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { contract, type Endpoint } from '@posthorn/shared';
import express from 'express';
import type { AppParts } from '../app-parts.ts';
import { sessionRoutes, type SessionParts } from '../console/session-routes.ts';
import { authenticate } from '../middleware/authenticate.ts';
import { handleErrors } from '../middleware/handle-errors.ts';
import { route } from './route.ts';
import { routes } from './routes.ts';

const token = 'a-token-of-this-test';
/** A broker of which nothing is answered. */
const frozen: object = new Proxy(() => new Promise<never>(() => undefined), {
  get: (_, name): unknown => (name === 'then' ? undefined : frozen),
});

const params = ({ path }: Endpoint) =>
  Object.fromEntries([...path.matchAll(/:(\w+)/g)].map(([, name = '']) => [name, '1-0']));

let server: Server;
beforeAll(async () => {
  const log = { error: () => undefined, warn: () => undefined } as unknown as AppParts['log'];
  const users = Buffer.from(JSON.stringify({ UserID: 'user' })).toString('base64');
  const config = { maxMessageBytes: 1e6, qstashToken: [token, users] };
  const table = routes({ broker: frozen, config, log } as unknown as AppParts);
  const app = express();
  const check = () => ({ token, scope: 'write' });
  const session = { sessions: frozen, check, countRequest: async () => undefined, cookieName: 'c', log };
  app.use('/console', sessionRoutes(session as unknown as SessionParts));
  const add = (isPublic: boolean) => {
    for (const { endpoint, method, path, handle } of table)
      if ((endpoint.scope === 'none') === isPublic) app[method](path, handle);
  };
  add(true);
  app.use(authenticate([token], undefined));
  add(false);
  app.use(handleErrors(log));
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const call = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, reply: (await response.json()) as unknown };
};

const cron = { 'Upstash-Cron': '0 0 1 1 *' };
const endpoints = JSON.stringify({ endpoints: [{ url: 'https://a.example' }] });

const calls: [method: string, path: string, body?: string | undefined, headers?: Record<string, string>][] = [
  ['POST', '/v2/schedules/https://a.example', '', cron],
  ['POST', '/v2/publish/https://a.example', '', cron],
  ['POST', '/v2/schedules/id/run'],
  ['PATCH', '/v2/schedules/id/pause'],
  ['DELETE', '/v2/schedules/id'],
  ['POST', '/v2/wait/event', '{}'],
  ['POST', '/v2/notify/wfr_1/event', 'data'],
  ['DELETE', '/v2/workflows/runs/wfr_1'],
  ['DELETE', '/v2/workflows/runs/wfr_1?cancel=false', '1'],
  ['GET', '/v2/workflows/hooks/user/wfr_1/event'],
  ['POST', '/v2/dlq/retry/1-0'],
  ['DELETE', '/v2/dlq/1-0'],
  ['DELETE', '/v2/messages/msg_1'],
  ['POST', '/v2/queues', '{"queueName":"q"}'],
  ['POST', '/v2/topics/t/endpoints', endpoints],
  ['POST', '/v2/keys/rotate'],
  ['POST', '/v2/flowControl/k/pause'],
  ['GET', '/v2/queues/q'],
  ['POST', '/console/session', JSON.stringify({ token })],
  ['GET', '/console/session', undefined, { Cookie: 'c=1' }],
  ['DELETE', '/console/session', undefined, { Cookie: 'c=1' }],
  ['POST', '/console/code', ''],
];

test('requests that wait for Redis are refused together, each after the time of one command', async () => {
  const error = 'Redis did not answer in time; the request may yet be done. Try again.';
  const answers = await Promise.all(calls.map(async (one) => [one[0], one[1], await call(...one)]));
  expect(answers).toEqual(calls.map(([method, path]) => [method, path, { status: 503, reply: { error } }]));
});

describe('a call that may act on much', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test.each([contract.queues.remove, contract.workflowDlq.resume])('$method $path has no limit', async (endpoint) => {
    const request = { headers: { authorization: `Bearer ${token}` }, url: '/', params: params(endpoint), query: {} };
    await authenticate([token], undefined)(request as never, {} as never, () => undefined);
    const { handle } = route(endpoint as Endpoint, frozen as never);
    let isOver = false;
    const end = () => void (isOver = true);
    Promise.resolve(handle(request as never, {} as never, () => undefined)).then(end, end);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(isOver).toBe(false);
  });
});
