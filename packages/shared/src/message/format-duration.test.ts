import { formatDuration } from './format-duration.ts';

test.each([
  [0, '0 ms'],
  [34, '34 ms'],
  [999, '999 ms'],
  [1000, '1 s'],
  [252_000, '4 min 12 s'],
  [240_000, '4 min'],
  [7_500_000, '2 h 5 min'],
  [183_600_000, '2 d 3 h'],
])('%d ms is %s', (durationMs, text) => expect(formatDuration(durationMs)).toBe(text));
