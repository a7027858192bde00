import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { AppParts } from '../app-parts.ts';
import { authenticate } from '../middleware/authenticate.ts';
import { logStreamRoutes } from './log-stream.ts';

let server: Server;
let open = 0;
const stream = { count: () => open, open: () => ((open += 1), () => (open -= 1)) };
const token = 'a-token-of-this-test';

beforeAll(async () => {
  const parts = { broker: { views: { stream } }, stopping: new AbortController().signal } as unknown as AppParts;
  const app = express().use(authenticate([token], undefined));
  for (const { method, path, handle } of logStreamRoutes(parts)) app[method](path, handle);
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('a HEAD of the stream is answered and opens none', async () => {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/v2/logs/stream`, {
    method: 'HEAD',
    headers: { Authorization: `Bearer ${token}` },
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  expect(await response.text()).toBe('');
  expect(open).toBe(0);
});
