import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, HeaderMapField, Ignored } from './fields.ts';
import { FilterFields, filters, type MessageFilter } from './filters.ts';
import { MessageView } from './messages.ts';
import { Published } from './publish.ts';

/** A message that has finally failed, with the last answer of its destination (contract, http-api.md section 3.2). */
export const DlqMessage = MessageView.extend({
  dlqId: z.string().meta({ description: 'Id of the entry.', example: '1725323658779-0' }),
  responseStatus: z.int().describe('Status of the last answer; 0 if there was none.'),
  responseHeader: HeaderMapField.optional().describe('Headers of the last answer.'),
  responseBody: z.string().optional().describe('Body of the last answer, if it is text.'),
  responseBodyBase64: z.string().optional().describe('Body of the last answer in base64, if it is not valid UTF-8.'),
}).meta({ id: 'DlqMessage', description: 'A message that has finally failed, with the last answer to it.' });
export type DlqMessage = z.infer<typeof DlqMessage>;

const pageLimit = 100;

const { host: _host, path: _path, ...fields } = FilterFields;

/** Names that old clients send and that mean nothing here. */
const unused = z.unknown().meta({ description: 'Has no meaning; older clients send it.', deprecated: true });
const tolerated = { order: unused, trimBody: unused, groupBy: unused, source: unused, api: unused };

const cursor = z.string().describe('Give it to the next call to go on; absent at the end.');

/** Which entries are meant: those with these ids, else those that match (contract, http-api.md section 4). */
const dlqFields = z.strictObject(
  {
    dlqIds: filters.list.describe('Ids of entries; other filters are then ignored.'),
    messageId: filters.list.describe('Id of the message.'),
    ...fields,
    responseStatus: filters.list
      .pipe(
        z.array(
          z
            .string()
            .regex(/^\d{1,3}$/, 'use a status such as 500')
            .transform(Number),
        ),
      )
      .describe('Status of the last answer.'),
    cursor: cursor.regex(/^(\d{1,15}-\d{1,9})?$/, 'use the cursor of an earlier answer').describe('Where to go on.'),
    count: Count(pageLimit),
    ...tolerated,
  },
  { error: filters.unknownField },
);
export const DlqQuery = z.preprocess(filters.withoutConfiguration, dlqFields.partial());
/** An empty list of ids names no entry; it never means all. */
export const DlqBody = dlqFields
  .extend({
    dlqIds: z.array(z.string()).describe('Ids of entries; an empty list names none.'),
  })
  .partial();

/** What a query and a body say about entries, in one form. */
export interface DlqFilter extends Omit<MessageFilter, 'host' | 'path'> {
  dlqIds?: string[] | undefined;
  messageId?: string[] | undefined;
  responseStatus?: number[] | undefined;
  cursor?: string | undefined;
  count: number;
}

export function readDlqFilter(query: z.output<typeof DlqQuery>, body: z.output<typeof DlqBody> = {}): DlqFilter {
  const { callerIP, order: _, trimBody: _t, groupBy: _g, source: _s, api: _a, ...given } = { ...query, ...body };
  const cursor = given.cursor || undefined;
  return { ...given, cursor, callerIp: given.callerIp ?? callerIP, count: given.count ?? pageLimit };
}

const params = z.object({ dlqId: DlqMessage.shape.dlqId });

export const dlq = {
  list: endpoint({
    method: 'GET',
    path: '/v2/dlq',
    summary: 'List the dead letter queue, oldest first',
    scope: 'read',
    query: DlqQuery,
    reply: z.object({
      messages: z.array(DlqMessage).describe('The entries, oldest first.'),
      cursor: cursor.optional(),
    }),
  }),
  get: endpoint({
    method: 'GET',
    path: '/v2/dlq/:dlqId',
    summary: 'Read one entry of the dead letter queue',
    scope: 'read',
    params,
    reply: DlqMessage,
    errors: ['not_found'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/v2/dlq/:dlqId',
    summary: 'Remove one entry of the dead letter queue',
    scope: 'write',
    params,
    reply: Ignored,
    errors: ['not_found'],
  }),
  removeMany: endpoint({
    method: 'DELETE',
    path: '/v2/dlq',
    summary: 'Remove entries by their ids or by filters; without both, the oldest',
    scope: 'write',
    query: DlqQuery,
    body: DlqBody,
    reply: z.object({ deleted: z.int().describe('How many entries were removed.'), cursor: cursor.optional() }),
  }),
  retryMany: endpoint({
    method: 'POST',
    path: '/v2/dlq/retry',
    summary: 'Publish entries again, by their ids or by filters',
    scope: 'write',
    status: 201,
    query: DlqQuery,
    reply: z.object({
      responses: z.array(Published).describe('The new messages, in the order of the entries.'),
      cursor: cursor.optional(),
    }),
    takesOptions: true,
    errors: ['not_found', 'limit_exceeded'],
  }),
  retry: endpoint({
    method: 'POST',
    path: '/v2/dlq/retry/:dlqId',
    summary: 'Publish one entry again, as a new message',
    scope: 'write',
    status: 201,
    params,
    takesOptions: true,
    reply: Published,
    errors: ['not_found', 'limit_exceeded'],
  }),
};
