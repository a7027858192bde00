import { EventsQuery, StreamQuery } from './events.ts';

test('a stream shows less of a body than a page may', () => {
  const trimBody = '999999999';
  expect(StreamQuery.parse({ trimBody }).trimBody).toBe(16 * 1024);
  expect(StreamQuery.parse({ trimBody: '100' }).trimBody).toBe(100);
  expect(EventsQuery.parse({ trimBody }).trimBody).toBe(999_999_999);
});
