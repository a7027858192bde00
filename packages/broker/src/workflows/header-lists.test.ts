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
