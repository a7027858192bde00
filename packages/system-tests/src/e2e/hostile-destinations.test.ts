import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nodeTls from 'node:tls';
import { eventually, findFreePort, startSystem, type TestSystem } from '@posthorn/testkit';
import { makeCertificates } from '../hostile/certificates.ts';
import { faults, noResponse, type Fault } from '../hostile/faults.ts';
import { startNameServer, type NameServer } from '../hostile/name-server.ts';
import { answerWell, onRequest, startSink, type Sink } from '../hostile/sink.ts';

/** The limit of an attempt that nothing else ends. */
const limitSeconds = 2;
/** How late a dispatcher may notice that, on a machine that has other things to do. */
const slackSeconds = 20;
/**
 * The limit of all others, which end by what the destination does: this process plays all destinations at once, and a
 * busy machine may keep it from its answers for seconds.
 */
const roomSeconds = 60;
const maxResponseBytes = 1_000_000;
/** Enough for all of them at once. */
const slots = 60;

let folder: string;
let names: NameServer;
let system: TestSystem;
let ends: Map<string, End>;
let expected: Record<string, Pick<Fault, 'ends' | 'status'> & { url: string }>;
const sinks: Sink[] = [];

/** How a message ended, by its log. */
interface End {
  state: string;
  error: string;
  status: number | undefined;
  attemptMs: number;
}

// A server of Node.js ends a connection after three handshakes.
Object.assign(nodeTls, { CLIENT_RENEG_LIMIT: Infinity });

/** Only its limit ends it. */
const isLimited = (reason: Fault['ends']) => reason === noResponse;

// All of them at once, as a busy dispatcher would meet them; the tests look at how each one ended.
beforeAll(async () => {
  const certificates = await makeCertificates();
  folder = await mkdtemp(join(tmpdir(), 'posthorn-hostile-'));
  await writeFile(join(folder, 'authority.pem'), certificates.authority);
  names = await startNameServer();
  system = await startSystem({
    api: { SHARDS: '1' },
    dispatcher: {
      SHARDS: '1',
      DISPATCHER_CONCURRENCY: String(slots),
      ...names.variables,
      NODE_EXTRA_CA_CERTS: join(folder, 'authority.pem'),
      // Less than the dispatcher's own patience with a name server, which has another text.
      CONNECT_TIMEOUT_SECONDS: '4',
      MAX_RESPONSE_BYTES: String(maxResponseBytes),
    },
  });
  const http = await listen((socket) =>
    onRequest(socket, (path) => faults[decodeURIComponent(path.slice(1))]?.act(socket)),
  );
  const tls = async (certificate: object) => `https://localhost:${await listen(answerWell, { tls: certificate })}/`;
  names.answer('broken.test', 'SERVFAIL');
  names.answer('silent.test', 'silence');
  names.answer('empty.test', []);
  names.answer('good.test', ['127.0.0.1']);
  names.answer('many.test', ['127.0.0.1', ...Array.from({ length: 2000 }, (_, n) => `127.1.${n >> 8}.${n & 255}`)]);

  expected = {
    ...Object.fromEntries(
      Object.entries(faults).map(([name, { ends, status = 0 }]) => [
        name,
        { ends, status, url: `http://127.0.0.1:${http}/${encodeURIComponent(name)}` },
      ]),
    ),
    'refuses the connection': { ends: /^connect ECONNREFUSED/, url: `http://127.0.0.1:${await findFreePort()}/` },
    'resets the connection': {
      ends: /^(the connection closed before there was a response|(read|connect) ECONNRESET.*)$/,
      url: `http://127.0.0.1:${await listen((socket) => socket.resetAndDestroy())}/`,
    },
    'has a good certificate': { ends: 'delivered', url: await tls(certificates.good) },
    'has an expired certificate': { ends: /^certificate has expired$/, url: await tls(certificates.expired) },
    'has a certificate for another name': { ends: /altnames/, url: await tls(certificates.wrongName) },
    'has a certificate signed by itself': {
      ends: /^self-signed certificate$/,
      url: await tls(certificates.selfSigned),
    },
    'speaks TLS 1.0 only': {
      ends: /^TLS: .*protocol version$/,
      url: await tls({
        ...certificates.good,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }),
    },
    'negotiates TLS again and again': {
      ends: /^(the connection closed before there was a response|read ECONNRESET)$/,
      url: `https://localhost:${await listen(renegotiate, { tls: { ...certificates.good, maxVersion: 'TLSv1.2' } })}/`,
    },
    'never ends the TLS handshake': {
      ends: /^the destination did not accept the connection in time$/,
      url: `https://localhost:${await listen((socket) => void socket.resume())}/`,
    },
    'speaks HTTP on a port of TLS': {
      ends: /^TLS: (wrong version number|packet length too long)$/,
      url: `https://localhost:${await listen((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))}/`,
    },
    'has a good name': { ends: 'delivered', url: `${system.receiver.url.replace('127.0.0.1', 'good.test')}/good-name` },
    'has a name with thousands of addresses': {
      ends: 'delivered',
      url: `${system.receiver.url.replace('127.0.0.1', 'many.test')}/many-addresses`,
    },
    'has an unknown name': { ends: /^unable to resolve host: unknown.test is not known$/, url: 'http://unknown.test/' },
    'has a name without an address': { ends: /^unable to resolve host: /, url: 'http://empty.test/' },
    'has a broken name server': { ends: /^unable to resolve host: the name server failed/, url: 'http://broken.test/' },
    'has a silent name server': {
      // The resolver itself waits a shorter time for a server that has answered other questions quickly.
      ends: /^unable to resolve host: (no name server answered for silent.test in time|the name server did not answer for silent.test)$/,
      url: 'http://silent.test/',
    },
  };
  const published = await Promise.all(
    Object.entries(expected).map(async ([name, { url, ends: reason }]) => {
      const headers = {
        'Upstash-Retries': '0',
        'Upstash-Timeout': `${isLimited(reason) ? limitSeconds : roomSeconds}s`,
        // Somebody reads the whole response.
        'Upstash-Callback': `${system.receiver.url}/callback`,
      };
      return [name, await system.api.publish(url, { headers, body: 'x' })] as const;
    }),
  );
  ends = new Map(
    await Promise.all(
      published.map(async ([name, id]) => [name, await eventually(() => readEnd(id), roomSeconds * 1000)] as const),
    ),
  );
});
afterAll(async () => {
  await system.stop();
  await Promise.all([...sinks.map((sink) => sink.stop()), names.stop(), rm(folder, { recursive: true })]);
});

/** Asks for another handshake whenever one is complete, and never answers. */
function renegotiate(socket: Socket): void {
  if (!(socket instanceof nodeTls.TLSSocket)) return;
  const again = () => void socket.renegotiate({}, (error) => error ?? again());
  onRequest(socket, again);
}

async function listen(...parameters: Parameters<typeof startSink>): Promise<number> {
  const sink = await startSink(...parameters);
  sinks.push(sink);
  return sink.port;
}

async function readEnd(messageId: string): Promise<End | undefined> {
  const events = await system.api.events(messageId);
  const find = (state: string) => events.find((event) => event.state === state);
  const end = find('DELIVERED') ?? find('ERROR');
  if (!end) return undefined;
  const { state, error = '', responseStatus: status, time } = end;
  return { state, error, status, attemptMs: time - (find('ACTIVE')?.time ?? 0) };
}

test.each([
  ...Object.keys(faults),
  'refuses the connection',
  'resets the connection',
  'has a good certificate',
  'has an expired certificate',
  'has a certificate for another name',
  'has a certificate signed by itself',
  'speaks TLS 1.0 only',
  'negotiates TLS again and again',
  'never ends the TLS handshake',
  'speaks HTTP on a port of TLS',
  'has a good name',
  'has a name with thousands of addresses',
  'has an unknown name',
  'has a name without an address',
  'has a broken name server',
  'has a silent name server',
])('a destination that %s: the attempt ends in time, and the log says how', (name) => {
  const end = ends.get(name);
  const { ends: reason, status = 0 } = expected[name] ?? { ends: /never/ };
  if (reason === 'delivered') expect(end).toMatchObject({ state: 'DELIVERED', error: '' });
  else expect(end).toMatchObject({ state: 'ERROR', error: expect.stringMatching(reason) as string, status });
  expect(end?.attemptMs).toBeLessThan((isLimited(reason) ? limitSeconds + slackSeconds : roomSeconds) * 1000);
});

test('a name is not asked for again by each delivery that needs it', async () => {
  names.answer('shared.test', ['127.0.0.1']);
  const url = `${system.receiver.url.replace('127.0.0.1', 'shared.test')}/shared`;
  await Promise.all(Array.from({ length: 20 }, () => system.api.publish(url)));
  await eventually(() => system.receiver.at('/shared').length === 20);
  expect(names.asked('shared.test')).toBeLessThan(10);
});

test('of a response no more is kept and passed on than the limit says, decompressed or not', async () => {
  await eventually(() => system.receiver.at('/callback').length >= Object.keys(expected).length);
  const sizes = system.receiver.at('/callback').map(({ body }) => {
    const { body: response } = JSON.parse(body.toString()) as { body: string };
    return Buffer.from(response, 'base64').length;
  });
  expect(Math.max(...sizes)).toBe(maxResponseBytes);
});

test('a cookie that a destination sets does not come back to it', async () => {
  system.receiver.reply('/cookie', { status: 200, headers: { 'Set-Cookie': 'a=b' } });
  for (const count of [1, 2]) {
    await system.api.publish(`${system.receiver.url}/cookie`);
    await eventually(() => system.receiver.at('/cookie').length === count);
  }
  expect(system.receiver.at('/cookie').map(({ headers }) => headers.cookie)).toEqual([undefined, undefined]);
});

test('every slot is free again: as many deliveries as there are slots are in flight together', async () => {
  let inFlight: Socket[] = [];
  const port = await listen((socket) => {
    onRequest(socket, () => {
      inFlight.push(socket);
      if (inFlight.length < slots) return;
      for (const waiting of inFlight) waiting.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      inFlight = [];
    });
  });
  // One destination alone does not get all of them.
  const publish = (_: unknown, index: number) => {
    names.answer(`host-${index}.test`, ['127.0.0.1']);
    return system.api.publish(`http://host-${index}.test:${port}/together`);
  };
  const ids = await Promise.all(Array.from({ length: slots }, publish));
  await eventually(
    async () => (await Promise.all(ids.map(readEnd))).every((end) => end?.state === 'DELIVERED'),
    20_000,
  );
});

describe('Retry-After', () => {
  const backoffMs = 12_182;
  const inTheFuture = (ms: number) => new Date(Date.now() + ms).toUTCString();

  test.each([
    ['0', 0],
    ['1', 1000],
    ['86400', 86_400_000],
    ['86401', backoffMs],
    ['99999999999', backoffMs],
    ['1e20', backoffMs],
    ['-1', backoffMs],
    ['soon', backoffMs],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Fri, 31 Dec 9999 23:59:59 GMT', backoffMs],
    [inTheFuture(2 * 86_400_000), backoffMs],
    [inTheFuture(3_600_000), 3_600_000],
    ['24h0m0s', 86_400_000],
    ['9999999h', backoffMs],
    ['9'.repeat(400), backoffMs],
    ['Sunday, 01-Jan-23 00:00:00 GMT', 0],
    ['Sun Jan  1 00:00:00 2023', 0],
  ])('%s is followed within a day, else the backoff counts', async (value, waitMs) => {
    const path = `/retry-after/${encodeURIComponent(value)}`;
    system.receiver.reply(path, { status: 503, headers: { 'Retry-After': value } }, 200);
    const id = await system.api.publish(system.receiver.url + path, { headers: { 'Upstash-Retries': '1' } });
    const retry = await eventually(async () => {
      const events = await system.api.events(id);
      return events.find(({ nextDeliveryTime }) => nextDeliveryTime !== undefined);
    });
    const waits = (retry.nextDeliveryTime ?? 0) - retry.time;
    // A date was written when this file was read.
    expect(Math.abs(waits - waitMs)).toBeLessThan(waitMs > backoffMs ? 60_000 : 1000);
  });
});
