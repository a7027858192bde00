import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readEnvironment } from '@posthorn/process';
import express from 'express';
import { table } from '../config.ts';
import { allowOrigins } from './allow-origins.ts';

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** A server that allows some origins, and answers everything else with a 401 and a secret. */
async function start(origins: string[]): Promise<(init: RequestInit) => Promise<Response>> {
  const app = express();
  app.use(allowOrigins(origins));
  app.use((_request, response) => {
    response.status(401).json({ error: 'secret' });
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (init) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/publish/https://h`, init);
}

const preflight = (origin: string | undefined) => ({
  method: 'OPTIONS',
  headers: {
    ...(origin === undefined ? {} : { Origin: origin }),
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'authorization,upstash-forward-x-name',
  },
});
const listed = ['https://app.example.com', 'http://localhost:3000'];

test.each(listed)(
  'a preflight of %s is answered without a token, and says nothing but what may be asked',
  async (origin) => {
    const response = await (await start(listed))(preflight(origin));
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    expect(response.headers.get('access-control-allow-methods')).toContain('POST');
    expect(response.headers.get('access-control-allow-headers')).toBe('authorization,upstash-forward-x-name');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    expect(response.headers.get('vary')).toContain('Origin');
  },
);

test.each([
  undefined,
  'https://evil.example',
  'https://app.example.com.evil.example',
  'https://app.example.com:8443',
  'http://app.example.com',
  'https://APP.example.com',
  'null',
])('a preflight of %s is refused like any request without a token', async (origin) => {
  const response = await (await start(listed))(preflight(origin));
  expect(response.status).toBe(401);
  expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
});

test('what is no preflight goes on to authentication; only a listed origin may read the response', async () => {
  const call = await start(listed);
  const allowed = await call({ method: 'POST', headers: { Origin: 'https://app.example.com' } });
  expect(allowed.status).toBe(401);
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
  expect(allowed.headers.get('access-control-expose-headers')).toContain('Burst-RateLimit-Remaining');
  const other = await call({ method: 'POST', headers: { Origin: 'https://evil.example' } });
  expect(other.headers.get('access-control-allow-origin')).toBeNull();
  expect(other.headers.get('vary')).toBe('Origin');
  expect((await call({ method: 'OPTIONS', headers: { Origin: 'https://app.example.com' } })).status).toBe(401);
});

test('* allows any origin', async () => {
  const call = await start(['*']);
  for (const origin of ['https://any.example', 'null']) {
    const response = await call(preflight(origin));
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  }
  expect((await call({ method: 'POST' })).headers.get('access-control-allow-origin')).toBeNull();
});

describe('CORS_ORIGINS', () => {
  const read = (text: string) =>
    readEnvironment({ CORS_ORIGINS: table.CORS_ORIGINS }, { CORS_ORIGINS: text }).corsOrigins;

  test('is a list of origins, none by default', () => {
    expect(read('')).toEqual([]);
    expect(read('https://a.example, http://localhost:3000 ,app://main')).toEqual([
      'https://a.example',
      'http://localhost:3000',
      'app://main',
    ]);
    expect(read('*')).toEqual(['*']);
  });

  test.each([
    'a.example',
    'https://a.example/',
    'https://a.example/path',
    'https://A.example',
    'https://a.example:443',
    'https://*.example',
    'https://',
    'null',
    'https://u:p@a.example',
  ])('%s is refused', (text) => {
    expect(() => read(text)).toThrow('CORS_ORIGINS: list origins such as');
  });
});
