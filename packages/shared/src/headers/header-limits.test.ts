import { findHeaderExcess, maxHeaderBytes, maxHeaders } from './header-limits.ts';

const list = (count: number, name: string, value: string) => Array.from({ length: count }, () => [name, value]).flat();

test.each<[string, string[], string | undefined]>([
  ['none', [], undefined],
  ['as many as are allowed', list(maxHeaders, 'a', 'b'), undefined],
  ['one too many', list(maxHeaders + 1, 'a', 'b'), 'Use at most 200 headers.'],
  ['as many bytes as are allowed', ['name', 'x'.repeat(maxHeaderBytes - 4)], undefined],
  ['one byte too many in a value', ['name', 'x'.repeat(maxHeaderBytes - 3)], 'Use at most 32768 bytes of headers.'],
  ['one byte too many in a name', ['x'.repeat(maxHeaderBytes + 1), ''], 'Use at most 32768 bytes of headers.'],
])('headers: %s', (_, headers, excess) => {
  expect(findHeaderExcess(headers)).toBe(excess);
});
