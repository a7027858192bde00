import { once } from 'node:events';
import { get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { forThisMachine } from './metrics.ts';

let server: Server;
beforeAll(async () => {
  const app = express();
  app.get(
    '/metrics',
    forThisMachine((_request, response) => void response.end('figures')),
  );
  app.use((_request, response) => void response.status(401).end());
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function ask(headers: Record<string, string>): Promise<number | undefined> {
  const { port } = server.address() as AddressInfo;
  const [response] = (await once(get({ port, path: '/metrics', headers, agent: false }), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  return response.statusCode;
}

test.each<Record<string, string>>([
  {},
  { Host: 'localhost:8080' },
  { Host: 'LOCALHOST' },
  { Host: '127.0.0.1' },
  { Host: '[::1]:8080' },
  { 'Sec-Fetch-Site': 'none' },
])('a program on this machine reads metrics without a token: %j', async (headers) => {
  expect(await ask(headers)).toBe(200);
});

test.each<Record<string, string>>([
  { Origin: 'http://localhost:3000' },
  { Origin: 'null' },
  { 'Sec-Fetch-Site': 'cross-site' },
  { 'Sec-Fetch-Site': 'same-origin' },
  { Host: 'evil.example:8080' },
  { Host: '127.0.0.1.evil.example' },
  { Host: 'localhost.evil.example' },
  { 'X-Forwarded-For': '127.0.0.1' },
])('a web page or a proxy needs a token: %j', async (headers) => {
  expect(await ask(headers)).toBe(401);
});
