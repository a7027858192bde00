import { disarm, measureWidth, padToWidth } from './text.ts';
import type { Paint, Style } from './paint.ts';

export interface Column<T> {
  title: string;
  cell: (row: T) => string | number | undefined;
  style?: (row: T) => Style | undefined;
  /** Where the terminal is too narrow, it goes to a line of its own below the row: nothing is ever cut. */
  isBelow?: boolean;
  /** So that tables that follow each other are aligned. */
  minWidth?: number;
}

export interface TableOptions {
  /** Columns of the terminal; without, each row is one line. */
  width?: number | undefined;
  paint: Paint;
  isHeaded?: boolean;
}

const gap = 2;

/** Lines of a table, each column as wide as its widest cell. */
export function formatTable<T>(rows: readonly T[], columns: readonly Column<T>[], options: TableOptions): string[] {
  const { width = Infinity, paint, isHeaded = true } = options;
  const whole = layOut(rows, columns, isHeaded);
  const isNarrow = whole.reduce((sum, { width: each }) => sum + each + gap, -gap) > width;
  const beside = isNarrow ? whole.filter(({ column }) => !column.isBelow) : whole;
  const below = isNarrow ? whole.filter(({ column }) => column.isBelow) : [];

  const writeLine = (write: (column: Laid<T>) => { text: string; style: Style | undefined }) =>
    beside
      .map((column) => {
        const { text, style } = write(column);
        return paint(style, text) + padToWidth(text, column.width).slice(text.length);
      })
      .join(' '.repeat(gap))
      .trimEnd();
  const head = writeLine(({ column }) => ({ text: column.title, style: 'dim' }));
  const lines = rows.flatMap((row, at) => [
    writeLine(({ column, cells }) => ({ text: cells[at] ?? '', style: column.style?.(row) })),
    ...below.flatMap(({ cells }) => wrap(cells[at] ?? '', width - gap)).map((text) => ' '.repeat(gap) + text),
  ]);
  return isHeaded ? [head, ...lines] : lines;
}

interface Laid<T> {
  column: Column<T>;
  cells: string[];
  width: number;
}

function layOut<T>(rows: readonly T[], columns: readonly Column<T>[], isHeaded: boolean): Laid<T>[] {
  return columns.map((column) => {
    const cells = rows.map((row) => disarm(String(column.cell(row) ?? '')).replace(/\s+/g, ' '));
    const minWidth = Math.max(isHeaded ? column.title.length : 0, column.minWidth ?? 0);
    return { column, cells, width: Math.max(minWidth, ...cells.map(measureWidth)) };
  });
}

/** Lines of at most this width, broken at blanks; a word that is longer, such as a URL, stays whole to be copied. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').filter(Boolean)) {
    const line = lines.at(-1);
    if (line !== undefined && measureWidth(line) + 1 + measureWidth(word) <= width)
      lines.push(`${lines.pop() ?? ''} ${word}`);
    else lines.push(word);
  }
  return lines;
}
