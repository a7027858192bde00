import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Broker } from '@posthorn/broker';
import express from 'express';
import type { AppParts } from '../app-parts.ts';
import { authenticate } from '../middleware/authenticate.ts';
import { handleErrors } from '../middleware/handle-errors.ts';
import { batchRoutes } from './batch.ts';

const token = 'a-token-of-this-test';

let server: Server;
const headerCounts: number[] = [];
const tokensInQuery: boolean[] = [];
beforeAll(async () => {
  const publishBatch: Broker['publishBatch'] = async (requests) => {
    headerCounts.push(...requests.map(({ headers }) => headers.length / 2));
    tokensInQuery.push(...requests.map(({ tokenInQuery }) => tokenInQuery));
    return [];
  };
  const limits = { maxBytes: 10_000_000, maxItems: 10, maxMessageBytes: 1_000_000 };
  const log = { error: () => undefined, warn: () => undefined } as unknown as AppParts['log'];
  const app = express().use(authenticate([token], undefined));
  const [route] = batchRoutes({ publishBatch } as unknown as Broker, () => undefined, limits);
  if (route) app[route.method](route.path, route.handle);
  server = createServer(app.use(handleErrors(log))).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => (headerCounts.length = tokensInQuery.length = 0));

const send = (item: object, query: string, headers: Record<string, string>) =>
  fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/batch${query}`, {
    method: 'POST',
    headers,
    body: JSON.stringify([item]),
  });
const batch = (item: object) => send(item, '', { authorization: `Bearer ${token}` });
const headers = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`h${n}`, 'v']));
const query = (count: number, value = 'v') =>
  Array.from({ length: count }, (_, n) => `upstash-forward-q${n}=${value}`).join('&');

test.each<[string, { options?: string; headers?: object; body?: object }, number, number[]]>([
  ['as many headers as are allowed', { headers: headers(200), body: { a: 1 } }, 200, [201]],
  [
    'headers and options in the query, as many as are allowed',
    { headers: headers(100), options: query(100) },
    200,
    [200],
  ],
  ['headers and options in the query, one too many', { headers: headers(100), options: query(101) }, 431, []],
  ['options in the query that are too large', { options: query(20, 'x'.repeat(2000)) }, 431, []],
])('an item with %s', async (_, { options, ...item }, status, expected) => {
  const destination = `https://a.example/${options === undefined ? '' : `?${options}`}`;
  expect((await batch({ destination, ...item })).status).toBe(status);
  expect(headerCounts).toEqual(expected);
});

test('an Authorization header of an item may be forwarded if the token came by query', async () => {
  const item = { destination: 'https://a.example/' };
  expect((await send(item, `?qstash_token=${token}`, {})).status).toBe(200);
  expect((await batch(item)).status).toBe(200);
  expect(tokensInQuery).toEqual([true, false]);
});
