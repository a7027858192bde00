import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createConnection } from './connection.ts';

test('of a large body no more is written than the destination takes, and all of it arrives', async () => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];

  const connection = createConnection(socket, () => undefined);
  const head = Buffer.from('POST / HTTP/1.1\r\n\r\n');
  const body = randomBytes(20_000_000);
  connection.start({ head, body }, { received: () => undefined, closed: () => undefined });
  // Until the system takes no more.
  for (let quiet = 0, written = 0; quiet < 1000; quiet++) {
    await new Promise(setImmediate);
    if (socket.bytesWritten === written) continue;
    written = socket.bytesWritten;
    quiet = 0;
  }
  expect(socket.writableLength).toBeGreaterThan(0);
  expect(socket.writableLength).toBeLessThan(200_000);
  // The rest is missing: nothing else may follow on this connection.
  expect(connection.release()).toBe(false);

  const pieces: Buffer[] = [];
  let size = 0;
  accepted.on('data', (piece: Buffer) => {
    pieces.push(piece);
    size += piece.length;
    if (size === head.length + body.length) accepted.destroy();
  });
  accepted.resume();
  await once(accepted, 'close');
  expect(Buffer.concat(pieces).equals(Buffer.concat([head, body]))).toBe(true);
  connection.destroy();
  server.close();
});
