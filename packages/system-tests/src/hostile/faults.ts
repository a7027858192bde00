import type { Socket } from 'node:net';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

/** A destination that misbehaves once it has read a request, and what has to become of the attempt. */
export interface Fault {
  act: (socket: Socket) => void;
  /** What the log says of the failed attempt; `delivered` if it is none. */
  ends: RegExp | 'delivered';
  /** The status in the log; 0 when there was no whole response. */
  status?: number;
}

const ok = 'HTTP/1.1 200 OK\r\n';
const failed = 'HTTP/1.1 500 Internal Server Error\r\n';
const chunked = 'Transfer-Encoding: chunked\r\n\r\n';
const tinyChunks = Buffer.from('1\r\nx\r\n'.repeat(10_000));
/** What a bomb is inflated to: many times what a dispatcher keeps of a response. */
const bomb = Buffer.alloc(64 * 1024 * 1024);
/** How an attempt ends that only its limit ends. */
export const noResponse = /^no complete response within \d+ s$/;
const incomplete = /^the connection closed before the response was complete$/;
/** The parser's own words may follow. */
const notHttp = /^the response is not valid HTTP(: \w|$)/;

/** Writes a response and leaves the connection open. */
const say = (text: string) => (socket: Socket) => void socket.write(text, 'latin1');
/** Writes a response and closes the connection. */
const end = (text: string) => (socket: Socket) => void socket.end(text, 'latin1');

/** Sends a byte from time to time until the connection closes. */
const drip = (start: string, drop: string) => (socket: Socket) => {
  socket.write(start);
  const timer = setInterval(() => socket.write(drop), 50);
  socket.on('close', () => clearInterval(timer));
};

/**
 * As fast as the other side reads, without an end. A write that the system takes at once is drained at once: without a
 * turn of the event loop in between, one flood would keep all other destinations of this process waiting.
 */
const flood = (start: string, chunk: Buffer) => (socket: Socket) => {
  socket.write(start);
  const pour = () => {
    if (socket.destroyed) return;
    if (socket.write(chunk)) setImmediate(pour);
    else socket.once('drain', () => setImmediate(pour));
  };
  pour();
};

const compressed = (encoding: string, bomb: Buffer) => {
  return (socket: Socket) => {
    socket.write(`${ok}Content-Encoding: ${encoding}\r\nContent-Length: ${bomb.length}\r\n\r\n`);
    socket.write(bomb);
  };
};

const body = (length: string, text: string) => `${ok}Content-Length: ${length}\r\n\r\n${text}`;
const fastBrotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

/** Every way to misbehave in HTTP, over one raw socket. */
export const faults: Record<string, Fault> = {
  'never answers': { act: () => undefined, ends: noResponse },
  'resets before it answers': {
    act: (socket) => void socket.resetAndDestroy(),
    ends: /^(the connection closed before there was a response|read ECONNRESET)$/,
  },
  'closes before it answers': { act: (socket) => void socket.end(), ends: /^the connection closed before there was/ },
  'drips the status line': { act: drip('HTTP/1.1 200 ', 'O'), ends: noResponse },
  'drips headers': { act: drip(ok, 'X-Drip: 1\r\n'), ends: noResponse },
  'drips a body': { act: drip(`${ok}Content-Length: 100000\r\n\r\n`, 'x'), ends: noResponse },
  'drips chunks': { act: drip(`${ok}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'), ends: noResponse },
  'sends a body without an end': {
    act: flood(`${ok}\r\n`, Buffer.alloc(64 * 1024)),
    ends: 'delivered',
  },
  'announces 10 TB and sends them': {
    act: flood(`${ok}Content-Length: 10000000000000\r\n\r\n`, Buffer.alloc(64 * 1024)),
    ends: 'delivered',
  },
  'announces 10 TB and sends nothing': { act: say(body('10000000000000', 'x')), ends: noResponse },
  'announces more than numbers hold': {
    act: end(body('99999999999999999999999', 'x')),
    ends: incomplete,
  },
  'sends less than it announced': { act: end(body('100', 'short')), ends: incomplete },
  'sends more than it announced': { act: say(body('2', 'ok and more')), ends: 'delivered' },
  'sends no length and closes': { act: end(`${ok}\r\nall of it`), ends: 'delivered' },
  'ends inside a chunk': {
    act: end(`${ok}Transfer-Encoding: chunked\r\n\r\n10\r\nabc`),
    ends: incomplete,
  },
  // Its status and headers have arrived: a mistake in the framing of the body does not repeat the work.
  'sends a chunk size that is none': { act: say(`${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\n`), ends: 'delivered' },
  'sends chunks of one byte without an end': { act: flood(`${ok}${chunked}`, tinyChunks), ends: 'delivered' },
  'fails with chunks of one byte without an end': {
    act: flood(`${failed}${chunked}`, tinyChunks),
    ends: /^the destination answered 500$/,
    status: 500,
  },
  'fails with a body without an end': {
    act: flood(`${failed}\r\n`, Buffer.alloc(64 * 1024)),
    ends: /^the destination answered 500$/,
    status: 500,
  },
  'fails with 10 MB': {
    act: (socket) => {
      socket.write(`${failed}Content-Length: 10000000\r\n\r\n`);
      socket.write(Buffer.alloc(10_000_000, 'x'));
    },
    ends: /^the destination answered 500$/,
    status: 500,
  },
  'fails with trailers without an end': {
    act: flood(`${failed}${chunked}0\r\n`, Buffer.from('X-Flood: 1\r\n'.repeat(1000))),
    ends: /^the destination answered 500$/,
    status: 500,
  },
  'sends the extension of a chunk without an end': {
    act: flood(`${ok}${chunked}1;`, Buffer.alloc(64 * 1024, 'x')),
    ends: 'delivered',
  },
  'sends a gzip bomb': {
    act: compressed('gzip', gzipSync(bomb, { level: 1 })),
    ends: 'delivered',
  },
  'sends a brotli bomb': {
    act: compressed('br', brotliCompressSync(bomb, fastBrotli)),
    ends: 'delivered',
  },
  'names 1,000 encodings': {
    act: say(`${ok}Content-Encoding: ${Array(1000).fill('gzip').join(', ')}\r\nContent-Length: 2\r\n\r\nok`),
    ends: 'delivered',
  },
  'names an encoding that every object has': {
    act: say(`${failed}Content-Encoding: constructor\r\nContent-Length: 2\r\n\r\nok`),
    ends: /^the destination answered 500$/,
    status: 500,
  },
  'sends 1,000 headers of encodings': {
    act: say(`${ok}${'Content-Encoding: gzip\r\n'.repeat(1000)}Content-Length: 2\r\n\r\nok`),
    ends: 'delivered',
  },
  'sends 70 kB of headers': {
    act: say(`${ok}X-Large: ${'x'.repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`),
    ends: /^the headers of the response are too large$/,
  },
  'sends headers without an end': {
    act: flood(ok, Buffer.from('X-Flood: 1\r\n'.repeat(1000))),
    ends: /^the headers of the response are too large$/,
  },
  'sends a folded header without an end': {
    act: flood(`${failed}X: 1\r\n`, Buffer.from(' x\r\n'.repeat(1000))),
    ends: /^the headers of the response are too large$/,
  },
  'sends a header byte by byte': {
    act: (socket) => {
      socket.setNoDelay(true).write(`${ok}X: `);
      drip('', 'x')(socket);
    },
    ends: noResponse,
  },
  'sends informational answers without an end': {
    act: flood('', Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50))),
    ends: /^the destination sends nothing but informational answers$/,
  },
  'changes the protocol': {
    act: say('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
    ends: /^the destination wants to change the protocol$/,
    status: 101,
  },
  'answers the status 999': {
    act: say('HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'),
    ends: /^the destination answered 999$/,
    status: 999,
  },
  'answers the status 0': { act: say('HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n'), ends: notHttp },
  'speaks no HTTP': { act: end('220 mail.example ESMTP ready\r\n'), ends: notHttp },
  'speaks TLS on a port of HTTP': { act: end('\x15\x03\x01\x00\x02\x02\x28'), ends: notHttp },
  'sends a length and chunks': {
    act: say(`${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    ends: 'delivered',
  },
  'sends two lengths': {
    act: say(`${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk`),
    ends: /^the response announces different lengths$/,
  },
  'sends a bare line break in a header': { act: say(`${ok}X: a\rb\r\nContent-Length: 0\r\n\r\n`), ends: 'delivered' },
  'resets after the status line': {
    act: (socket) => {
      socket.write(`${ok}Content-Length: 10\r\n\r\nhalf`);
      setTimeout(() => socket.resetAndDestroy(), 100);
    },
    ends: incomplete,
  },
  'redirects to itself': {
    act: say('HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n'),
    ends: /^the destination answered 302$/,
    status: 302,
  },
  'redirects to a metadata service': {
    act: say('HTTP/1.1 301 Moved\r\nLocation: http://169.254.169.254/latest/meta-data\r\nContent-Length: 0\r\n\r\n'),
    ends: /^the destination answered 301$/,
    status: 301,
  },
};
