import { createPaint } from './paint.ts';
import { writeTable, type Column } from './table.ts';

interface Row {
  id: string;
  url: string;
  why?: string;
}
const columns: Column<Row>[] = [
  { title: 'ID', cell: ({ id }) => id, style: () => 'red' },
  { title: 'URL', cell: ({ url }) => url, cut: 'start' },
  { title: 'WHY', cell: ({ why }) => why, cut: 'end' },
];
const paint = createPaint(false);

test('columns are as wide as their widest cell, whatever the characters', () => {
  const rows = [
    { id: '漢字漢', url: 'u' },
    { id: 'a', url: 'http://a', why: 'b' },
  ];
  expect(writeTable(rows, columns, { paint })).toEqual(['ID      URL       WHY', '漢字漢  u', 'a       http://a  b']);
});

test('a narrow terminal cuts what may be cut, the widest first, and no ids', () => {
  const rows = [{ id: 'i'.repeat(30), url: `${'u'.repeat(40)}/the/path`, why: 'w'.repeat(20) }];
  const [, line = ''] = writeTable(rows, columns, { paint, width: 70 });
  expect(line).toBe(`${'i'.repeat(30)}  …${'u'.repeat(8)}/the/path  ${'w'.repeat(17)}…`);
  // Too narrow even for that: still readable.
  const [, least = ''] = writeTable(rows, columns, { paint, width: 20 });
  expect(least).toBe(`${'i'.repeat(30)}  …uu/the/path  ${'w'.repeat(11)}…`);
});

test('a cell is one line, and its colour does not count as width', () => {
  const lines = writeTable([{ id: 'a\nb', url: 'x\x1b[2J' }], columns, { paint: createPaint(true), isHeaded: false });
  expect(lines).toEqual([String.raw`${'\x1b[31ma b\x1b[0m'}  x\x1b[2J`]);
});

test('tables that follow each other are aligned by their least width', () => {
  const aligned = columns.map((column) => ({ ...column, minWidth: 5 }));
  const [line] = writeTable([{ id: 'a', url: 'u', why: 'w' }], aligned, { paint, isHeaded: false });
  expect(line).toBe('a      u      w');
});
