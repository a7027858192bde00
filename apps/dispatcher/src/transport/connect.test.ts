import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createDestinationGuard } from '@posthorn/broker';
import { createConnect } from './connect.ts';
import { createSender } from './send.ts';

const guard = createDestinationGuard({ allowPrivate: true, allow: [], deny: ['127.0.0.9'], own: () => [] });
const servers: Server[] = [];
const children: ChildProcess[] = [];
afterAll(() => {
  servers.forEach((server) => server.close());
  children.forEach((child) => child.kill('SIGKILL'));
});

/** A listener, and the connections that it has now. */
async function listen(host: string, port = 0, act: (socket: Socket) => void = () => undefined) {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    socket.resume();
    act(socket);
  });
  servers.push(server);
  server.listen(port, host);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, open };
}

/** A listener on 127.0.0.1 whose queue is full until `accept` is called: SYNs are dropped, and sent again after 1 s. */
async function listenBusy(): Promise<{ port: number; accept: () => void }> {
  const program = `
    const server = require('node:net').createServer((socket) => socket.on('error', () => {}).on('data', () =>
      socket.write('HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')));
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, server.address().port + '\\n');
      require('node:fs').readSync(0, Buffer.alloc(1));
    });`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(text.toString());
  const fill = Array.from({ length: 4 }, () => connectTcp(port, '127.0.0.1').on('error', () => undefined));
  // Linux queues one connection more than the backlog.
  await new Promise<void>((resolve) => {
    let connected = 0;
    for (const socket of fill) socket.once('connect', () => ++connected === 2 && resolve());
  });
  return {
    port,
    accept() {
      fill.forEach((socket) => socket.destroy());
      child.stdin.write('x');
    },
  };
}

const v4 = (address: string) => ({ address, family: 4 });
const v6 = (address: string) => ({ address, family: 6 });

function connectTo(addresses: { address: string; family: number }[], port: number, timeoutMs = 10_000, isTls = false) {
  const connect = createConnect({ guard, timeoutMs, resolve: async () => addresses });
  const controller = new AbortController();
  const origin = { key: `x:${port}`, isTls, hostname: 'many.test', isAddress: false, port, host: 'many.test' };
  return { connected: connect(origin, controller.signal), abort: () => controller.abort(new Error('aborted')) };
}

const untilEmpty = async (open: Set<Socket>) => {
  while (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
};
const untilSize = async (open: Set<Socket>, size: number) => {
  while (open.size < size) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe('a host with several addresses', () => {
  test.each([
    ['IPv4, then an IPv6 that refuses', [v4('127.0.0.1'), v6('::1')]],
    ['an IPv6 that refuses, then IPv4', [v6('::1'), v4('127.0.0.1')]],
    ['two addresses that refuse, then IPv4', [v4('127.0.0.2'), v4('127.0.0.3'), v4('127.0.0.1')]],
    ['IPv4 alone', [v4('127.0.0.1')]],
  ])('%s: an address that takes a second is waited for', async (_, addresses) => {
    const busy = await listenBusy();
    const { connected } = connectTo(addresses, busy.port);
    setTimeout(busy.accept, 300);
    const socket = await connected;
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });

  test('the next address is tried meanwhile; the one that was first is closed when the other wins', async () => {
    const busy = await listenBusy();
    const other = await listen('127.0.0.2', busy.port);
    const { connected } = connectTo([v4('127.0.0.1'), v4('127.0.0.2')], busy.port);
    const socket = await connected;
    expect(socket.remoteAddress).toBe('127.0.0.2');
    expect(other.open.size).toBeLessThanOrEqual(1);
    socket.destroy();
  });

  test('the families are tried in turn', async () => {
    const { port } = await listen('::1');
    const addresses = [...Array.from({ length: 8 }, (_, index) => v4(`127.0.1.${index + 1}`)), v6('::1')];
    const socket = await connectTo(addresses, port).connected;
    expect(socket.remoteAddress).toBe('::1');
    socket.destroy();
  });

  test('when every address refuses, the reason is that of the first one', async () => {
    const { port } = await listen('127.0.0.1');
    await expect(connectTo([v4('127.0.0.2'), v4('127.0.0.3')], port).connected).rejects.toMatchObject({
      kind: 'connect',
      message: `connect ECONNREFUSED 127.0.0.2:${port}`,
    });
  });

  test('each has the time limit', async () => {
    const busy = await listenBusy();
    await expect(connectTo([v4('127.0.0.1')], busy.port, 300).connected).rejects.toMatchObject({
      kind: 'connect',
      message: 'the destination did not accept the connection in time',
    });
  });

  test('an address that the guard refuses is passed over; alone it is the reason', async () => {
    const { port } = await listen('127.0.0.1');
    const socket = await connectTo([v4('127.0.0.9'), v4('127.0.0.1')], port).connected;
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
    await expect(connectTo([v4('127.0.0.9')], port).connected).rejects.toMatchObject({
      kind: 'connect',
      message: expect.stringContaining('denied address') as string,
    });
  });
});

describe('what is no longer wanted is closed at once', () => {
  test('a connection that is still being opened', async () => {
    const busy = await listenBusy();
    const { connected, abort } = connectTo([v4('127.0.0.1')], busy.port);
    setTimeout(abort, 50);
    await expect(connected).rejects.toThrow('aborted');
  });

  test('a TLS handshake that never ends', async () => {
    const { port, open } = await listen('127.0.0.1');
    const { connected, abort } = connectTo([v4('127.0.0.1')], port, 60_000, true);
    await untilSize(open, 1);
    abort();
    await expect(connected).rejects.toThrow('aborted');
    await untilEmpty(open);
  });

  test('the socket of an attempt that has ended at its timeout, long before the limit of connecting', async () => {
    const { port, open } = await listen('127.0.0.1');
    const sender = createSender({ guard, connectTimeoutMs: 60_000, maxResponseBytes: 1000 });
    const request = { method: 'POST', header: [], body: 'x', timeoutMs: 2000, keepSuccessBody: true };
    const sending = Array.from({ length: 20 }, () => sender.send({ ...request, url: `https://127.0.0.1:${port}/` }));
    await untilSize(open, 1);
    for (const response of await Promise.all(sending))
      expect(response).toMatchObject({ status: 0, errorKind: 'timeout' });
    await untilEmpty(open);
    expect(sender.inFlight()).toBe(0);
  });
});

test('a handshake that is broken off is a failure of TLS', async () => {
  const { port } = await listen('127.0.0.1', 0, (socket) => void socket.once('data', () => socket.end()));
  await expect(connectTo([v4('127.0.0.1')], port, 5000, true).connected).rejects.toMatchObject({ kind: 'tls' });
});
