import type { LogEntryView } from '@posthorn/shared';
import { emptyTail, isCut, join, keep, keyOf, maxTail, merge, type Tail } from './tail.ts';

const entry = (time: number, messageId = `msg_${time}`) => ({ time, messageId, state: 'CREATED' }) as LogEntryView;
/** Entries with these times, newest first. */
const tail = (...times: number[]): Tail => ({ entries: times.map((time) => entry(time)), count: times.length });
const times = ({ entries }: Pick<Tail, 'entries'>) => entries.map(({ time }) => time);
const range = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, index) => from - index);

test('entries are merged by time, newest first, and repeats are left out', () => {
  const entries = merge([entry(5), entry(3)], [entry(4), entry(3), entry(1)]);
  expect(times({ entries })).toEqual([5, 4, 3, 1]);
  expect(entries.map(keyOf)).toHaveLength(new Set(entries.map(keyOf)).size);
});

test('a tail keeps the newest entries, and counts all that came', () => {
  let all = emptyTail;
  for (let from = 0; from < 100_000; from += 500) all = join(tail(...range(from + 499, from)), all);
  expect(all.entries.length).toBe(maxTail);
  expect(all.entries[0]?.time).toBe(99_999);
  expect(all.count).toBe(100_000);
  expect(isCut(all)).toBe(true);
});

test('what comes twice is counted once, and a short tail is whole', () => {
  const all = join(tail(5, 4), tail(4, 3));
  expect(times(all)).toEqual([5, 4, 3]);
  expect(all.count).toBe(3);
  expect(isCut(all)).toBe(false);
});

test('nothing before a tail leaves it as it is', () => {
  const older = tail(2, 1);
  expect(join(emptyTail, older)).toBe(older);
});

test('a tail that has lost its oldest entries follows the page again', () => {
  const cut = join(tail(...range(maxTail + 10, 1)), emptyTail);
  expect(isCut(cut)).toBe(true);
  const left = keep(cut, ({ time }) => time > 100);
  expect(isCut(left)).toBe(false);
  expect(left.count).toBe(left.entries.length);
});

test('a tail of which everything is wanted stays cut', () => {
  const cut = join(tail(...range(maxTail + 10, 1)), emptyTail);
  expect(isCut(keep(cut, () => true))).toBe(true);
});
