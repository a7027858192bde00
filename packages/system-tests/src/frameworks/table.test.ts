import { decideStatus, writeTable, type Row } from './table.ts';

const row = (outcome: Row['outcome']): Row => ({ title: 'Koa', versions: 'koa 3.3.0', result: 'why', outcome });
const [passed, failed, notRun] = [row('passed'), row('failed'), row('not run')];

test.each<[string, Row[], boolean, number]>([
  ['all passed', [passed, passed], false, 0],
  ['one failed', [passed, failed], false, 1],
  ['one failed, and some may not run', [passed, failed, notRun], true, 1],
  ['one was not run', [passed, notRun], false, 1],
  ['one was not run and may not', [passed, notRun], true, 0],
  ['none was run', [notRun, notRun], false, 1],
  ['none was run, and none must', [notRun, notRun], true, 1],
  ['there is none, as of a name that is none', [], false, 1],
])('%s', (_name, rows, mayNotRun, status) => {
  expect(decideStatus(rows, mayNotRun)).toBe(status);
});

test('the table is Markdown', () => {
  expect(writeTable([passed]).split('\n')).toEqual([
    '| application | versions | result |',
    '| --- | --- | --- |',
    '| Koa | koa 3.3.0 | why |',
  ]);
});
