import { collect, parseHeaderText, parseInstant, parseLimit, parsePast, take } from './arguments.ts';

test.each([
  ['1790000000', 1_790_000_000_000],
  ['1790000000123', 1_790_000_000_123],
  ['2026-03-01T09:00:00Z', Date.UTC(2026, 2, 1, 9)],
  ['2026-03-01', Date.UTC(2026, 2, 1)],
])('%s is an instant', (text, instant) => {
  expect(parseInstant(text)).toBe(instant);
});

test.each(['', 'tomorrow', '12', '2026-13-01', '-5', '2h'])('"%s" is no instant', (text) => {
  expect(() => parseInstant(text)).toThrow('Use a date');
});

test('the past is also said by how long ago it is', () => {
  expect(Math.abs(parsePast('2h') - (Date.now() - 7_200_000))).toBeLessThan(1000);
  expect(parsePast('2026-03-01T09:00:00Z')).toBe(Date.UTC(2026, 2, 1, 9));
  expect(() => parsePast('2w')).toThrow('Use a date');
});

test('0 is no limit', () => {
  expect([parseLimit('0'), parseLimit('7')]).toEqual([Infinity, 7]);
  expect(() => parseLimit('-1')).toThrow('Use a whole number');
});

test('values come with commas and again', () => {
  expect(collect('c', collect('a, b,'))).toEqual(['a', 'b', 'c']);
});

test('what fits into no header is named', () => {
  expect(parseHeaderText('é\t漢🦉')).toBe('é\t漢🦉');
  expect(() => parseHeaderText('a\nb')).toThrow(String.raw`cannot hold "\n"`);
});

test('no more entries are asked for than it takes to know that there are more', async () => {
  let asked = 0;
  async function* count() {
    for (;;) yield ++asked;
  }
  expect(await take(count(), 3)).toEqual({ taken: [1, 2, 3], isMore: true });
  expect(asked).toBe(4);
});
