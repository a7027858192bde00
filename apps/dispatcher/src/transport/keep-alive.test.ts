import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createDestinationGuard } from '@posthorn/broker';
import { createSender, type Sender } from './send.ts';

const guard = createDestinationGuard({ allowPrivate: true, allow: [], deny: [], own: () => [] });
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close()));

/** A destination that does this with each request, which it knows by number; requests here are one piece. */
async function serve(act: (socket: Socket, request: number, connection: number) => void) {
  let connections = 0;
  const requests: string[] = [];
  const server = createServer((socket) => {
    const connection = ++connections;
    socket.setNoDelay(true).on('error', () => undefined);
    socket.on('data', (data) => {
      requests.push(data.toString());
      act(socket, requests.length, connection);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, requests, connections: () => connections };
}

let sender: Sender;
beforeEach(() => {
  sender = createSender({ guard, connectTimeoutMs: 2000, maxResponseBytes: 1000 });
});
const send = (url: string, timeoutMs = 5000) =>
  sender.send({ url, method: 'POST', header: ['X-Id', 'msg_1'], body: 'x', timeoutMs, keepSuccessBody: true });

describe('a request on a kept connection that ends without a byte is sent once more', () => {
  test.each([
    ['is closed', (socket: Socket) => void socket.end()],
    ['is broken off', (socket: Socket) => void socket.resetAndDestroy()],
    ['is destroyed', (socket: Socket) => void socket.destroy()],
  ])('when it %s', async (_, end) => {
    const { url, requests, connections } = await serve((socket, request) => {
      if (request === 2) end(socket);
      else socket.write(ok);
    });
    await send(url);
    expect(await send(url)).toMatchObject({ status: 200 });
    expect(requests).toHaveLength(3);
    expect(requests[2]).toBe(requests[1]);
    expect(connections()).toBe(2);
    expect(sender.resent()).toBe(1);
  });

  test('and only once, over a new connection', async () => {
    const { url, requests } = await serve((socket, request) => {
      if (request > 2) socket.destroy();
      else socket.write(ok);
    });
    await Promise.all([send(url), send(url)]);
    expect(await send(url)).toMatchObject({ status: 0, errorKind: 'protocol' });
    expect(requests).toHaveLength(4);
    expect(sender.resent()).toBe(1);
  });
});

describe('a request is not sent once more', () => {
  test('when the connection was new', async () => {
    const { url, requests } = await serve((socket) => socket.destroy());
    expect(await send(url)).toMatchObject({ status: 0, error: 'the connection closed before there was a response' });
    expect(requests).toHaveLength(1);
  });

  test.each(['H', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'])('when %j had arrived', async (start) => {
    const { url, requests } = await serve((socket, request) => {
      if (request === 1) socket.write(ok);
      else socket.end(start);
    });
    await send(url);
    expect(await send(url)).toMatchObject({ errorKind: 'protocol' });
    expect(requests).toHaveLength(2);
  });

  test('when the destination had it for more than a second', async () => {
    const { url, requests } = await serve((socket, request) => {
      if (request === 1) socket.write(ok);
      else setTimeout(() => socket.destroy(), 1200);
    });
    await send(url);
    expect(await send(url)).toMatchObject({ status: 0, error: 'the connection closed before there was a response' });
    expect(requests).toHaveLength(2);
    expect(sender.resent()).toBe(0);
  });

  test('when the attempt is over', async () => {
    const { url, requests } = await serve((socket, request) => {
      if (request === 1) socket.write(ok);
    });
    await send(url);
    expect(await send(url, 100)).toMatchObject({ status: 0, errorKind: 'timeout' });
    expect(requests).toHaveLength(2);
  });
});

test('requests one after the other share a connection, and at the same time they do not', async () => {
  const { url, connections } = await serve((socket) => void setTimeout(() => socket.write(ok), 20));
  for (let count = 0; count < 3; count++) await send(url);
  expect(connections()).toBe(1);
  await Promise.all([send(url), send(url), send(url)]);
  expect(connections()).toBe(3);
});

test('what comes without a request is not taken for the next answer', async () => {
  let closed: Promise<unknown> | undefined;
  const { url, connections } = await serve((socket, request) => {
    socket.write(ok);
    if (request > 1) return;
    setTimeout(() => socket.write('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n'), 30);
    closed = once(socket, 'close');
  });
  await send(url);
  // The connection is given up for it.
  await closed;
  expect(await send(url)).toMatchObject({ status: 200 });
  expect(connections()).toBe(2);
});

test.each([
  ['Keep-Alive: timeout=2', 2],
  ['Keep-Alive: timeout=0', 2],
  ['Keep-Alive: timeout=60, max=5', 1],
  ['Keep-Alive: max=5', 1],
  ['Connection: close', 2],
  ['Connection: Keep-Alive, Close', 2],
])('%s: two requests take %i connections', async (field, count) => {
  const answer = `HTTP/1.1 200 OK\r\n${field}\r\nContent-Length: 2\r\n\r\nok`;
  const { url, connections } = await serve((socket) => socket.write(answer));
  await send(url);
  await send(url);
  expect(connections()).toBe(count);
});

test('a response that comes before the whole request has been sent ends the connection', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined).once('data', () => socket.pause().write(ok));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const request = {
    url,
    method: 'POST',
    header: [],
    body: Buffer.alloc(20_000_000),
    timeoutMs: 5000,
    keepSuccessBody: true,
  };
  for (const count of [1, 2]) {
    expect(await sender.send(request)).toMatchObject({ status: 200 });
    expect(connections).toBe(count);
  }
});

test('aborted exchanges reject, and their connections are closed', async () => {
  const closed: Promise<unknown>[] = [];
  const { url } = await serve((socket) => closed.push(new Promise((resolve) => socket.on('close', resolve))));
  const sending = [send(url), send(url)];
  while (closed.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  sender.abort();
  for (const each of sending) await expect(each).rejects.toMatchObject({ name: 'AbortedError' });
  await Promise.all(closed);
});
