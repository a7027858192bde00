import { parseFraming, parseHeader, parseStatusLine } from './response-head.ts';

const ok = { status: 200, isOldVersion: false, isRegular: true };

test.each([
  ['X: 1', { X: ['1'] }],
  ['x-a:1', { 'X-A': ['1'] }],
  ['X:', { X: [''] }],
  ['X: \t a b \t', { X: ['a b'] }],
  ['X: a\rb', { X: ['a b'] }],
  ['X: a\0b\x7f', { X: ['a b'] }],
  ['X: \x1b[31mred', { X: ['[31mred'] }],
  ['X: Zo\xc3\xab', { X: ['Zoë'] }],
  ['X: \xe6\x97\xa5', { X: ['日'] }],
  ['X: \xe9', { X: ['é'] }],
  ['__proto__: 1', Object.fromEntries([['__proto__', ['1']]])],
  ['no colon', {}],
  [': no name', {}],
])('%j is shown as %j', (line, header) => {
  expect(parseHeader([line])).toEqual(header);
});

test('values of the same name stay apart, in their order', () => {
  expect(parseHeader(['Set-Cookie: a', 'X: 1', 'set-cookie: b'])).toEqual({ 'Set-Cookie': ['a', 'b'], X: ['1'] });
});

test.each<[string[], object]>([
  [['Content-Length: 5'], { body: 5, isRegular: true, keepAliveMs: 30_000 }],
  [['Content-Length: 5', 'Connection: close'], { body: 5, keepAliveMs: 0 }],
  [['Content-Length: 5', 'Connection: x, CLOSE'], { body: 5, keepAliveMs: 0 }],
  [['Content-Length: 5', 'Keep-Alive: timeout=5'], { keepAliveMs: 3000 }],
  [['Content-Length: 5', 'Keep-Alive: max=9, timeout = 900'], { keepAliveMs: 60_000 }],
  [['Content-Length: 5', 'Keep-Alive: timeout=2'], { keepAliveMs: 0 }],
  [['Content-Length : 5'], { body: 5, isRegular: false }],
  [['Content-Length: 5', 'X: a\0'], { body: 5, isRegular: false }],
  [['Content-Length: 5,5'], { body: 5, isRegular: false }],
  [['Content-Length: 5,'], { body: 5, isRegular: false }],
  [['Content-Length: 1234567890123456'], { body: 1234567890123456, isRegular: false }],
  [['Content-Length: 5', 'Content-Length: five'], { body: 'conflict', isRegular: false }],
  [['Transfer-Encoding: chunked'], { body: 'chunked', isRegular: true }],
  [['Transfer-Encoding: gzip, chunked'], { body: 'chunked', isRegular: false }],
  [['Transfer-Encoding: x-chunked'], { isRegular: false }],
  [['Transfer-Encoding: gzip'], { body: 'to close', isRegular: false }],
  [[], { body: 'to close', isRegular: false }],
])('%j', (lines, framing) => {
  expect(parseFraming(lines, ok)).toMatchObject(framing);
});

test('an old version closes its connections, unless it says otherwise', () => {
  const old = { ...ok, isOldVersion: true };
  expect(parseFraming(['Content-Length: 5'], old).keepAliveMs).toBe(0);
  expect(parseFraming(['Content-Length: 5', 'Connection: Keep-Alive'], old).keepAliveMs).toBe(30_000);
});

test.each([
  ['HTTP/1.1 200 OK', true, false],
  ['HTTP/1.1 200', true, false],
  ['HTTP/1.0 200 OK', true, true],
  ['HTTP/1.1 200OK', false, false],
  ['HTTP/1.1  200 OK', false, false],
  ['HTTP/1.1 200 O\0K', false, false],
  ['HTTP/2 200', false, false],
  ['HTTP/0.9 200', false, true],
])('%j: regular %s, old %s', (line, isRegular, isOldVersion) => {
  expect(parseStatusLine(line)).toEqual({ status: 200, isRegular, isOldVersion });
});

test.each([
  '',
  'HTTP/1.1',
  'HTTP/1.1 ',
  'HTTP/1.1 20',
  'HTTP/1.1 2000',
  'HTTP 200',
  'HTTP/11 200',
  'XHTTP/1.1 200',
  '200 OK',
])('%j is no status line', (line) => {
  expect(parseStatusLine(line)).toBeUndefined();
});
