import { cutToWidth, disarm, measureWidth, padToWidth } from './text.ts';
import type { Paint, Style } from './paint.ts';

export interface Column<T> {
  title: string;
  cell: (row: T) => string | number | undefined;
  style?: (row: T) => Style | undefined;
  /** What may be cut off where the terminal is too narrow: of ids nothing, one wants to copy them. */
  cut?: 'start' | 'end';
  /** So that tables that follow each other are aligned. */
  minWidth?: number;
}

export interface TableOptions {
  /** Columns of the terminal; without, nothing is cut. */
  width?: number | undefined;
  paint: Paint;
  isHeaded?: boolean;
}

const gap = 2;
const narrowest = 12;

/** Lines of a table, each column as wide as its widest cell. */
export function writeTable<T>(rows: readonly T[], columns: readonly Column<T>[], options: TableOptions): string[] {
  const { width, paint, isHeaded = true } = options;
  const cells = rows.map((row) => columns.map(({ cell }) => disarm(String(cell(row) ?? '')).replace(/\s+/g, ' ')));
  const widths = columns.map(({ title, minWidth = 0 }, index) =>
    Math.max(isHeaded ? title.length : 0, minWidth, ...cells.map((texts) => measureWidth(texts[index] ?? ''))),
  );
  if (width !== undefined) shrink(widths, columns, width);

  const writeLine = (texts: string[], style: (index: number) => Style | undefined) =>
    texts
      .map((text, index) => {
        const fitted = cutToWidth(text, widths[index] ?? 0, columns[index]?.cut);
        const padding = padToWidth(fitted, widths[index] ?? 0).slice(fitted.length);
        return paint(style(index), fitted) + padding;
      })
      .join(' '.repeat(gap))
      .trimEnd();
  const head = writeLine(
    columns.map(({ title }) => title),
    () => 'dim',
  );
  const lines = rows.map((row, at) => writeLine(cells[at] ?? [], (index) => columns[index]?.style?.(row)));
  return isHeaded ? [head, ...lines] : lines;
}

/** Takes what is too much from the columns that may be cut, always from the widest of them. */
function shrink<T>(widths: number[], columns: readonly Column<T>[], width: number): void {
  const isWider = (index: number, than: number) => (widths[index] ?? 0) > (widths[than] ?? 0);
  const shrinking = columns.flatMap(({ cut }, index) => (cut ? [index] : []));
  let excess = widths.reduce((sum, each) => sum + each, gap * (widths.length - 1)) - width;
  for (; excess > 0 && shrinking.length > 0; excess--) {
    const widest = shrinking.reduce((most, index) => (isWider(index, most) ? index : most));
    const left = (widths[widest] ?? 0) - 1;
    if (left < narrowest) return;
    widths[widest] = left;
  }
}
