import { disarm, disarmJson, formatCount, measureWidth, padToWidth } from './text.ts';

test.each([
  ['plain', 5],
  ['ünï', 3],
  ['u\u0308', 1],
  ['漢字', 4],
  ['ｆｕｌｌ', 8],
  ['😀', 2],
  ['👩‍👩‍👧', 2],
  ['', 0],
])('%s takes %d columns', (text, width) => {
  expect(measureWidth(text)).toBe(width);
});

test('padding counts columns, not characters', () => {
  expect(measureWidth(padToWidth('漢', 5))).toBe(5);
});

test('text from elsewhere cannot steer the terminal', () => {
  expect(disarm('a\x1b[31m\x07\r\u009b\u202eb')).toBe(String.raw`a\x1b[31m\x07\x0d\x9b\x202eb`);
  expect(disarm('\u061ca\u200eb\u200fc')).toBe(String.raw`\x61ca\x200eb\x200fc`);
  expect(disarm('line\n\ttab é 漢 😀')).toBe('line\n\ttab é 漢 😀');
});

test('one has no plural', () => {
  expect([0, 1, 2].map((count) => formatCount(count, 'dead letter'))).toEqual([
    '0 dead letters',
    '1 dead letter',
    '2 dead letters',
  ]);
});

test('JSON from elsewhere cannot steer the terminal, and means the same', () => {
  const value = { 'name\u0085': 'a\x1b[31m\x7f\u009b\u061c\u200e\u200f\u202e\u2066 é 漢 😀\n' };
  const json = disarmJson(JSON.stringify(value));
  expect(JSON.parse(json)).toEqual(value);
  expect(json).toBe(String.raw`{"name\u0085":"a\u001b[31m\u007f\u009b\u061c\u200e\u200f\u202e\u2066 é 漢 😀\n"}`);
});
