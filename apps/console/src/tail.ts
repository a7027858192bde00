import type { LogEntryView } from '@posthorn/shared';

/** Entries that a tail keeps. */
export const maxTail = 100;

/** Entries of the log that have come since a page of it was read. */
export interface Tail {
  /** Newest first; the oldest ones are dropped. */
  entries: readonly LogEntryView[];
  /** How many came, dropped ones included. */
  count: number;
}

export const emptyTail: Tail = { entries: [], count: 0 };

export const keyOf = ({ messageId, state, time }: LogEntryView): string => `${messageId} ${state} ${time}`;

/** Whether entries between the tail and the page have been dropped, so that the page does not follow it. */
export const isCut = ({ entries, count }: Tail): boolean => count > entries.length;

/** Entries without repeats, newest first. */
export function merge(newer: readonly LogEntryView[], older: readonly LogEntryView[]): LogEntryView[] {
  const entries = new Map([...newer, ...older].map((entry) => [keyOf(entry), entry]));
  return [...entries.values()].sort((a, b) => b.time - a.time);
}

/** Puts the entries of one tail before those of an older one. */
export function join(newer: Tail, older: Tail): Tail {
  if (newer.count === 0) return older;
  if (isCut(newer)) return { ...newer, count: newer.count + older.count };
  const entries = merge(newer.entries, older.entries);
  const repeats = newer.entries.length + older.entries.length - entries.length;
  return { entries: entries.slice(0, maxTail), count: newer.count + older.count - repeats };
}

/** The entries of a tail that are wanted. */
export function keep(tail: Tail, isWanted: (entry: LogEntryView) => boolean): Tail {
  const entries = tail.entries.filter(isWanted);
  // Without its oldest entries it ends before those that were dropped.
  return entries.length === tail.entries.length ? tail : { entries, count: entries.length };
}
