import { parseDuration } from './duration.ts';

const second = 1000;

it.each([
  ['10s', 10 * second],
  ['2m', 120 * second],
  ['1h', 3600 * second],
  ['7d', 604_800 * second],
  ['1d10h30m', 124_200 * second],
  ['1d1h30m', 91_800 * second],
  ['1h30m3s', 5403 * second],
  ['0s', 0],
  ['0', 0],
  ['0.5s', 500],
  ['1.5h', 5400 * second],
  ['1.5h0.5m', 5430 * second],
  ['0.1s0.2s', 300],
  ['1.005s', 1005],
  ['0.0015s', 2],
  ['30', 30 * second],
  ['007s', 7 * second],
  ['5s10s', 15 * second],
  ['3s2m', 123 * second],
  ['400d', 34_560_000 * second],
])('%s is a duration of %d ms', (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs);
});

it.each([
  ...[
    '',
    ' ',
    's',
    'd',
    'abc',
    '5x',
    '10x',
    '-5s',
    '+5s',
    '-5',
    '1 h',
    '5 s',
    '1h 30m',
    '1h-30m',
    ' 5s',
    '5s ',
    '5s\n',
  ],
  ...['1e3s', '1e3', '0x10s', '0x10', 'Infinitys', 'NaNs', '10S', '1ms', '1w', '1_000s', '1,5s'],
  ...['1.5', '.5s', '5.s', '1.2.3s', '1h30', '30m1', 's10', '１０s', '__proto__', '1constructor'],
])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

it('sums the parts of any duration, whatever their order', () => {
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const units = ['s', 'm', 'h', 'd'] as const;
  for (let seed = 1; seed <= 300; seed++) {
    const parts = Array.from({ length: 1 + (seed % 5) }, (_, index) => ({
      amount: (seed * 7919 + index * 104_729) % 1000,
      unit: units[(seed * 31 + index * 17) % 4] ?? 's',
    }));
    const wantedMs = parts.reduce((sumMs, { amount, unit }) => sumMs + amount * unitMs[unit], 0);
    expect(parseDuration(parts.map(({ amount, unit }) => `${amount}${unit}`).join(''))).toBe(wantedMs);
  }
});

it('is not misled by a number too great for a duration', () => {
  expect(parseDuration('9'.repeat(400))).toBeUndefined();
  expect(parseDuration(`${'9'.repeat(400)}d`)).toBeUndefined();
});

it.each([
  ['digits', '1', ''],
  ['digits with a wrong end', '1', 'x'],
  ['parts', '1s', ''],
  ['parts with a wrong end', '1s', 'x'],
  ['dots', '1.', ''],
  ['blanks', ' ', 's'],
])('reads 1 MB of %s in linear time', (_, part, end) => {
  const text = part.repeat(1_000_000 / part.length) + end;
  const before = process.cpuUsage();
  parseDuration(text);
  // Microseconds. Linear work takes some ten milliseconds of CPU time here; quadratic work would take minutes.
  expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
});
