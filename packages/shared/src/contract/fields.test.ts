import type { z } from 'zod';
import { contract } from './contract.ts';
import { EventsQuery } from './events.ts';
import { CancelQuery } from './messages.ts';

const parse = (schema: z.ZodType | undefined, value: object) => {
  const { data, error } = schema?.safeParse(value) ?? {};
  return error ? error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) : data;
};

const { pin } = contract.flowControl;
const aboveAll = String(2 ** 53);

test.each<[object, object]>([
  [{ rate: '1000000000' }, { rate: 1_000_000_000 }],
  [{ parallelism: '007' }, { parallelism: 7 }],
  [{ rate: aboveAll }, ['rate: use at most 9007199254740991']],
  [{ rate: '0' }, ['rate: use a whole number, 1 or more']],
  [{ rate: '1', period: '1000000000' }, ['period: use at most 604800 seconds']],
])('pin %j', (query, expected) => {
  expect(parse(pin.query, query)).toEqual(expected);
});

test.each<[unknown, unknown]>([
  ['1000000000000000', 500],
  ['9'.repeat(400), 500],
  ['007', 7],
  [7, 7],
])('a count of %j is %j, however it is written', (count, expected) => {
  expect(parse(CancelQuery, { count })).toEqual({ count: expected });
});

test('a page may be asked for any number of bytes', () => {
  expect(parse(EventsQuery, { maxBytes: '1000000000000000', trimBody: '10000000000' })).toEqual({
    maxBytes: 16 * 1024 * 1024,
    trimBody: 10_000_000_000,
  });
});

describe('a value of another type is refused with what is allowed', () => {
  const wholeNumber = 'use a whole number, 1 or more';
  test.each<[z.ZodType | undefined, object, string]>([
    [CancelQuery, { count: true }, `count: ${wholeNumber}`],
    [CancelQuery, { count: null }, `count: ${wholeNumber}`],
    [CancelQuery, { fromDate: null }, 'fromDate: use a time in milliseconds since 1970'],
    [CancelQuery, { toDate: [] }, 'toDate: use a time in milliseconds since 1970'],
    [EventsQuery, { maxBytes: [] }, 'maxBytes: use a whole number of bytes, 1 or more'],
    [
      contract.urlGroups.setHeaders.body,
      { headers: { 'Upstash-Retries': 3 } },
      'headers.Upstash-Retries: give the value as a text, or as a list of texts',
    ],
    [contract.messages.cancelMany.body, { messageIds: 1 }, 'messageIds: use a list of ids'],
    [contract.dlq.removeMany.body, { dlqIds: 1 }, 'dlqIds: use a list of ids, or one id'],
  ])('%#: %j', (schema, value, fault) => {
    expect(parse(schema, value)).toEqual([fault]);
  });
});

test('null counts as absent in endpoints of a URL group', () => {
  const { addEndpoints, removeEndpoints } = contract.urlGroups;
  const url = 'https://a.example/';
  expect(parse(addEndpoints.body, { endpoints: [{ url, name: null }] })).toEqual({ endpoints: [{ url }] });
  expect(parse(removeEndpoints.body, { endpoints: [{ url, name: null }] })).toMatchObject({ endpoints: [{ url }] });
  expect(parse(removeEndpoints.body, { endpoints: [{ url: null, name: 'a' }] })).toMatchObject({
    endpoints: [{ name: 'a' }],
  });
  expect(parse(removeEndpoints.body, { endpoints: [{ url: null, name: null }] })).toEqual([
    'endpoints.0: give the name or the url of the endpoint',
  ]);
});
