import { parseRetryAfter } from './retry-after.ts';

const now = Date.UTC(2024, 5, 27, 12, 0, 0);
const dayMs = 86_400_000;

function read(headers: Record<string, string>, maxMs = dayMs): number | undefined {
  return parseRetryAfter((name) => headers[name], now, maxMs);
}

it.each([
  ['0', 0],
  ['1', 1000],
  ['120', 120_000],
  [' 120 ', 120_000],
  ['007', 7000],
  ['86400', dayMs],
  ['6m5s', 365_000],
  ['1.5s', 1500],
  ['53s', 53_000],
  ['1h2m3s', 3_723_000],
  ['250ms', 250],
  ['1m0.5s', 60_500],
  ['1s20ms', 1020],
  ['2500us', 3],
  ['7000µs', 7],
  ['7000μs', 7],
  ['7000Âµs', 7],
  ['9000000ns', 9],
  ['0s', 0],
  ['24h', dayMs],
  ['Thu, 27 Jun 2024 12:16:24 GMT', 984_000],
  ['Sun, 27 Jun 2024 12:16:24 GMT', 984_000],
  ['thursday, 27 jun 2024 12:16:24 utc', 984_000],
  ['Thu, 27 Jun 2024 12:00:00 GMT', 0],
  ['Thu, 27 Jun 2024 11:59:59 GMT', 0],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['Fri, 28 Jun 2024 12:00:00 GMT', dayMs],
  ['Thu, 27 Jun 2024 12:59:60 GMT', 3_600_000],
  ['Thursday, 27-Jun-24 12:10:00 GMT', 600_000],
  ['Sunday, 27-Jun-24 12:10:00 GMT', 600_000],
  ['thursday, 27-jun-24 12:10:00 utc', 600_000],
  ['Thu, 27-Jun-2024 12:10:00 GMT', 600_000],
  ['Saturday, 01-Jan-00 00:00:00 GMT', 0],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
  ['Thu Jun 27 12:10:00 2024', 600_000],
  ['Sun Jun 27 12:10:00 2024', 600_000],
  ['Fri Jun 28 12:00:00 2024', dayMs],
  ['Sun Nov  6 08:49:37 1994', 0],
  ['Sat Jun  1 12:00:00 2024', 0],
])('%j asks for a wait of %d ms', (text, waitMs) => {
  expect(read({ 'retry-after': text })).toBe(waitMs);
});

it.each([
  ...['', ' ', 'soon', '-5', '-5s', '+5', '1.5', '1e20', '1e2', '0x10', 'NaN', 'Infinity', '5 s', '1d', '5x', '5s5'],
  ...['1.s', '.5s', '1.2.3s', '5,3', '__proto__', '1constructor'],
  ...['86401', '99999999999', '9'.repeat(400), '86400.001s', '24h1ms', `${'9'.repeat(400)}h`],
  ...['Fri, 28 Jun 2024 12:00:01 GMT', 'Fri, 31 Dec 9999 23:59:59 GMT', 'Thu, 27 Jun 99999 12:16:24 GMT'],
  ...['27 Jun 2024 12:16:24 GMT', 'Thu, 27 Jun 2024 12:16:24', 'Thu, 27 Jun 2024 12:16:24 CET', '2024-06-27T12:16:24Z'],
  ...['Thu, 27 Foo 2024 12:16:24 GMT', 'Thu, 31 Feb 2024 12:16:24 GMT', 'Thu, 00 Jun 2024 12:16:24 GMT'],
  ...['Thursday, 27-Jun-74 12:10:00 GMT', 'Thursday, 31-Feb-24 12:10:00 GMT', 'Thursday, 27-Jun-24 12:10:00'],
  ...[
    'Thursday, 27-Jun-124 12:10:00 GMT',
    '27-Jun-24 12:10:00 GMT',
    'Thu Jun 27 12:10:00 24',
    'Thu Jun 31 12:10:00 2024',
  ],
  ...['Thu Jun 27 12:10 2024', 'Thu Jun   7 12:10:00 2024', 'Thu Jun 27 12:10:00 GMT 2024', 'Thu Foo 27 12:10:00 2024'],
  ...['Thu, 27 Jun 2024 24:00:00 GMT', 'Thu, 27 Jun 2024 12:60:00 GMT', 'Thu, 27 Jun 2024 12:16:61 GMT'],
])('%j is ignored', (text) => {
  expect(read({ 'retry-after': text })).toBeUndefined();
});

it('takes the first usable header in the order of the contract', () => {
  const headers = {
    'x-ratelimit-reset-tokens': '4',
    'x-ratelimit-reset-requests': '3s',
    'x-ratelimit-reset': '2',
    'retry-after': '1',
  };
  expect(read(headers)).toBe(1000);
  expect(read({ ...headers, 'retry-after': '-1' })).toBe(2000);
  expect(read({ ...headers, 'retry-after': '1e20', 'x-ratelimit-reset': '99999999' })).toBe(3000);
  expect(read({ ...headers, 'retry-after': '', 'x-ratelimit-reset': 'x', 'x-ratelimit-reset-requests': '25h' })).toBe(
    4000,
  );
});

it('takes a header that asks for no wait, although another asks for one', () => {
  expect(read({ 'retry-after': '0', 'x-ratelimit-reset': '5' })).toBe(0);
});

it('knows no wait without a header', () => {
  expect(read({})).toBeUndefined();
  expect(read({ 'ratelimit-reset': '5' })).toBeUndefined();
});

it('measures by the maximum that it is given', () => {
  expect(read({ 'retry-after': '61' }, 60_000)).toBeUndefined();
  expect(read({ 'retry-after': '60' }, 60_000)).toBe(60_000);
});

it('reads any whole second of a date back', () => {
  for (let seed = 0; seed < 300; seed++) {
    const waitMs = ((seed * 15_485_863) % 86_400) * 1000;
    expect(read({ 'retry-after': new Date(now + waitMs).toUTCString() })).toBe(waitMs);
  }
});

it('reads the years of two digits of the century in which they are nearest, and not too far ahead', () => {
  const year = (nowMs: number, digits: string) =>
    parseRetryAfter(() => `Monday, 01-Jan-${digits} 00:00:00 GMT`, nowMs, Infinity);
  expect(year(Date.UTC(2049, 11, 31), '50')).toBe(dayMs);
  expect(year(Date.UTC(2024, 0, 1), '75')).toBe(0);
  expect(year(Date.UTC(2024, 0, 1), '74')).toBe(Date.UTC(2074, 0, 1) - Date.UTC(2024, 0, 1));
});

it('answers a value of 1 MB soon', () => {
  for (const text of ['1', '1s', '1.', 'µ', 'a', ' '].map((part) => part.repeat(1_000_000 / part.length))) {
    const before = process.cpuUsage();
    read({ 'retry-after': text });
    read({ 'retry-after': `1${text}x` });
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
  }
});
