import { DefaultHeaders, GroupEndpoint } from './url-groups.ts';

const faults = (headers: object) => DefaultHeaders.safeParse(headers).error?.issues.map(({ message }) => message);

test.each<[string, object, string[] | undefined]>([
  ['a few', { 'Upstash-Retries': '3', 'Upstash-Forward-A': ['1', '2'] }, undefined],
  [
    'too many values of one',
    { 'Upstash-Forward-A': Array.from({ length: 201 }, () => 'v') },
    ['Use at most 200 headers.'],
  ],
  [
    'too many',
    Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`Upstash-Forward-${n}`, 'v'])),
    ['Use at most 200 headers.'],
  ],
  ['too large', { 'Upstash-Forward-A': 'x'.repeat(33 * 1024) }, ['Use at most 32768 bytes of headers.']],
  [
    'a schedule',
    { 'upstash-cron': '* * * * *', 'Upstash-Schedule-Id': 's' },
    ['Upstash-Cron', 'Upstash-Schedule-Id'].map(
      (name) => `${name} is not possible in default headers: it makes a schedule`,
    ),
  ],
  ['too large in UTF-8', { 'Upstash-Forward-A': 'ä'.repeat(17 * 1024) }, ['Use at most 32768 bytes of headers.']],
])('default headers of a group: %s', (_, headers, expected) => {
  expect(faults(headers)).toEqual(expected);
});

test.each<[string, boolean]>([
  ['Büro 7: "Ost"', true],
  ['', true],
  ['a\0b', false],
  ['\u001b[2J', false],
  ['a\nb', false],
])('the name %j of an endpoint is accepted: %s', (name, isAccepted) => {
  expect(GroupEndpoint.safeParse({ url: 'https://a.example', name }).success).toBe(isAccepted);
});
