import { parseCron } from './cron.ts';

const next = (text: string, after: string, count = 1) => {
  const cron = parseCron(text);
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
    ['5/15 * * * *', '2026-11-24T10:05:00Z', '2026-11-24T10:20'],
    ['50/15 * * * *', '2026-11-24T10:50:00Z', '2026-11-24T11:50'],
    ['0 20/2 * * *', '2026-11-24T20:00:00Z', '2026-11-24T22:00'],
    ['0 0 25/3 * *', '2026-11-25T00:00:00Z', '2026-11-28T00:00'],
    ['0 0 1 11/1 *', '2026-11-24T00:00:00Z', '2026-12-01T00:00'],
    ['0 0 L * *', '2026-11-24T00:00:00Z', '2026-11-30T00:00'],
    ['0 0 l 2 *', '2026-11-24T00:00:00Z', '2027-02-28T00:00'],
    ['0 0 LW * *', '2027-01-24T00:00:00Z', '2027-01-29T00:00'],
    ['0 0 15W * *', '2026-11-01T00:00:00Z', '2026-11-16T00:00'],
    ['0 0 1W,L * *', '2027-05-02T00:00:00Z', '2027-05-03T00:00'],
    ['0 0 * * MON#2', '2026-11-24T00:00:00Z', '2026-12-14T00:00'],
    ['0 0 * * 5L', '2026-11-24T00:00:00Z', '2026-11-27T00:00'],
    ['0 0 * * FRI#L', '2026-11-24T00:00:00Z', '2026-11-27T00:00'],
    ['0 0 * * 7#1,MON#5', '2026-11-24T00:00:00Z', '2026-11-30T00:00'],
    ['CRON_TZ=Europe/Berlin 0 9 L * *', '2026-10-24T00:00:00Z', '2026-10-31T08:00'],
    ['CRON_TZ=utc 0 9 * * *', '2026-10-24T00:00:00Z', '2026-10-24T09:00'],
    ['CRON_TZ=America/New_York 0 4 * * *', '2026-11-24T00:00:00Z', '2026-11-24T09:00'],
    ['TZ=Asia/Kolkata 30 5 * * *', '2026-11-24T00:00:00Z', '2026-11-25T00:00'],
    ['CRON_TZ=Europe/Berlin @monthly', '2026-11-24T00:00:00Z', '2026-11-30T23:00'],
  ])('%s after %s is %s', (text, after, expected) => {
    expect(next(text, after)).toBe(expected);
  });

  test('either day matches when both are restricted', () => {
    expect(next('0 0 13 * 5', '2026-12-05T00:00:00Z', 3)).toBe('2026-12-11T00:00 2026-12-13T00:00 2026-12-18T00:00');
  });

  test.each([
    ['0 0 */1 * 5', '0 0 * * 5'],
    ['0 0 ?/1 * 5', '0 0 * * 5'],
    ['0 0 */01 * 5', '0 0 * * 5'],
    ['0 0 *,13 * 5', '0 0 * * 5'],
    ['0 0 13 * */1', '0 0 13 * *'],
    ['0 0 13 */1 *', '0 0 13 * *'],
    ['0 0 L * */1', '0 0 L * *'],
    ['*/1 */1 */1 */1 */1', '* * * * *'],
    ['0 0 * * 7/1', '0 0 * * *'],
    ['0 0 * * 7/2', '0 0 * * SUN/2'],
    ['0 0 * * 1,07/3', '0 0 * * 0,1,3,6'],
    ['0 0 * * 7/6,2', '0 0 * * 0,2,6'],
    ['0 0 * * 1-7/2', '0 0 * * 0,1,3,5'],
  ])('%s is the same as %s', (text, plain) => {
    expect(next(text, '2026-12-05T00:00:00Z', 5)).toBe(next(plain, '2026-12-05T00:00:00Z', 5));
  });

  test('a step of more than one day restricts a field', () => {
    expect(next('0 0 */10 * 5', '2026-12-05T00:00:00Z', 3)).toBe('2026-12-11T00:00 2026-12-18T00:00 2026-12-21T00:00');
  });

  test('a time of day that a clock change skips does not come', () => {
    expect(next('CRON_TZ=America/New_York 30 2 * * *', '2026-03-07T12:00:00Z')).toBe('2026-03-09T06:30');
  });

  test('a time of day that a clock change repeats comes once', () => {
    expect(next('CRON_TZ=America/New_York 30 1 * * *', '2026-10-31T12:00:00Z', 2)).toBe(
      '2026-11-01T05:30 2026-11-02T06:30',
    );
  });

  test.each([
    ['0 2 * * *', '00:00'],
    ['0 2,14 * * *', '00:00 13:00'],
    ['0 2-4 * * *', '00:00 02:00 03:00'],
    ['0,30 2 * * *', '00:00 00:30'],
    ['*/15 2 * * *', '00:00 00:15 00:30 00:45'],
    ['0 1-3 25 10 *', '23:00 00:00 02:00'],
    ['20/20 2 * * SUN', '00:20 00:40'],
    ['0 */2 * * *', '22:00 00:00 03:00 05:00 07:00 09:00 11:00 13:00 15:00 17:00 19:00 21:00'],
    [
      '0 0-3,4-22 25 10 *',
      '22:00 23:00 00:00 02:00 03:00 04:00 05:00 06:00 07:00 08:00 09:00 10:00 11:00 12:00 13:00 14:00 15:00 16:00 17:00 18:00 19:00 20:00 21:00',
    ],
  ])('%s in Berlin on the day with two hours from 2 to 3', (pattern, expected) => {
    const { next: find } = parseCron(`CRON_TZ=Europe/Berlin ${pattern}`);
    const runs: string[] = [];
    for (let at = find(Date.parse('2026-10-24T22:00Z') - 1); at < Date.parse('2026-10-25T22:59Z'); at = find(at)) {
      runs.push(new Date(at).toISOString().slice(11, 16));
    }
    expect(runs.join(' ')).toBe(expected);
  });

  test.each(['0 * * * *', '0 */1 * * *', '0 0-23 * * *', '0 0-11,12-23 * * *', '0 0/1 * * *'])(
    '%s names every hour and goes on',
    (pattern) => {
      expect(next(`CRON_TZ=Europe/Berlin ${pattern}`, '2026-10-24T23:30:00Z', 3)).toBe(
        '2026-10-25T00:00 2026-10-25T01:00 2026-10-25T02:00',
      );
    },
  );

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
    ['0 */0 * * *', ''],
    ['0 5/0 * * *', ''],
    ['5-1 * * * *', ''],
    ['1, * * * *', "''"],
    ['JAN * * * *', ''],
    ['/15 * * * *', "'/15'"],
    ['L * * * *', "'L'"],
    ['0 L * * *', "'L'"],
    ['0 0 * L *', "'L'"],
    ['0 0 * * L', "'L'"],
    ['0 0 L-3 * *', "'L-3'"],
    ['0 0 32W * *', 'day of month 32: use 1 to 31'],
    ['0 0 0W * *', 'day of month 0: use 1 to 31'],
    ['0 0 1-5W * *', "'1-5W'"],
    ['0 0 W * *', "'W'"],
    ['0 0 WL * *', "'WL'"],
    ['0 0 31W 2 *', 'it never matches'],
    ['0 0 * * #2', "'#2'"],
    ['0 0 * * MON#6', "'MON#6'"],
    ['0 0 * * MON#0', "'MON#0'"],
    ['0 0 * * 8#1', 'day of week 8'],
    ['0 0 MON#2 * *', "'MON#2'"],
    ['0 0 * * 15W', "'15W'"],
    ['60/5 * * * *', 'minute 60: use 0 to 59'],
    ['0 0 31 2 *', 'it never matches'],
    ['@every 5m', 'unrecognized descriptor'],
    ['@reboot', 'unrecognized descriptor'],
    ['CRON_TZ=Foo/Bar * * * * *', 'unknown time zone Foo/Bar'],
    ['CRON_TZ=+05:00 * * * * *', 'unknown time zone'],
    ['CRON_TZ= * * * * *', 'unknown time zone'],
    ['x'.repeat(10_000), ''],
  ])('%s', (text, reason) => {
    expect(() => parseCron(text)).toThrow(/^Invalid cron expression /);
    expect(() => parseCron(text)).toThrow(reason);
  });
});
