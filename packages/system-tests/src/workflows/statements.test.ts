import { readFileSync } from 'node:fs';
import { statements } from './statements.ts';

const count = 62;

test('every statement of the check list has tests', () => {
  expect(Object.keys(statements)).toEqual(Array.from({ length: count }, (_, index) => String(index + 1)));
  for (const { tests } of Object.values(statements)) expect(tests.length).toBeGreaterThan(0);
});

const named = [...new Set(Object.values(statements).flatMap(({ tests }) => tests))];

test.each(named)('there is a test %s', (name) => {
  const [, file = '', title = ''] = /^([a-z]+): (.*)$/.exec(name) ?? [];
  const source = readFileSync(`packages/system-tests/src/e2e/workflows-${file}.test.ts`, 'utf8');
  expect(["'", '`'].some((quote) => source.includes(`${quote}${title}${quote}`))).toBe(true);
});
