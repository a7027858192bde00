import { toChildArray, type ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { hasReturned } from '../router.tsx';

/** Columns of a table; those that are no text have a class for their alignment. */
export interface Column {
  title: string;
  isNumber?: boolean;
  /** A heading that only screen readers need. */
  isHidden?: boolean;
}

export interface TableProps {
  label: string;
  columns: readonly Column[];
  children: ComponentChildren;
  /** Shown in place of rows. */
  empty?: ComponentChildren;
  isEmpty?: boolean;
  /** The rows are those of the query before. */
  isStale?: boolean;
}

/** Rows that a page opened by a link is drawn with. The others follow in the next frame: a browser takes long to place many. */
const firstRows = 10;

export function Table({ label, columns, children, empty, isEmpty = false, isStale = false }: TableProps) {
  const box = useRef<HTMLDivElement>(null);
  const rows = toChildArray(children);
  const [isWhole, setIsWhole] = useState(hasReturned);
  useEffect(() => setIsWhole(true), []);
  // A table without links has nothing that could be focused to scroll it by the keyboard.
  const [isPlain, setIsPlain] = useState(false);
  useEffect(() => setIsPlain(box.current?.querySelector('a, button, input') === null));
  return (
    <div
      ref={box}
      class="scroll"
      aria-busy={isStale}
      {...(isPlain ? { tabIndex: 0, role: 'group', 'aria-label': label } : {})}
    >
      <table aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ title, isNumber, isHidden }) => (
              <th scope="col" class={isNumber ? 'number' : ''}>
                {isHidden ? <span class="hidden">{title}</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {isEmpty ? (
            <tr class="empty">
              <td colSpan={columns.length}>
                <div>{empty}</div>
              </td>
            </tr>
          ) : isWhole ? (
            rows
          ) : (
            rows.slice(0, firstRows)
          )}
        </tbody>
      </table>
    </div>
  );
}
