import { parseQuery } from './parse-query.ts';

test.each([
  ['label=zo%C3%AB', { label: 'zoë' }],
  ['label=zo%EB', { label: 'zoë' }],
  ['label=%E6%97%A5%E6%9C%AC&label=b', { label: ['日本', 'b'] }],
  ['label=a+b%2Bc', { label: 'a b+c' }],
  ['label=%zz+%20', { label: '%zz  ' }],
  ['url=https%3A%2F%2Fh%2Fa%2520b', { url: 'https://h/a%20b' }],
  ['a=&b', { a: '', b: '' }],
  ['', {}],
])('%s', (query, parameters) => {
  expect({ ...parseQuery(query) }).toEqual(parameters);
});

test('a parameter behind a thousand others is read', () => {
  const query = parseQuery(`${'label=a&'.repeat(1500)}queueName=q`);
  expect(query['label']).toHaveLength(1500);
  expect(query['queueName']).toBe('q');
});
