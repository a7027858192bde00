import { createPaint } from './paint.ts';
import { formatTable, type Column } from './table.ts';

interface Row {
  id: string;
  url: string;
  why?: string;
}
const columns: Column<Row>[] = [
  { title: 'ID', cell: ({ id }) => id, style: () => 'red' },
  { title: 'URL', cell: ({ url }) => url, isBelow: true },
  { title: 'WHY', cell: ({ why }) => why, isBelow: true },
];
const paint = createPaint(false);

test('columns are as wide as their widest cell, whatever the characters', () => {
  const rows = [
    { id: '漢字漢', url: 'u' },
    { id: 'a', url: 'http://a', why: 'b' },
  ];
  expect(formatTable(rows, columns, { paint })).toEqual(['ID      URL       WHY', '漢字漢  u', 'a       http://a  b']);
});

test('on a narrow terminal, columns go below their row, and nothing is lost', () => {
  const url = `http://${'u'.repeat(90)}/the/path`;
  const why = `the destination ${'answered slowly '.repeat(8)}and then 500`;
  const [head, line, ...below] = formatTable([{ id: 'i'.repeat(30), url, why }], columns, { paint, width: 80 });
  expect([head, line, below[0]]).toEqual(['ID', 'i'.repeat(30), `  ${url}`]);
  expect(below.slice(1).every((text) => text.length <= 80)).toBe(true);
  expect(
    below
      .slice(1)
      .map((text) => text.trim())
      .join(' '),
  ).toBe(why);
});

test.each([79, 80])('on a terminal of %d columns, a table of 80 is broken only when it must be', (width) => {
  const rows = [{ id: 'i'.repeat(30), url: 'u'.repeat(30), why: 'w'.repeat(16) }];
  expect(formatTable(rows, columns, { paint, width })).toHaveLength(width < 80 ? 4 : 2);
});

test('an empty cell takes no line', () => {
  expect(formatTable([{ id: 'a', url: 'u'.repeat(80) }], columns, { paint, width: 80 })).toEqual([
    'ID',
    'a',
    `  ${'u'.repeat(80)}`,
  ]);
});

test('a cell is one line, and its colour does not count as width', () => {
  const lines = formatTable([{ id: 'a\nb', url: 'x\x1b[2J' }], columns, { paint: createPaint(true), isHeaded: false });
  expect(lines).toEqual([String.raw`${'\x1b[31ma b\x1b[0m'}  x\x1b[2J`]);
});

test('tables that follow each other are aligned by their least width', () => {
  const aligned = columns.map((column) => ({ ...column, minWidth: 5 }));
  const [line] = formatTable([{ id: 'a', url: 'u', why: 'w' }], aligned, { paint, isHeaded: false });
  expect(line).toBe('a      u      w');
});
