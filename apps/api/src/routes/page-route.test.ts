import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { endpoint } from '@posthorn/shared';
import express, { type ErrorRequestHandler } from 'express';
import { z } from 'zod';
import { createPageRoute } from './page-route.ts';

let server: Server | undefined;
afterEach(() => server?.closeAllConnections());
afterEach(() => server?.close());

async function read(page: object): Promise<Response> {
  const replies = endpoint({ method: 'GET', path: '/', summary: '', scope: 'none', reply: z.unknown() });
  const { handle } = createPageRoute({ atOnce: 1, waiting: 0 })(replies, async () => page);
  server = createServer(express().get('/', handle)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server?.once('listening', resolve));
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

test.each([
  [{}],
  [{ events: [] }],
  [{ events: [{ a: 1 }], cursor: undefined }],
  [{ messages: [{ body: 'ü"\\\n' }, { body: null }], cursor: '1-0' }],
  [{ cursor: 'c', events: Array.from({ length: 50 }, (_, n) => ({ n, body: 'x'.repeat(20_000) })) }],
])('a page is written as JSON, in pieces if it is large (%#)', async (page) => {
  const response = await read(page);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(page)));
});

/** A server whose pages are answered when the test says so. */
async function start(limits: { atOnce: number; waiting: number }) {
  const running: (() => void)[] = [];
  const page = createPageRoute(limits);
  const read = endpoint({ method: 'GET', path: '/', summary: '', scope: 'none', reply: z.object({ ok: z.boolean() }) });
  const { handle } = page(read, async ({ query }) => {
    await new Promise<void>((resolve) => running.push(resolve));
    if ((query as { fails?: string }).fails) throw new Error('no');
    return { ok: true };
  });
  const answerError: ErrorRequestHandler = (error: { status?: number; message: string }, _request, response, _next) => {
    response.status(error.status ?? 500).json({ error: error.message });
  };
  const app = express().get('/', handle).use(answerError);
  server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server?.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const until = async (count: number) => {
    while (running.length < count) await new Promise((resolve) => setImmediate(resolve));
    return running;
  };
  return { url, until, running };
}

test('few are answered at a time, some wait, and further ones are answered with 429 at once', async () => {
  const { url, until, running } = await start({ atOnce: 2, waiting: 2 });
  const pages = [fetch(url), fetch(url)];
  await until(2);
  const connections = () => new Promise<number>((resolve) => server?.getConnections((_, count) => resolve(count)));
  pages.push(fetch(url), fetch(url));
  while ((await connections()) < 4) await new Promise((resolve) => setImmediate(resolve));
  let refused = await fetch(url);
  while (refused.status !== 429) refused = await fetch(url);
  expect(((await refused.json()) as { error: string }).error).toMatch(/^Too many reads/);
  expect(running).toHaveLength(2);
  running[0]?.();
  await until(3);
  expect(running).toHaveLength(3);
  for (let done = 1; done < 4; done++) {
    await until(done + 1);
    running[done]?.();
  }
  expect((await Promise.all(pages)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
});

test('what fails makes room, and so does a client that leaves', async () => {
  const { url, until, running } = await start({ atOnce: 1, waiting: 5 });
  const failing = fetch(`${url}?fails=1`);
  await until(1);
  running[0]?.();
  expect((await failing).status).toBe(500);
  const leaving = new AbortController();
  const left = fetch(url, { signal: leaving.signal }).catch(() => undefined);
  await until(2);
  leaving.abort();
  await left;
  running[1]?.();
  const last = fetch(url);
  (await until(3))[2]?.();
  expect((await last).status).toBe(200);
});
