import { formatInstant, formatNumber } from './format.ts';

test.each([0, 7, 999, 1000, 12_345, 123_456, 1_000_000, 1_234_567_890])('writes %i as English does', (value) => {
  expect(formatNumber(value)).toBe(value.toLocaleString('en'));
});

test('writes an instant in the zone of the browser as in the same zone by its name', () => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const now = Date.UTC(2026, 6, 1, 12);
  for (let instant = Date.UTC(2026, 0, 1); instant < Date.UTC(2027, 0, 1); instant += 3_333_333_000) {
    expect(formatInstant(instant, now, null)).toBe(formatInstant(instant, now, zone));
  }
  expect(formatInstant(now, now, null)).toMatch(/^\d\d:\d\d:\d\d$/);
});
