import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createDestinationGuard } from '@posthorn/broker';
import { createConnect } from './connect.ts';

const server = createServer((socket) => socket.on('error', () => undefined).write(Buffer.alloc(60_000, 'x')));
beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
afterAll(() => server.close());

test('what a destination sends at once is read in pieces, and not after the connection is given up', async () => {
  const guard = createDestinationGuard({ allowPrivate: true, allow: [], deny: [], own: () => [] });
  const connect = createConnect(guard, 1000);
  const { port } = server.address() as AddressInfo;
  const options = { hostname: '127.0.0.1', host: '127.0.0.1', protocol: 'http:', port: String(port) };
  const socket = await new Promise<Socket>((resolve, reject) => {
    connect(options, (error, connected) => (connected ? resolve(connected) : reject(error)));
  });
  while (socket.readableLength <= 4096) await once(socket, 'readable');
  expect(socket.read()).toHaveLength(4096);
  expect(socket.read(1)).toHaveLength(1);
  socket.destroy();
  expect(socket.read()).toBeNull();
});
