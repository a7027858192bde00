import { contract } from '@posthorn/shared';
import { ZodError, type z } from 'zod';
import { formatIssues } from './handle-errors.ts';
import { useSchemaTexts } from './schema-texts.ts';

beforeAll(useSchemaTexts);

const textOf = (schema: z.ZodType | undefined, value: unknown) => {
  const error = schema?.safeParse(value).error;
  if (!(error instanceof ZodError)) throw new Error('the value is allowed');
  return formatIssues(error);
};

test.each<[schema: z.ZodType | undefined, value: unknown, text: string | RegExp]>([
  [contract.queues.upsert.body, {}, 'queueName: is missing: use text'],
  [contract.queues.upsert.body, [], 'use an object'],
  [contract.queues.upsert.body, { queueName: 5 }, 'queueName: use text'],
  [contract.queues.upsert.body, { queueName: 'q', parallelism: 'x' }, /^parallelism: use a whole number/],
  [contract.queues.upsert.body, { queueName: 'q', parallelism: 0 }, /^parallelism: use .*1/],
  [contract.queues.upsert.body, { queueName: 'q', paused: 'yes' }, 'paused: use true or false'],
  [contract.urlGroups.addEndpoints.body, {}, 'endpoints: is missing: use a list'],
  [contract.urlGroups.addEndpoints.body, { endpoints: [{}] }, 'endpoints.0.url: is missing: use text'],
  [contract.urlGroups.addEndpoints.body, { endpoints: [{ url: 'https://h', name: 1 }] }, 'endpoints.0.name: use text'],
  [contract.urlGroups.addEndpoints.body, { endpoints: ['https://h'] }, 'endpoints.0: use an object'],
  [contract.urlGroups.setHeaders.body, {}, /^headers: /],
])('a wrong body is answered with a sentence', (schema, value, text) => {
  expect(textOf(schema, value)).toMatch(text);
  expect(textOf(schema, value)).not.toMatch(/Invalid|expected|received|Too (big|small)/);
});

test.each([
  [
    contract.messages.cancelMany.query,
    'unknown: lable (did you mean label?); the filters are messageIds, messageId, label,',
  ],
  [contract.dlq.list.query, 'unknown: lable (did you mean label?); the filters are '],
  [contract.dlq.removeMany.query, 'unknown: lable (did you mean label?); the filters are '],
])('a misspelled filter is answered with the nearest one and the list of all', (schema, text) => {
  expect(textOf(schema, { lable: 'a' })).toContain(text);
});
