// What is read of a body, and when: nothing before the token is proven, never more than the limit, and the sender gets
// its response.
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { eventually } from '@posthorn/testkit';
import { apps, closeApps, keys, sign } from './apps.fixture.ts';
import { verifySignatureLambda } from './lambda.ts';

afterAll(closeApps);

const maxBodyBytes = 100_000;
const config = { ...keys, maxBodyBytes };
const kinds = split(Object.entries(apps));

/** The applications that have a socket, and those that are called with a request. */
function split(all: [string, (typeof apps)[string]][]) {
  const withSocket = ['Next.js, pages router', 'Express', 'Koa', 'a guard of NestJS', 'Fastify', 'h3 1 on Node.js'];
  return {
    sockets: all.filter(([name]) => withSocket.includes(name)),
    requests: all.filter(([name]) => ![...withSocket, 'AWS Lambda'].includes(name)),
  };
}

/** A body that comes in pieces of 10 kB, and how many of them were asked for. */
function createBody(pieces: number) {
  const seen = { pieces: 0, isCanceled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (seen.pieces === pieces) controller.close();
        else controller.enqueue(new Uint8Array(10_000).fill(seen.pieces++ % 256));
      },
      cancel: () => void (seen.isCanceled = true),
    },
    { highWaterMark: 0 },
  );
  return { seen, init: { method: 'POST', body: stream, duplex: 'half' } as RequestInit };
}

const forged: [string, () => string][] = [
  ['a token without a signature', () => 'x.y.z'],
  ['a token under another key', () => sign('sig_c')],
  ['an expired token', () => sign('sig_a', '', { exp: 1 })],
  ['a token of tomorrow', () => sign('sig_a', '', { nbf: 4e9 })],
  ['a token of another issuer', () => sign('sig_a', '', { iss: 'Other' })],
  ['a token without an algorithm', () => sign('sig_a', '', {}, { alg: 'none' })],
];

describe.each(kinds.requests)('%s', (_name, create) => {
  test.each(forged)('reads nothing for %s', async (_kind, createToken) => {
    const { send } = await create(config);
    const { init, seen } = createBody(1000);
    const response = await send({ ...init, headers: { 'Upstash-Signature': createToken() } });
    expect([response.status, seen.pieces]).toEqual([403, 0]);
  });

  test('reads nothing when the length is announced as too large', async () => {
    const { send } = await create(config);
    const { init, seen } = createBody(1000);
    const headers = { 'Upstash-Signature': sign('sig_a'), 'Content-Length': '100001' };
    const response = await send({ ...init, headers });
    expect([response.status, await response.text(), seen.pieces]).toEqual([
      413,
      'The body is longer than 100000 bytes',
      0,
    ]);
  });

  test('answers at the limit, and drops the rest', async () => {
    const { send } = await create(config);
    const { init, seen } = createBody(1000);
    const response = await send({ ...init, headers: { 'Upstash-Signature': sign('sig_a') } });
    expect(response.status).toBe(413);
    expect(seen.pieces).toBeLessThan(100);
    while (seen.pieces < 1000) await new Promise((resolve) => setImmediate(resolve));
    expect(seen.isCanceled).toBe(false);
  });

  test('hands on what is exactly as long as the limit', async () => {
    const { send } = await create(config);
    const json = JSON.stringify('x'.repeat(maxBodyBytes - 2));
    const headers = { 'Upstash-Signature': sign('sig_a', json), 'Content-Type': 'application/json' };
    expect((await send({ method: 'POST', body: json, headers })).status).toBe(200);
    const longer = JSON.stringify('x'.repeat(maxBodyBytes - 1));
    const response = await send({
      method: 'POST',
      body: longer,
      headers: { ...headers, 'Upstash-Signature': sign('sig_a', longer) },
    });
    expect(response.status).toBe(413);
  });
});

describe.each(kinds.sockets)('%s', (_name, create) => {
  test.each(forged)('answers to %s without waiting for the body', async (_kind, createToken) => {
    const { origin = '' } = await create(config);
    // What waits for a byte of this body waits for ever.
    const answer = await sendHead(origin, [`Upstash-Signature: ${createToken()}`, 'Content-Length: 50000']);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('answers without the body when its length is announced as too large', async () => {
    const { origin = '' } = await create(config);
    const answer = await sendHead(origin, [`Upstash-Signature: ${sign('sig_a')}`, 'Content-Length: 100001']);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('the response at the limit reaches a sender that goes on sending', async () => {
    const { origin = '' } = await create(config);
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname);
    const received: Buffer[] = [];
    socket.on('data', (data: Buffer) => received.push(data));
    // The client of Node.js stops sending when its response is there.
    await pipeline(Readable.from(writeLongRequest(sign('sig_a'))), socket, { end: false });
    await eventually(() => received.length > 0);
    expect(Buffer.concat(received).toString()).toMatch(/^HTTP\/1\.1 413 [^]*The body is longer than 100000 bytes/);
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });
});

test('an event of AWS Lambda with a body above the limit is 413', async () => {
  const handler = verifySignatureLambda(() => ({ statusCode: 200 }), config);
  const event = { headers: { 'upstash-signature': sign('sig_a') }, body: 'x'.repeat(maxBodyBytes + 1) };
  expect(await handler(event)).toMatchObject({ statusCode: 413, body: 'The body is longer than 100000 bytes' });
});

/** Sends the head of a request and no byte of its body; gives the first bytes of the response. */
async function sendHead(origin: string, headers: string[]): Promise<string> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.write(writeHead(headers));
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return data.toString();
}

/** A request without a length, of 16 MB. */
function* writeLongRequest(signature: string): Iterable<string> {
  yield writeHead(['Transfer-Encoding: chunked', `Upstash-Signature: ${signature}`]);
  const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  for (let sent = 0; sent < 256; sent++) yield piece;
  yield '0\r\n\r\n';
}

function writeHead(headers: string[]): string {
  const lines = ['POST /hook HTTP/1.1', 'Host: app.example', 'Content-Type: application/json', ...headers];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
