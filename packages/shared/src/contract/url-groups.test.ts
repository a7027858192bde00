import { DefaultHeaders } from './url-groups.ts';

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
  ['too large in UTF-8', { 'Upstash-Forward-A': 'ä'.repeat(17 * 1024) }, ['Use at most 32768 bytes of headers.']],
])('default headers of a group: %s', (_, headers, expected) => {
  expect(faults(headers)).toEqual(expected);
});
