import fc from 'fast-check';
import { listHeaders } from '../contract/url-groups.ts';
import { parseDestination } from './destination.ts';
import { parseForwardedHeaders } from './forward.ts';
import { decodeHeaderMap, decodeHeaderText, decodePercent, encodeHeaderText } from './header-text.ts';
import { parsePublishOptions } from './parse-publish-options.ts';

/** What node:http gives for these bytes. */
const bytes = (hex: string) => Buffer.from(hex, 'hex').toString('latin1');

test.each([
  ['5a6fc3ab', 'Zoë', 'UTF-8'],
  ['5a6feb', 'Zoë', 'Latin-1'],
  ['e697a5e69cac', '日本', 'UTF-8 of three bytes'],
  ['f09f9880', '😀', 'UTF-8 of four bytes'],
  ['c3a0', 'à', 'a byte that is a no-break space in Latin-1'],
  ['efbbbf61', '\ufeffa', 'a byte order mark is kept'],
  ['c3', 'Ã', 'half a letter is no UTF-8'],
  ['c0af', 'À¯', 'an overlong form is no UTF-8'],
  ['eda080', 'í\u00a0\u0080', 'half a surrogate pair is no UTF-8'],
  ['5a6fc3abeb', 'ZoÃ«ë', 'one wrong byte makes all of it Latin-1'],
  ['', '', 'nothing'],
])('the bytes %s are the text %j: %s', (hex, text) => {
  expect(decodeHeaderText(bytes(hex))).toBe(text);
});

test('any text comes back from its bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const value = encodeHeaderText(text);
      expect(Buffer.from(value, 'latin1').toString('utf8')).toBe(text);
      expect(decodeHeaderText(value)).toBe(text);
    }),
  );
});

test('a text of a megabyte is encoded and decoded', () => {
  const text = 'ë'.repeat(1_000_000);
  expect(decodeHeaderText(encodeHeaderText(text))).toBe(text);
});

test.each([
  ['Zo%C3%AB', '5a6fc3ab'],
  ['Zo%EB', '5a6feb'],
  ['Zoë', '5a6fc3ab'],
  ['Zoë%20%e6%97%a5', '5a6fc3ab20e697a5'],
])('%s is decoded to the bytes %s', (text, hex) => {
  expect(decodePercent(text)).toBe(bytes(hex));
});

test.each(['%', '%zz', 'a%2', '%C3%'])('%s is no percent-encoding', (text) => {
  expect(decodePercent(text)).toBeUndefined();
});

describe.each(['zoë', '日本', 'kunde-müller', 'à', 'naïve,日本 😀'])('%j means the same on all ways', (text) => {
  const ways = (name: string): [way: string, headers: readonly string[]][] => [
    ['header', [name, bytes(Buffer.from(text).toString('hex'))]],
    ['query', parseDestination(`https://h?${name.toLowerCase()}=${encodeURIComponent(text)}`).configuration],
    ['query that is not encoded', parseDestination(`https://h?${name.toLowerCase()}=${text}`).configuration],
    ['batch item', [name, encodeHeaderText(text)]],
    ['defaults of a URL group', listHeaders({ [name]: [text] })],
  ];

  test.each(ways('Upstash-Label'))('as a label by %s', (_, headers) => {
    expect(parsePublishOptions(headers).labels?.join(',')).toBe(text);
  });

  test.each(ways('Upstash-Forward-X-Name'))('as a forwarded header by %s', (_, headers) => {
    const { header } = parseForwardedHeaders(headers, false, false);
    expect(Buffer.from(header['X-Name']?.[0] ?? '', 'latin1').toString('utf8')).toBe(text);
    expect(decodeHeaderMap(header)).toEqual({ 'X-Name': [text] });
  });

  test.each([...ways('Upstash-Callback-Forward-X-Name'), ...ways('Upstash-Failure-Callback-Forward-X-Name')])(
    'as a header of a callback by %s',
    (_, headers) => {
      const { callbackHeader, failureCallbackHeader } = parseForwardedHeaders(headers, false, false);
      expect(decodeHeaderMap({ ...callbackHeader, ...failureCallbackHeader })).toEqual({ 'X-Name': [text] });
    },
  );
});

test('bytes that are not UTF-8 reach the destination as they came', () => {
  const headers = ['Upstash-Forward-X-Name', bytes('5a6feb'), 'Upstash-Label', bytes('5a6feb')];
  expect(parseForwardedHeaders(headers, false, false).header).toEqual({ 'X-Name': [bytes('5a6feb')] });
  expect(parsePublishOptions(headers).labels).toEqual(['Zoë']);
  expect(parseDestination('https://h?upstash-forward-x=Zo%EB').configuration).toEqual([
    'upstash-forward-x',
    bytes('5a6feb'),
  ]);
});

test('a label is limited by its letters, not by its bytes', () => {
  const key = 'ü'.repeat(256);
  expect(
    parsePublishOptions(['Upstash-Flow-Control-Key', encodeHeaderText(key), 'Upstash-Flow-Control-Value', 'rate=1']),
  ).toMatchObject({
    flowControlKey: key,
  });
});
