import { formatCount } from './format.ts';
import { currentLocation } from './router.tsx';
import { createStore } from './store.ts';

/** Whether the reader would lose their place if rows moved: they have scrolled, are in a row, or have selected text. */
export function isReading(): boolean {
  const inRow = document.activeElement?.closest('tbody tr, li.line') ?? null;
  return scrollY > 40 || inRow !== null || getSelection()?.isCollapsed === false;
}

/** Newer rows that are not shown until the reader asks for them. */
export interface Held {
  /** Rows that were not there before; 0 when rows have only gone, or moved. */
  count: number;
  show(): void;
}

/** What every list of the page holds back. */
export const held = createStore<ReadonlyMap<object, Held>>(new Map());

/** Sets what one list holds back; `undefined` for nothing. */
export function hold(list: object, rows: Held | undefined): void {
  if (!rows && !held.get().has(list)) return;
  const next = new Map(held.get());
  if (rows) next.set(list, rows);
  else next.delete(list);
  held.set(next);
}

export function showAll(): void {
  for (const { show } of [...held.get().values()]) show();
}

/** What a screen reader is told about rows that have come by themselves. */
export const announcement = createStore('');
const announceMs = 5000;
const arrived = new Map<object, number>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Announces rows that one list shows since now: the first at once, those that follow within some time together. */
export function announceRows(list: object, count: number): void {
  if (count === 0) return;
  arrived.set(list, (arrived.get(list) ?? 0) + count);
  if (timer === undefined) announce();
}

function announce(): void {
  timer = undefined;
  if (arrived.size === 0) {
    announcement.set('');
    return;
  }
  // Several lists of a page show the same messages: the longest one speaks for all.
  const text = formatCount(Math.max(...arrived.values()), 'new row');
  // A text that does not change is not announced.
  announcement.set(text === announcement.get() ? `${text}\u00a0` : text);
  arrived.clear();
  timer = setTimeout(announce, announceMs);
}

let shownPath = currentLocation.get().path;
currentLocation.follow(({ path }) => {
  if (path === shownPath) return;
  shownPath = path;
  arrived.clear();
  announcement.set('');
});
