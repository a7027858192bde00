import { createHmac, hash } from 'node:crypto';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Faults } from './deliveries.ts';
import type { Running } from './running.ts';

/** A request that only an attacker sends, and its expected response. */
interface Forgery {
  method?: string;
  /** None if it is `undefined`. */
  signature?: string;
  /** A number is that many bytes, in chunks and without a length. */
  body: string | number;
  /** 403 if nothing else is said. */
  statuses?: number[];
}

const text = '{"order":17}';
const largeBytes = 64 * 1024 * 1024;
/** More than the 32 MiB that a handler reads. */
const longBytes = 33 * 1024 * 1024;

/** @param key the current key of the application */
function writeForgeries(key: string, url: string): Record<string, Forgery> {
  const now = Math.floor(Date.now() / 1000);
  const sign = (body: string, { claims = {}, header = {}, by = key } = {}) => {
    const all = { iss: 'Upstash', sub: url, exp: now + 300, nbf: 0, iat: now, jti: 'jwt_1' };
    const input = [
      { alg: 'HS256', typ: 'JWT', ...header },
      { ...all, body: hash('sha256', body, 'base64url'), ...claims },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    return `${input}.${createHmac('sha256', by).update(input).digest('base64url')}`;
  };
  const unsigned = sign(text, { header: { alg: 'none' } }).replace(/\.[^.]*$/, '.');
  return {
    // The pages router of Next.js answers 400, as the official handler does.
    'no signature': { body: text, statuses: [400, 403] },
    'an empty signature': { signature: '', body: text, statuses: [400, 403] },
    'no token': { signature: 'x.y.z', body: text },
    'another key': { signature: sign(text, { by: 'sig_of_somebody' }), body: text },
    'tampered body': { signature: sign(text), body: '{"order":18}' },
    expired: { signature: sign(text, { claims: { exp: now - 1 } }), body: text },
    'not valid yet': { signature: sign(text, { claims: { nbf: now + 600 } }), body: text },
    'alg none': { signature: unsigned, body: text },
    'another issuer': { signature: sign(text, { claims: { iss: 'Other' } }), body: text },
    'forged empty body': { signature: sign('', { by: 'sig_of_somebody' }), body: '' },
    'forged GET': { method: 'GET', signature: sign('', { by: 'sig_of_somebody' }), body: '' },
    // A framework that parses bodies before a guard runs may refuse it by its own limit.
    '64 MB without a token': { signature: 'x.y.z', body: largeBytes, statuses: [403, 413] },
    '33 MB with a token': { signature: sign(text), body: longBytes, statuses: [413] },
  };
}

export const forgeryKinds = Object.keys(writeForgeries('', ''));

/** Sends every forgery; gives those that had another answer than they must. */
export async function forge(running: Running, url: string, key: string, except: Record<string, string> = {}) {
  const faults: Faults = {};
  for (const [kind, forgery] of Object.entries(writeForgeries(key, url))) {
    if (kind in except) continue;
    const { statuses = [403] } = forgery;
    const before = running.readRssBytes();
    const answer = await send(url, forgery).catch((error: unknown) => String(error));
    const grown = running.readRssBytes() - before;
    if (!statuses.some((status) => answer.startsWith(`HTTP/1.1 ${status} `)))
      faults[kind] = answer.slice(0, 300).replaceAll('\r\n', ' ');
    // Nothing of it is kept, but runtimes have buffers of their own.
    else if (forgery.body === largeBytes && grown > largeBytes) faults[kind] = `memory grew by ${grown >> 20} MB`;
  }
  return faults;
}

/** Gives the head of the response. */
async function send(url: string, { method = 'POST', signature, body }: Forgery): Promise<string> {
  const { hostname, port, pathname, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  const head = [
    `${method} ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/json',
    ...(signature === undefined ? [] : [`Upstash-Signature: ${signature}`]),
    ...(typeof body === 'number'
      ? ['Transfer-Encoding: chunked']
      : method === 'GET'
        ? []
        : [`Content-Length: ${body.length}`]),
  ];
  let answer = '';
  const answered = new Promise<void>((resolve, reject) => {
    socket.setTimeout(60_000, () => socket.destroy(new Error('no response within 60 s')));
    // A server may close as soon as it has answered.
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve()));
    socket.on('end', resolve);
    socket.on('data', (data: Buffer) => {
      answer += data.toString();
      // What else comes is the reason, which is short.
      if (answer.includes('\r\n\r\n')) setTimeout(resolve, 50);
    });
  });
  const content = typeof body === 'string' ? [body] : writeChunks(body, () => answer !== '');
  const sent = pipeline(Readable.from(writeRequest(head, content)), socket, { end: false });
  await Promise.all([answered, sent.catch(() => undefined)]);
  socket.destroy();
  return answer;
}

function* writeRequest(head: string[], content: Iterable<string>): Iterable<string> {
  yield `${head.join('\r\n')}\r\n\r\n`;
  yield* content;
}

/** Goes on after the response has begun, as clients do that look at it only at the end. */
function* writeChunks(length: number, isAnswered: () => boolean): Iterable<string> {
  const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  let afterwards = 0;
  for (let sent = 0; sent < length && afterwards < 16; sent += 0x10000) {
    if (isAnswered()) afterwards++;
    yield piece;
  }
  if (afterwards < 16) yield '0\r\n\r\n';
}
