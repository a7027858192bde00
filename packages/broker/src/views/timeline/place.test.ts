import { formatDuration, ordinal } from './place.ts';

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

test.each([
  [1, 'first'],
  [2, 'second'],
  [10, 'tenth'],
  [11, '11th'],
  [12, '12th'],
  [21, '21st'],
  [22, '22nd'],
  [103, '103rd'],
  [111, '111th'],
  [1000, '1000th'],
])('%d is the %s', (number, text) => expect(ordinal(number)).toBe(text));
