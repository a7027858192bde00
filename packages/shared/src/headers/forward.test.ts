import { ForwardError, mergeHeaders, parseForwardedHeaders } from './forward.ts';
import { parsePublishOptions } from './parse-publish-options.ts';

const read = (headers: [string, string][], all = false, tokenInQuery = false) =>
  parseForwardedHeaders(headers.flat(), all, tokenInQuery).header;

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
  'HTTP2-Settings',
  'Upstash_Signature',
  'Upstash_Message_Id',
  'Upstash-Message_Id',
  'UPSTASH_Signature',
  'Upstash.Signature',
  'Upstash~Retried',
  'Content_Length',
  'Transfer_Encoding',
  'Proxy_Authorization',
  'HTTP2_Settings',
])('%s cannot be forwarded', (name) => {
  expect(read([[`Upstash-Forward-${name}`, 'x']])).toEqual({});
  expect(read([[name, 'x']], true)).toEqual({});
  const callbacks = parseForwardedHeaders(
    [`Upstash-Callback-Forward-${name}`, 'x', `Upstash-Failure-Callback-Forward-${name}`, 'x'],
    false,
    false,
  );
  expect(callbacks).toEqual({ header: {}, callbackHeader: {}, failureCallbackHeader: {} });
});

test.each([
  'X_Trace',
  'X.Trace',
  'Content_Language',
  'My_Upstash_Signature',
  'Upstash_Workflow_Id',
  'Upstashx_Signature',
])('%s is like no name that matters and goes along', (name) => {
  expect(Object.keys(read([[`Upstash-Forward-${name}`, 'x']]))).toHaveLength(1);
});

test.each<[connection: [string, string][], dropped: string[]]>([
  [[['Connection', 'close, X-Hop']], ['x-hop']],
  [[['connection', 'X-HOP ,x-Two']], ['x-hop', 'x-two']],
  [
    [
      ['Connection', 'keep-alive'],
      ['Connection', 'x-two'],
    ],
    ['x-two'],
  ],
  [[['Connection', ', ,']], []],
  [[], []],
])('with all, what %j names stays behind', (connection, dropped) => {
  const others: [string, string][] = [
    ['X-Hop', '1'],
    ['X-Two', '2'],
    ['HTTP2-Settings', 'AAM'],
    ['Keep-Alive', '5'],
  ];
  const expected = others.slice(0, 2).filter(([name]) => !dropped.includes(name.toLowerCase()));
  expect(Object.keys(read([...connection, ...others], true)).sort()).toEqual(expected.map(([name]) => name).sort());
});

test('Connection names neither what is forwarded on purpose nor the content type', () => {
  const headers: [string, string][] = [
    ['Connection', 'X-Hop, Content-Type, Upstash-Forward-X-Hop'],
    ['Content-Type', 'text/plain'],
    ['Upstash-Forward-X-Hop', '1'],
  ];
  expect(read(headers, true)).toEqual({ 'X-Hop': ['1'], 'Content-Type': ['text/plain'] });
});

test('codings that the publisher can decode are forwarded only on purpose', () => {
  expect(read([['Accept-Encoding', 'gzip, zstd']], true)).toEqual({});
  expect(read([['accept_encoding', 'zstd']], true)).toEqual({});
  expect(read([['Upstash-Forward-Accept-Encoding', 'identity']])).toEqual({ 'Accept-Encoding': ['identity'] });
});

test.each([
  ['zstd', undefined],
  ['gzip, zstd', 'gzip'],
  ['zstd;q=1, br ; q=0.5,*;q=0.1, Identity;q=0', 'br ; q=0.5, Identity;q=0'],
  ['gzip,  deflate', 'gzip,  deflate'],
  ['*', undefined],
  ['', undefined],
])('of the codings "%s" those go along that posthorn decodes: %s', (value, sent) => {
  const header = sent === undefined ? {} : { 'Accept-Encoding': [sent] };
  expect(read([['Upstash-Forward-Accept-Encoding', value]])).toEqual(header);
  const callbacks = ['Upstash-Callback-Forward-Accept-Encoding', value];
  expect(parseForwardedHeaders(callbacks, false, false).callbackHeader).toEqual(header);
});

test.each(['X_Forwarded_For', 'X_Real_IP', 'Upstash_Label', 'Upstash_Workflow_Id', 'Content_Type'])(
  'with all, %s stays behind like its name with hyphens',
  (name) => expect(read([[name, 'x']], true)).toEqual({}),
);

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

test('an empty value counts as absent', () => {
  const headers: [string, string][] = [
    ['X-Empty', ''],
    ['Content-Type', ' '],
    ['Upstash-Forward-Content-Type', 'text/plain'],
    ['Upstash-Forward-X', ''],
    ['Upstash-Forward-Y', '\t'],
    ['Upstash-Forward-Y', '1'],
  ];
  expect(read(headers, true)).toEqual({ 'Content-Type': ['text/plain'], Y: ['1'] });
  const callbacks = ['Upstash-Callback-Forward-X', '', 'Upstash-Failure-Callback-Forward-X', ' '];
  expect(parseForwardedHeaders(callbacks, false, false)).toMatchObject({
    callbackHeader: {},
    failureCallbackHeader: {},
  });
});

test('an empty header does not hide a parameter or a default of its name', () => {
  const given = ['Upstash-Retries', '', 'upstash-delay', '1s'];
  const merged = mergeHeaders(given, ['upstash-retries', '1', 'Upstash-Delay', '2s', 'Upstash-Method', 'PUT']);
  expect(parsePublishOptions(merged)).toEqual({ retries: 1, delayMs: 1000, method: 'PUT' });
});
