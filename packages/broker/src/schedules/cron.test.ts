import { readCron } from './cron.ts';

const next = (text: string, after: string, count = 1) => {
  const cron = readCron(text);
  const runs: string[] = [];
  for (let at = Date.parse(after); runs.length < count;) {
    at = cron.next(at);
    runs.push(new Date(at).toISOString().slice(0, 16));
  }
  return runs.join(' ');
};

describe('the next time', () => {
  test.each([
    ['*/10 * * * *', '2026-11-24T10:05:00Z', '2026-11-24T10:10'],
    ['* * * * *', '2026-11-24T10:05:00Z', '2026-11-24T10:06'],
    ['* * * * *', '2026-11-24T10:04:59.999Z', '2026-11-24T10:05'],
    ['  5 4 * * *  ', '2026-11-24T10:05:00Z', '2026-11-25T04:05'],
    ['1,31 10-12/2 * * *', '2026-11-24T10:31:00Z', '2026-11-24T12:01'],
    ['0 0 * JAN sun', '2026-11-24T00:00:00Z', '2027-01-03T00:00'],
    ['0 0 * * 7', '2026-11-24T00:00:00Z', '2026-11-29T00:00'],
    ['0 0 ? * ?', '2026-11-24T00:00:00Z', '2026-11-25T00:00'],
    ['0 0 29 2 *', '2026-11-24T00:00:00Z', '2028-02-29T00:00'],
    ['@daily', '2026-11-24T10:05:00Z', '2026-11-25T00:00'],
    ['@hourly', '2026-11-24T10:05:00Z', '2026-11-24T11:00'],
    ['CRON_TZ=America/New_York 0 4 * * *', '2026-11-24T00:00:00Z', '2026-11-24T09:00'],
    ['TZ=Asia/Kolkata 30 5 * * *', '2026-11-24T00:00:00Z', '2026-11-25T00:00'],
    ['CRON_TZ=Europe/Berlin @monthly', '2026-11-24T00:00:00Z', '2026-11-30T23:00'],
  ])('%s after %s is %s', (text, after, expected) => {
    expect(next(text, after)).toBe(expected);
  });

  test('either day matches when both are restricted', () => {
    expect(next('0 0 13 * 5', '2026-12-05T00:00:00Z', 3)).toBe('2026-12-11T00:00 2026-12-13T00:00 2026-12-18T00:00');
  });

  test('a time of day that a clock change skips does not come', () => {
    expect(next('CRON_TZ=America/New_York 30 2 * * *', '2026-03-07T12:00:00Z')).toBe('2026-03-09T06:30');
  });

  test('a time of day that a clock change repeats comes once', () => {
    expect(next('CRON_TZ=America/New_York 30 1 * * *', '2026-10-31T12:00:00Z', 2)).toBe(
      '2026-11-01T05:30 2026-11-02T06:30',
    );
  });

  test('a schedule that runs through the hours goes on through a repeated one', () => {
    expect(next('CRON_TZ=America/New_York */30 * * * *', '2026-11-01T05:10:00Z', 3)).toBe(
      '2026-11-01T05:30 2026-11-01T06:00 2026-11-01T06:30',
    );
  });
});

describe('refused', () => {
  test.each([
    ['', 'empty spec string'],
    ['   ', 'empty spec string'],
    ['CRON_TZ=UTC ', 'expected exactly 5 fields, found 1'],
    ['* * * *', 'expected exactly 5 fields, found 4'],
    ['* * * * * *', 'expected exactly 5 fields, found 6'],
    ['60 * * * *', 'minute 60: use 0 to 59'],
    ['* 24 * * *', 'hour 24: use 0 to 23'],
    ['* * 0 * *', 'day of month 0: use 1 to 31'],
    ['* * 1-32 * *', 'day of month 32: use 1 to 31'],
    ['* * * 13 *', 'month 13: use 1 to 12'],
    ['* * * * 8', 'day of week 8: use 0 to 7'],
    ['*/0 * * * *', ''],
    ['5-1 * * * *', ''],
    ['1, * * * *', "''"],
    ['0 0 L * *', "'L'"],
    ['0 0 15W * *', "'15W'"],
    ['0 0 * * MON#2', "'MON#2'"],
    ['JAN * * * *', ''],
    ['0 0 31 2 *', 'it never matches'],
    ['@every 5m', 'unrecognized descriptor'],
    ['@reboot', 'unrecognized descriptor'],
    ['CRON_TZ=Foo/Bar * * * * *', 'unknown time zone Foo/Bar'],
    ['CRON_TZ=+05:00 * * * * *', 'unknown time zone'],
    ['CRON_TZ= * * * * *', 'unknown time zone'],
    ['x'.repeat(10_000), ''],
  ])('%s', (text, reason) => {
    expect(() => readCron(text)).toThrow(/^Invalid cron expression /);
    expect(() => readCron(text)).toThrow(reason);
  });
});
