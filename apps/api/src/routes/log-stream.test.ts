import { get, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Broker } from '@posthorn/broker';
import { eventually } from '@posthorn/testkit';
import express from 'express';
import type { AppParts } from '../app-parts.ts';
import { authenticate } from '../middleware/authenticate.ts';
import { logStreamRoutes } from './log-stream.ts';

type StreamReader = Parameters<Broker['views']['stream']['open']>[2];

const token = 'test-token-0123456789';
const cookieName = 'posthorn_test';

let server: Server | undefined;
beforeEach(() => {
  // Only the comments of the stream are sent by an interval; sockets need the other timers.
  const doNotFake = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'nextTick'] as const;
  jest.useFakeTimers({ doNotFake: [...doNotFake, 'queueMicrotask', 'performance', 'hrtime', 'Date'] });
});
afterEach(() => {
  jest.useRealTimers();
  server?.closeAllConnections();
  server?.close();
});

/** A server of a live log to which the test writes, with sessions that the test ends. */
async function start() {
  const readers: StreamReader[] = [];
  const closed: StreamReader[] = [];
  const state = { isSessionOpen: true };
  const stopping = new AbortController();
  const stream = {
    count: () => readers.length - closed.length,
    open(_filter: object, _cursor: string | undefined, reader: StreamReader) {
      readers.push(reader);
      return () => void closed.push(reader);
    },
  };
  const sessions = {
    read: async (caller: string) =>
      state.isSessionOpen ? { scope: 'read' as const, caller, expiresAt: 0 } : undefined,
  };
  const [route] = logStreamRoutes({ broker: { views: { stream } }, stopping: stopping.signal } as unknown as AppParts);
  if (!route) throw new Error('The live log has no route.');
  const app = express();
  app.use(authenticate([token], undefined, { sessions, cookieName }));
  app.get('/', route.handle);
  server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server?.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, readers, closed, state, stopping };
}

const bearer = { authorization: `Bearer ${token}` };
const session = { cookie: `${cookieName}=a`, 'x-posthorn-console': '1', 'sec-fetch-site': 'same-origin' };

/** A client that remembers what came, and waits until that ends with a text. */
async function open(url: string, headers: Record<string, string>) {
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    get(url, { headers, agent: false }, resolve).on('error', reject),
  );
  let text = '';
  response.setEncoding('utf8').on('data', (data: string) => (text += data));
  const ended = new Promise<void>((resolve) => response.once('close', resolve));
  const until = async (end: string) => {
    while (!text.endsWith(end)) await new Promise((resolve) => response.once('data', resolve));
    return text;
  };
  await until(': connected\n\n');
  return { response, until, ended };
}

test('a comment is sent every 15 seconds, so that no proxy ends a stream without entries', async () => {
  const { url, readers } = await start();
  const { until } = await open(url, bearer);
  jest.advanceTimersByTime(14_999);
  readers[0]?.entry('1-0', '{}');
  expect(await until('data: {}\n\n')).toBe(': connected\n\nevent: line\nid: 1-0\ndata: {}\n\n');
  jest.advanceTimersByTime(1);
  await until('data: {}\n\n: still here\n\n');
  jest.advanceTimersByTime(15_000);
  await until(': still here\n\n: still here\n\n');
});

test('the second stream of a pipeline ends with its connection', async () => {
  const { url, readers, closed } = await start();
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  const one = `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${bearer.authorization}\r\n\r\n`;
  socket.write(one + one);
  await eventually(() => readers.length === 2);
  socket.destroy();
  await eventually(() => closed.length === 2);
});

test('what was left out is counted', async () => {
  const { url, readers } = await start();
  const { until } = await open(url, bearer);
  readers[0]?.skipped(12);
  await until('event: skipped\ndata: {"count":12}\n\n');
});

test('the stream of a session ends with it, at the next comment', async () => {
  const { url, closed, state } = await start();
  const { until, ended } = await open(url, session);
  jest.advanceTimersByTime(15_000);
  await until(': still here\n\n');
  expect(closed).toHaveLength(0);
  state.isSessionOpen = false;
  jest.advanceTimersByTime(15_000);
  await ended;
  expect(closed).toHaveLength(1);
});

test('streams end when the process begins to stop', async () => {
  const { url, closed, stopping } = await start();
  const { ended } = await open(url, bearer);
  stopping.abort();
  await ended;
  expect(closed).toHaveLength(1);
});

test('a reader that takes nothing gets no more than waits for it, and learns that entries are missing', async () => {
  const { url, readers } = await start();
  const { response } = await open(url, bearer);
  response.pause();
  const json = JSON.stringify('x'.repeat(64 * 1024));
  let taken = 0;
  // What the sockets of this machine take has a limit, and so has what waits.
  while (readers[0]?.entry(`1-${taken}`, json)) taken++;
  expect(taken).toBeGreaterThan(10);
  expect(taken).toBeLessThan(1000);
});

test('a HEAD of the stream is answered and opens none', async () => {
  const { url, readers } = await start();
  const response = await fetch(url, { method: 'HEAD', headers: bearer });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  expect(await response.text()).toBe('');
  expect(readers).toEqual([]);
});

test('sessions that may only read leave streams to those with full access', async () => {
  const { url, closed } = await start();
  const streams: Awaited<ReturnType<typeof open>>[] = [];
  for (let n = 0; n < 100; n++) {
    streams.push(await open(url, { ...session, cookie: `${cookieName}=${Math.floor(n / 50)}` }));
  }
  const ask = async (headers: Record<string, string>) => {
    const controller = new AbortController();
    const { status } = await fetch(url, { headers, signal: controller.signal });
    controller.abort();
    return status;
  };
  const another = { ...session, cookie: `${cookieName}=another` };
  expect([await ask(another), await ask(bearer)]).toEqual([429, 200]);
  streams[0]?.response.destroy();
  while (closed.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(await ask(another)).toBe(200);
});

test('a reader that is full learns later what was left out', async () => {
  const { url, readers } = await start();
  const { response, until } = await open(url, bearer);
  expect(readers[0]?.skipped(1)).toBe(true);
  await until('event: skipped\ndata: {"count":1}\n\n');
  response.pause();
  while (readers[0]?.entry('1-0', JSON.stringify('x'.repeat(64 * 1024))));
  expect(readers[0]?.skipped(2)).toBe(false);
});
