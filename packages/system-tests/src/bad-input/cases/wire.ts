import type { BadInput } from '../bad-input.ts';

const head = 'POST /v2/publish/${DEST}/ok HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n';

export const wire: BadInput[] = [
  {
    name: 'Content-Length with Transfer-Encoding (smuggling)',
    status: 400,
    bytes: head + 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  },
  { name: '10,000 headers', status: 431, bytes: `${head}${'X: 1\r\n'.repeat(10_000)}\r\n` },
  { name: '40 KiB in one header', status: 431, bytes: `${head}X: ${'x'.repeat(41_000)}\r\n\r\n` },
  { name: '300 headers', status: 431, bytes: `${head}${'X: 1\r\n'.repeat(300)}\r\n` },
  { name: 'a line break in a header', status: 400, bytes: `${head}Upstash-Forward-X: a\rb\r\n\r\n` },
  { name: 'not HTTP', status: 400, bytes: 'hello\r\n\r\n' },
  { name: 'list length', status: 400, bytes: head + 'Content-Length: 1, 1\r\n\r\nx' },
  { name: 'signed length', status: 400, bytes: head + 'Content-Length: +1\r\n\r\nx' },
  { name: 'overflowing length', status: 400, bytes: head + 'Content-Length: 99999999999999999999\r\n\r\nx' },
  { name: 'chunked not last', status: 400, bytes: head + 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n' },
  { name: 'bad chunk size', status: 400, bytes: head + 'Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n' },
  {
    name: 'overflowing chunk size',
    status: 400,
    bytes: head + 'Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nx',
  },
  { name: 'space before the colon', status: 400, bytes: head + 'X : a\r\nContent-Length: 1\r\n\r\nx' },
  { name: 'NUL in a value', status: 400, bytes: head + 'X: a\u0000b\r\nContent-Length: 1\r\n\r\nx' },
  {
    name: 'no Host',
    status: 400,
    bytes: 'POST /v2/publish/${DEST}/ok HTTP/1.1\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 1\r\n\r\nx',
  },
  {
    name: 'absolute-form target: Express routes it by its path; authentication and rules must hold all the same',
    status: 200,
    bytes:
      'POST http://evil.example/v2/publish/${DEST}/ok HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 1\r\n\r\nx',
  },
  { name: 'HTTP/2 preface on an HTTP/1 port', status: 400, bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  {
    name: 'body shorter than declared, then silence: 408 within the request timeout; nothing is published',
    status: 400,
    bytes: head + 'Content-Length: 1000\r\n\r\nabc',
    end: true,
  },
  { name: 'unknown expectation', status: 200, bytes: head + 'Expect: nonsense\r\nContent-Length: 2\r\n\r\n{}' },
  {
    name: 'TLS hello on the plain port',
    status: 400,
    bytes: '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  },
];
