import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
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

/** A server of an array that is read while it is sent. */
async function stream(entries: AsyncIterable<unknown>, limits = { atOnce: 1, waiting: 0 }) {
  const replies = endpoint({
    method: 'GET',
    path: '/',
    summary: '',
    scope: 'none',
    reply: z.array(z.unknown()),
  });
  const { handle } = createPageRoute(limits)(replies, () => entries);
  const answerError: ErrorRequestHandler = (_error, _request, response, _next) => {
    if (response.headersSent) response.destroy();
    else response.status(503).end();
  };
  server = createServer(express().get('/', handle).use(answerError)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server?.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

test.each([0, 1, 3, 3000])('an array of %i entries is written as JSON while it is read', async (count) => {
  const entries = Array.from({ length: count }, (_, n) => ({ n, text: 'x'.repeat(500) }));
  const port = await stream(
    (async function* () {
      yield* entries;
    })(),
  );
  const response = await fetch(`http://127.0.0.1:${port}/`);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(await response.json()).toEqual(entries);
});

test('an array is read no faster than its client takes it, and no further when the client leaves', async () => {
  const seen = { read: 0, isOver: false };
  const port = await stream(
    (async function* () {
      try {
        for (;;) {
          seen.read += 1;
          yield 'x'.repeat(100_000);
          // As a list does that waits for Redis.
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        seen.isOver = true;
      }
    })(),
  );
  const client = connect(port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  client.pause();
  let before = -1;
  while (seen.read !== before || before === 0) {
    before = seen.read;
    for (let turn = 0; turn < 1000; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  // A few pieces, and what the system keeps for both sides of a connection.
  expect(seen.read).toBeLessThan(300);
  client.destroy();
  while (!seen.isOver) await new Promise((resolve) => setImmediate(resolve));
});

test('an array that fails before its first piece has a status, and later ends the connection', async () => {
  const failing = (size: number) =>
    (async function* () {
      yield 'x'.repeat(size);
      throw new Error('no');
    })();
  expect((await fetch(`http://127.0.0.1:${await stream(failing(10))}/`)).status).toBe(503);
  server?.close();
  await expect(
    fetch(`http://127.0.0.1:${await stream(failing(1_000_000))}/`).then((response) => response.text()),
  ).rejects.toThrow();
});

test('when clients do not take their pages, the connection of the oldest is closed', async () => {
  const page = { text: '\u0001'.repeat(10_000_000) };
  const replies = endpoint({ method: 'GET', path: '/', summary: '', scope: 'none', reply: z.unknown() });
  const { handle } = createPageRoute({ atOnce: 10, waiting: 0 })(replies, async () => page);
  server = createServer(express().get('/', handle)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server?.once('listening', resolve));
  const closed: number[] = [];
  let opened = 0;
  server.on('connection', (socket) => {
    const index = opened++;
    socket.once('close', () => closed.push(index));
  });
  const { port } = server.address() as AddressInfo;
  // Each takes 60 MB: four of them are less than 256 MiB.
  for (let n = 0; n < 6; n++) {
    const client = connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    await new Promise((resolve) => client.once('connect', resolve));
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    // Its page is being written when the first bytes have come.
    await new Promise((resolve) => client.once('readable', resolve));
  }
  while (closed.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(closed).toEqual([0, 1]);
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
