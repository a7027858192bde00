import { createItemSplitter, maxItemMarks } from './split-items.ts';

const limits = { maxItems: 10, maxItemBytes: 1000 };

/** The items of a text that arrives in pieces of so many bytes. */
function split(text: string, pieceBytes: number, given = limits): unknown[] {
  const items: unknown[] = [];
  const splitter = createItemSplitter(given, (item) => items.push(JSON.parse(item)));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) splitter.push(bytes.subarray(at, at + pieceBytes));
  splitter.end();
  return items;
}

test.each([
  '[1]',
  ' [ {"a": "b"} , {"c": ["d", {"e": null}]} ]\n',
  String.raw`["\\", "\"", "\\\"]", "[,", "{:", "]"]`,
  '[{"headers": {"a": "1,2"}, "body": "ä€😀"}, [], {}, "", 0, true]',
])('%s is split into its items, wherever it is cut', (text) => {
  for (const pieceBytes of [1, 2, 3, 7, 1000]) expect(split(text, pieceBytes)).toEqual(JSON.parse(text));
});

test('a byte order mark stands before the array only', () => {
  for (const pieceBytes of [1, 2, 3, 100]) expect(split('\ufeff [1]', pieceBytes)).toEqual([1]);
  expect(() => split('\ufeff\ufeff[1]', 1)).toThrow('array of items');
  expect(() => split('[1]\ufeff', 1)).toThrow('array of items');
});

test.each(['', ' ', '[]', '[ ]', '{}', 'null', '"[1]"', '1', '[1]x', '[1][2]', '[1],', 'x[1]'])(
  '%j is not an array of items',
  (text) => {
    expect(() => split(text, 1)).toThrow('array of items');
  },
);

test.each(['[', '[1', '[1,', '[1,]', '[,1]', '["a]', '[1,,2]', '[{]', '[}1]', '[1}'])('%j is not JSON', (text) => {
  expect(() => split(text, 1)).toThrow(/JSON|Unexpected|Expected/);
});

test('limits apply to what has been read, not to the whole', () => {
  const splitter = (maxItemBytes: number) => createItemSplitter({ maxItems: 2, maxItemBytes }, () => undefined);
  expect(() => splitter(100).push(Buffer.from('[1,2,3,'))).toThrow('at most 2 items');
  expect(() => splitter(100).push(Buffer.from(`["${'x'.repeat(101)}`))).toThrow('100 bytes of JSON per item');
  expect(() => splitter(100).push(Buffer.from(`[${' '.repeat(101)}`))).toThrow('100 bytes of JSON per item');
  expect(() => splitter(1e9).push(Buffer.from(`[1,[${'0,'.repeat(maxItemMarks)}`))).toThrow('item 1');
  expect(() => splitter(1e9).push(Buffer.from(`[${'['.repeat(maxItemMarks + 1)}`))).toThrow('item 0');
});
