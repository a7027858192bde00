import { hasMoreValues } from './json-values.ts';

test.each<[string, number, boolean]>([
  ['', 0, false],
  ['1', 0, false],
  ['[1,2]', 2, false],
  ['[1,2,3]', 2, true],
  ['{"a":{"b":[]}}', 3, false],
  ['{"a":{"b":[]}}', 2, true],
  ['["a,b[c{d"]', 1, false],
  ['["a\\",b,c"]', 1, false],
  ['["a\\\\",1]', 1, true],
  ['["a, which never ends,,,', 1, false],
])('%s has more than %i values: %s', (text, max, expected) => {
  expect(hasMoreValues(Buffer.from(text), max)).toBe(expected);
});
