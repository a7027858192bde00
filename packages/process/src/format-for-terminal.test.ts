import { formatForTerminal } from './format-for-terminal.ts';

const format = (fields: object) =>
  formatForTerminal(JSON.stringify({ level: 40, time: '2026-11-29T12:00:00.000Z', process: 'api', ...fields }));

test('a line for a person: what happened and why come first', () => {
  expect(format({ msg: 'trouble.started', kind: 'unavailable', reason: 'Redis does not answer.', count: 2 })).toMatch(
    /^\d\d:\d\d:\d\d \S*WARN \S* api {2}trouble\.started {2}Redis does not answer\. {2}kind=unavailable {2}count=2\n$/,
  );
});

test('a stack has lines of its own', () => {
  const text = format({ msg: 'request.broken', err: { type: 'Error', message: 'no', stack: 'Error: no\n    at x' } });
  expect(text).toMatch(/request\.broken {2}type=Error {2}message=no\n {4}Error: no\n {8}at x\n$/);
});

test('nothing in a field controls the terminal or starts a line', () => {
  const text = format({ msg: 'x', reason: 'a\x1b[2Jb\rc\nd\x07', other: '\x1b]0;title\x07' });
  expect(text.split('\n')).toHaveLength(2);
  expect(text.replaceAll(/\x1b\[\d+m/g, '')).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
});
