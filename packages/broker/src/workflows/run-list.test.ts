import { FilterFields } from '@posthorn/shared';
import { matchesRun } from './run-list.ts';
import type { Run } from './runs.ts';

const run = (url: string) =>
  ({ config: { url }, createdAt: 1, runId: 'wfr_1', state: 'RUN_STARTED' }) as unknown as Run;
const matches = (url: string, wanted: string, isPrefix = false) =>
  matchesRun(run(url), { workflowUrl: FilterFields.url.parse(wanted), isPrefix });

test.each([
  ['https://h/a,b', 'https://h/a,b', true],
  ['https://h/a', 'https://h/a,b', false],
  ['https://h/a,b', 'https://h/a', false],
  ['https://h/b', 'https://h/a,https://h/b', true],
  ['https://user:secret@h/', 'https://user:***@h/', true],
  ['https://user:secret@h/', 'https://user:secret@h/', true],
  ['https://user:secret@h/', 'https://h/', false],
  ['https://token@h/', 'https://***@h/', true],
])('a run of %s is meant by workflowUrl=%s: %s', (url, wanted, isMeant) => {
  expect(matches(url, wanted)).toBe(isMeant);
});

test('the beginning of a URL is compared as it is shown, too', () => {
  expect(matches('https://user:secret@h/a/b', 'https://user:***@h/a', true)).toBe(true);
  expect(matches('https://h/a/b', 'https://h/a,x', true)).toBe(false);
  expect(matches('https://h/b', 'https://h/a', true)).toBe(false);
});
