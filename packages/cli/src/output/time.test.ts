import { formatDistance, formatDuration, formatTime } from './time.ts';

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1000, '1s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [3_661_000, '1h 1m'],
  [3_601_000, '1h'],
  [86_400_000 * 400 + 3_600_000, '400d 1h'],
])('%d ms is written as %s', (durationMs, text) => {
  expect(formatDuration(durationMs)).toBe(text);
});

test('an instant is now, ahead or behind', () => {
  expect(formatDistance(1000, 1999)).toBe('now');
  expect(formatDistance(61_000, 1000)).toBe('in 1m');
  expect(formatDistance(0, 7_200_000)).toBe('2h ago');
});

test('a time is local, to the millisecond, and says how far from UTC it is', () => {
  const instant = Date.UTC(2026, 6, 1, 12, 30, 5, 7);
  expect(formatTime(instant)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.007[+-]\d\d:\d\d$/);
  expect(Date.parse(formatTime(instant))).toBe(instant);
  const { getTimezoneOffset } = Date.prototype;
  try {
    for (const [minutes, text] of [
      [-330, '2026-07-01T18:00:05.007+05:30'],
      [210, '2026-07-01T09:00:05.007-03:30'],
    ] as const) {
      Date.prototype.getTimezoneOffset = () => minutes;
      expect(formatTime(instant)).toBe(text);
    }
  } finally {
    Date.prototype.getTimezoneOffset = getTimezoneOffset;
  }
});
