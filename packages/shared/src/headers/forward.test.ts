import { ForwardError, readForwardedHeaders } from './forward.ts';

const read = (headers: [string, string][], all = false, tokenInQuery = false) =>
  readForwardedHeaders(headers.flat(), all, tokenInQuery).header;

test('only prefixed headers and the content type go along, in canonical form, repeated ones in order', () => {
  expect(
    read([
      ['Upstash-Forward-x-A', '1'],
      ['upstash-forward-X-a', '2'],
      ['content-type', 'text/plain'],
      ['X-Other', '3'],
    ]),
  ).toEqual({ 'X-A': ['1', '2'], 'Content-Type': ['text/plain'] });
});

test('a forwarded content type counts only when the message has none', () => {
  expect(read([['Upstash-Forward-Content-Type', 'a/b']])).toEqual({ 'Content-Type': ['a/b'] });
  expect(
    read([
      ['Upstash-Forward-Content-Type', 'a/b'],
      ['Content-Type', 'c/d'],
    ]),
  ).toEqual({ 'Content-Type': ['c/d'] });
});

test.each([
  'Host',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'TE',
  'Expect',
  'Proxy-Authorization',
  'Upstash-Signature',
  'Upstash-Message-Id',
  'Upstash-Foo',
])('%s cannot be forwarded', (name) => {
  expect(read([[`Upstash-Forward-${name}`, 'x']])).toEqual({});
});

test('labels and workflow headers can be forwarded, stripped of the first prefix only', () => {
  expect(
    read([
      ['Upstash-Forward-Upstash-Workflow-Id', 'w'],
      ['Upstash-Forward-Upstash-Label', 'l'],
    ]),
  ).toEqual({
    'Upstash-Workflow-Id': ['w'],
    'Upstash-Label': ['l'],
  });
});

test('with all, other headers go too, but neither the token nor what a proxy added', () => {
  const headers: [string, string][] = [
    ['X-B', '1'],
    ['Authorization', 't'],
    ['X-Forwarded-For', 'p'],
    ['Upstash-Retries', '2'],
    ['Cookie', 'c'],
  ];
  expect(read(headers, true)).toEqual({ 'X-B': ['1'], Cookie: ['c'] });
  expect(read(headers, true, true)).toMatchObject({ Authorization: ['t'] });
});

test.each([
  ['Upstash-Forward-a b', 'x'],
  ['Upstash-Forward-X', 'a\u0001b'],
  ['Upstash-Forward-X', 'ā'],
])('what HTTP cannot carry is refused by name: %s', (name, value) => {
  expect(() => read([[name, value]])).toThrow(ForwardError);
});
