import { CancelQuery } from './messages.ts';
import { contract } from './contract.ts';
import { EventsQuery, StreamQuery } from './events.ts';

const parse = (filter: object) => {
  const { data, error } = CancelQuery.safeParse(filter);
  return error ? error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) : data;
};

test.each<[string, object, object]>([
  ['repeated', { label: ['a', 'b'] }, { label: ['a', 'b'] }],
  ['separated', { label: ' a, b' }, { label: ['a', 'b'] }],
  [
    'URLs with commas',
    { url: 'https://a.example/?x=1,2,https://b.example' },
    { url: ['https://a.example/?x=1,2', 'https://b.example'] },
  ],
])('values of a filter that are %s', (_, given, expected) => {
  expect(parse(given)).toEqual(expected);
});

describe.each<[string, string, string]>([
  ['label', 'a', ','],
  ['host', 'a.example', ','],
  ['url', 'https://a.example/', ','],
  ['path', '/a', ','],
  ['messageIds', 'msg_a', ','],
])('%s', (name, value, separator) => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => `${value}${n}`);

  test('may have a thousand values, in one text or in several', () => {
    for (const given of [many(1000), many(1000).join(separator)]) {
      expect((parse({ [name]: given }) as Record<string, string[]>)[name]).toHaveLength(1000);
    }
  });

  test.each<[string, string | string[]]>([
    ['values', many(1001)],
    ['values in one text', many(1001).join(separator)],
    ['values in several texts', [many(600).join(separator), many(600).join(separator)]],
    ['equal values', Array.from({ length: 500_000 }, () => value).join(separator)],
  ])('has one fault for too many %s', (_, given) => {
    expect(parse({ [name]: given })).toEqual([`${name}: use at most 1000 values`]);
  });
});

test('a million empty values are one fault, wherever filters are known', () => {
  const { dlq, workflowLogs, workflowDlq, messageList } = contract;
  const commas = ','.repeat(1_000_000);
  const schemas = [
    EventsQuery,
    StreamQuery,
    dlq.removeMany.query,
    dlq.removeMany.body,
    workflowLogs.cancelMany.body,
    workflowDlq.removeMany.body,
    messageList.list.query,
  ];
  for (const schema of schemas) expect(schema?.safeParse({ label: commas }).error?.issues).toHaveLength(1);
  for (const name of ['responseStatus', 'cause', 'destination']) {
    expect(dlq.removeMany.body?.safeParse({ [name]: commas }).error?.issues).toHaveLength(1);
  }
});
