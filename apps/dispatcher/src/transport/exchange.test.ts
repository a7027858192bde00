import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { createDestinationGuard } from '@posthorn/broker';
import { createSender, type DeliveryRequest } from './send.ts';

const maxResponseBytes = 1_000_000;
const guard = createDestinationGuard({ allowPrivate: true, allow: [], deny: [], own: () => [] });
const sender = createSender({ guard, connectTimeoutMs: 2000, maxResponseBytes });

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close()));

/** A destination that does this with each connection, once it has read something. */
function serve(act: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => act(socket));
  });
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`));
  });
}

const send = (url: string, request: Partial<DeliveryRequest> = {}) =>
  sender.send({ url, method: 'POST', header: [], body: 'x', timeoutMs: 20_000, keepSuccessBody: true, ...request });

/** Sends the same bytes as fast as they are read, so many times. */
function repeat(start: string, piece: Buffer, times: number) {
  return (socket: Socket) => {
    socket.write(start);
    let left = times;
    const pour = () => {
      while (left > 0 && !socket.destroyed) {
        left--;
        if (!socket.write(piece)) return;
      }
    };
    socket.on('drain', pour);
    pour();
  };
}

/** How long the event loop stood still at most, and what the process grew by, while a promise was waited for. */
async function measure(promise: Promise<unknown>): Promise<{ stallMs: number; growthBytes: number }> {
  const before = process.memoryUsage.rss();
  let growthBytes = 0;
  let stallMs = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    stallMs = Math.max(stallMs, now - last);
    last = now;
    growthBytes = Math.max(growthBytes, process.memoryUsage.rss() - before);
  }, 5);
  await promise;
  clearInterval(timer);
  return { stallMs, growthBytes };
}

describe('bytes in tiny pieces cost a bounded amount of memory', () => {
  const head = (status: number) => `HTTP/1.1 ${status} X\r\nTransfer-Encoding: chunked\r\n\r\n`;

  test.each([
    ['chunks of one byte', 500, '1\r\nx\r\n'],
    ['chunks of one byte after a success', 200, '1\r\nx\r\n'],
    ['chunks of two bytes', 500, '2\r\nxy\r\n'],
    ['chunks with an extension', 500, '1;extension=x\r\nx\r\n'],
    ['chunk sizes with zeros before', 500, '00000001\r\nx\r\n'],
  ])('%s: the answer has its status, and ends', async (_, status, chunk) => {
    const url = await serve(repeat(head(status), Buffer.from(chunk.repeat(10_000)), 300));
    const sending = Promise.all([send(url), send(url)]);
    const { growthBytes } = await measure(sending);
    for (const answer of await sending) {
      expect(answer).toMatchObject({ status });
      expect(answer.error).toBeUndefined();
      expect(answer.body.length).toBeGreaterThan(0);
      expect(answer.body.length).toBeLessThanOrEqual(maxResponseBytes);
    }
    expect(growthBytes).toBeLessThan(100_000_000);
  });
});

describe('a compressed body', () => {
  const text = Buffer.from('posthorn '.repeat(100));
  const respond = (encoding: string, body: Buffer) =>
    serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.write(body);
    });

  test.each([
    ['gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['gzip', Buffer.concat([gzipSync(text.subarray(0, 300)), gzipSync(text.subarray(300))])],
  ])('%s is decoded', async (encoding, body) => {
    expect(Buffer.from((await send(await respond(encoding, body))).body).toString()).toBe(text.toString());
  });

  test.each([
    ['gzip', text],
    ['compress', text],
    ['gzip, gzip', gzipSync(gzipSync(text))],
  ])('%s that cannot be decoded is kept as it came', async (encoding, body) => {
    expect(Buffer.from((await send(await respond(encoding, body))).body).equals(body)).toBe(true);
  });

  test('what was decoded before an error is kept', async () => {
    const whole = gzipSync(Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 256)));
    const { body } = await send(await respond('gzip', whole.subarray(0, whole.length - 100)));
    expect(body.length).toBeGreaterThan(1000);
    expect(body.length).toBeLessThanOrEqual(200_000);
  });

  test('of a bomb no more is kept than the limit', async () => {
    const { body } = await send(await respond('gzip', gzipSync(Buffer.alloc(20_000_000))));
    expect(body).toHaveLength(maxResponseBytes);
  });
});
