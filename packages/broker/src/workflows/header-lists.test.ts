import { listHeaderMap, toHeaderMap } from './header-lists.ts';

test('every value of a name is kept, as a list and as an object', () => {
  const list = listHeaderMap({ 'Upstash-Label': ['a', 1, 'ë'], 'Content-Type': 'text/plain', Other: { a: 'b' } });
  expect(list).toEqual(['Upstash-Label', 'a', 'Upstash-Label', 'Ã«', 'Content-Type', 'text/plain']);
  expect(toHeaderMap([...list, 'upstash-label', 'c'])).toEqual({
    'Upstash-Label': ['a', 'Ã«', 'c'],
    'Content-Type': ['text/plain'],
  });
  expect(listHeaderMap(null)).toEqual([]);
});

test.each(['__proto__', 'constructor', 'toString'])('a header may be called %s', (name) => {
  const map = toHeaderMap([name, 'a', name, 'b']);
  expect(Object.entries(map)).toEqual([[name, ['a', 'b']]]);
  expect(Object.getPrototypeOf(map)).toBe(Object.prototype);
});
