import { isPrinted } from './is-printed.ts';
import { readPage } from './read-page.ts';

const fence = '```';

test('a script is read command by command, with what it prints', () => {
  const page = [
    'text',
    `${fence}sh`,
    '# a remark',
    'export A=1',
    '',
    "curl -d '{",
    '  # not a comment',
    "}' \\",
    '  http://a',
    '# {"messageId":"msg_1"}',
    'echo hi   # a remark',
    '# prints hi',
    fence,
  ].join('\n');
  expect(readPage(page)).toEqual([
    {
      line: 2,
      notRun: undefined,
      commands: [
        { text: 'export A=1', line: 4 },
        { text: "curl -d '{\n  # not a comment\n}' \\\n  http://a", line: 6, printed: ['{"messageId":"msg_1"}'] },
        { text: 'echo hi   # a remark', line: 11, printed: ['hi'] },
      ],
    },
  ]);
});

test('a session is read with its output', () => {
  const [block] = readPage(`${fence}console\n$ a\n1\n\n2\n$ b\n${fence}\n`);
  expect(block?.commands).toEqual([
    { text: 'a', printed: ['1', '2'], line: 2 },
    { text: 'b', printed: undefined, line: 6 },
  ]);
});

test('a block that is not run says why; other languages are left alone', () => {
  const page = `${fence}sh not run: needs Docker\ndocker compose up\n${fence}\n${fence}ts\nlet a;\n${fence}\n`;
  expect(readPage(page)).toEqual([{ line: 1, notRun: 'needs Docker', commands: [] }]);
});

test.each([
  [['msg_01M8A'], 'msg_0ZZZ\n'],
  [['A  B'], 'A      B\n\n'],
  [['2026-11-26T00:41:32.225+00:00  CREATED'], '2027-01-01T10:00:00.000Z CREATED'],
  [['1795653692770-3  3s ago'], '1895653692770-14 now'],
  [['ERROR 500  msg_1'], 'ERROR 500 msg_2'],
  [['next attempt after 500 ms'], 'next attempt after 501 ms'],
  [['a  ...'], 'a'],
  [['{"a":"..."}'], '{"a":"whatever (.*)"}'],
  [['(a) [b] $c'], '(a) [b] $c'],
])('%j may be printed as %j', (expected, output) => {
  expect(isPrinted(expected, output)).toBe(true);
});

test.each([
  [['ERROR 500'], 'ERROR 501'],
  [['a'], 'a\nb'],
  [['a', 'b'], 'a'],
  [['msg_1'], 'scd-1'],
  [['a.b'], 'axb'],
])('%j is not %j', (expected, output) => {
  expect(isPrinted(expected, output)).toBe(false);
});
