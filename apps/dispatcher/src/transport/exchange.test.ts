import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { createDestinationGuard } from '@posthorn/broker';
import type { Exchange } from './exchange.ts';
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
  ])('%s: the response has its status, and ends', async (_, status, chunk) => {
    const url = await serve(repeat(head(status), Buffer.from(chunk.repeat(10_000)), 300));
    const sending = Promise.all([send(url), send(url)]);
    const { growthBytes } = await measure(sending);
    for (const response of await sending) {
      expect(response).toMatchObject({ status });
      expect(response.error).toBeUndefined();
      expect(response.body.length).toBeGreaterThan(0);
      expect(response.body.length).toBeLessThanOrEqual(maxResponseBytes);
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
  ])('%s is decoded, and stands without the headers of the encoded one', async (encoding, body) => {
    const response = await send(await respond(encoding, body));
    expect(Buffer.from(response.body).toString()).toBe(text.toString());
    expect(response.header).toEqual({});
  });

  test.each([
    ['gzip', text],
    ['compress', text],
    // Names that every object has.
    ['constructor', text],
    ['__proto__', text],
    ['gzip, gzip', gzipSync(gzipSync(text))],
  ])('%s that cannot be decoded is kept as it came, with its headers', async (encoding, body) => {
    const response = await send(await respond(encoding, body));
    expect(Buffer.from(response.body).equals(body)).toBe(true);
    expect(response.header).toEqual({ 'Content-Encoding': [encoding], 'Content-Length': [`${body.length}`] });
  });

  test.each([
    ['many members of nothing', gzipSync('')],
    ['stored blocks', gzipSync(Buffer.alloc(1000, 'x'), { level: 0 })],
  ])('of %s no more is read than the limit', async (_, member) => {
    const url = await serve(
      repeat('HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\n\r\n', Buffer.concat(Array<Buffer>(100).fill(member)), 2000),
    );
    const response = await send(url);
    expect(response).toMatchObject({ status: 500 });
    expect(response.error).toBeUndefined();
    expect(response.body.length).toBeLessThanOrEqual(maxResponseBytes);
  });

  test.each([0, 1, 2])('it is cut when there is more than the limit, and not before: %i bytes more', async (more) => {
    const plain = Buffer.alloc(maxResponseBytes - 1 + more, 'x');
    for (const url of [await respond('gzip', gzipSync(plain)), await respond('identity', plain)]) {
      const { body, isCut } = await send(url);
      expect(body.length).toBe(Math.min(plain.length, maxResponseBytes));
      expect(isCut).toBe(more === 2 ? true : undefined);
    }
  });

  test('what was decoded before an error is kept', async () => {
    const whole = gzipSync(Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 256)));
    const { body } = await send(await respond('gzip', whole.subarray(0, whole.length - 100)));
    expect(body.length).toBeGreaterThan(1000);
    expect(body.length).toBeLessThanOrEqual(200_000);
  });

  test('what has been decoded counts, and can end the exchange', async () => {
    const request = { url: await respond('gzip', gzipSync(Buffer.alloc(maxResponseBytes))), method: 'POST' };
    let current: Exchange | undefined;
    const ended = { isOver: false };
    const sending = sender
      .send({ ...request, header: [], body: 'x', timeoutMs: 20_000, keepSuccessBody: true }, (opened) => {
        current = opened;
      })
      .finally(() => (ended.isOver = true));
    while (!ended.isOver && (current?.heldBytes() ?? 0) < maxResponseBytes / 10) await new Promise(setImmediate);
    current?.fail('no room', 'NO_ROOM');
    expect(await sending).toMatchObject({ status: 0, error: 'no room', code: 'NO_ROOM' });
  });

  test('of a bomb no more is kept than the limit', async () => {
    const { body, isCut } = await send(await respond('gzip', gzipSync(Buffer.alloc(20_000_000))));
    expect(body).toHaveLength(maxResponseBytes);
    expect(isCut).toBe(true);
  });
});

describe('what never ends is ended', () => {
  const line = (text: string, count: number) => Buffer.from(text.repeat(count));

  test.each<[string, string, Buffer, object]>([
    [
      'headers',
      'HTTP/1.1 503 No\r\n',
      line('X-Flood: 1\r\n', 1000),
      { status: 0, error: 'the headers of the response are too large' },
    ],
    [
      'short headers',
      'HTTP/1.1 503 No\r\n',
      line('a:\n', 3000),
      { status: 0, error: 'the headers of the response are too large' },
    ],
    [
      'one header',
      'HTTP/1.1 503 No\r\nX: ',
      line('x', 10_000),
      { status: 0, error: 'the headers of the response are too large' },
    ],
    [
      'one folded header',
      'HTTP/1.1 503 No\r\nX: 1\r\n',
      line(' x\r\n', 3000),
      { status: 0, error: 'the headers of the response are too large' },
    ],
    [
      'a status line',
      'HTTP/1.1 503 ',
      line('x', 10_000),
      { status: 0, error: 'the headers of the response are too large' },
    ],
    ['empty lines', '', line('\r\n', 10_000), { status: 0, error: 'the headers of the response are too large' }],
    [
      'informational responses',
      '',
      line('HTTP/1.1 103 Early Hints\r\n\r\n', 500),
      { status: 0, error: 'the destination sends nothing but informational answers' },
    ],
    [
      'trailers',
      'HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n',
      line('X: 1\r\n', 1000),
      { status: 503, error: undefined },
    ],
    [
      'the size of a chunk',
      'HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n',
      line('0', 10_000),
      { status: 503, error: undefined },
    ],
    [
      'an extension of a chunk',
      'HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n1;',
      line('x', 10_000),
      { status: 503, error: undefined },
    ],
    ['a body', 'HTTP/1.1 503 No\r\n\r\n', Buffer.alloc(64 * 1024), { status: 503, error: undefined }],
    [
      'large extensions',
      'HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n',
      line(`1;${'x'.repeat(3000)}\r\nx\r\n`, 20),
      { status: 503, error: undefined },
    ],
  ])('%s', async (_, start, piece, expected) => {
    const response = await send(await serve(repeat(start, piece, Infinity)));
    expect({ status: response.status, error: response.error }).toEqual(expected);
  });
});
