import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { PosthornError } from './errors.ts';
import { Count, HeaderMapField, Ignored, Instant, pageBytes, PageBytes } from './fields.ts';
import { FilterFields, filters, formatHost, showUrl, type MessageFilter } from './filters.ts';
import { MessageView, responseBodyTruncated } from './messages.ts';
import { Published } from './publish.ts';
import { EntryIds, maxIds, RunLetter } from './workflow-dlq.ts';

/** A message that has finally failed, with the last response of its destination (contract O5). */
export const DlqMessage = MessageView.extend({
  dlqId: z.string().meta({ description: 'Id of the entry.', example: '1725323658779-0' }),
  responseStatus: z.int().describe('Status of the last response; 0 without one.'),
  responseHeader: HeaderMapField.optional().describe('Headers of the last response, up to 8 KiB.'),
  responseBody: z.string().optional().describe('Body of the last response, if it is text.'),
  responseBodyBase64: z.string().optional().describe('Body of the last response in base64, if it is not valid UTF-8.'),
  responseBodyTruncated,
}).meta({ id: 'DlqMessage', description: 'A message that has finally failed, with its last response.' });
export type DlqMessage = z.infer<typeof DlqMessage>;

const pageLimit = 100;

const { host: _host, path: _path, ...fields } = FilterFields;

/** Names that old clients send and that mean nothing here. */
const unused = z.unknown().meta({ description: 'No effect; older clients send it.', deprecated: true });
const tolerated = { trimBody: unused, groupBy: unused, api: unused };

const cursor = z.string().describe('Cursor for the next call; absent at the end.');

/** Which entries are meant: those with these ids, else those that match (contract P41, P45). */
const dlqFields = z.strictObject(
  {
    dlqIds: filters.list
      .refine((ids) => ids.length <= maxIds, `use at most ${maxIds} ids`)
      .describe('Ids of entries; all other filters are ignored.'),
    messageId: filters.list.describe('Id of the message.'),
    ...fields,
    responseStatus: filters.statuses.describe('Status of the last response.'),
    destination: filters.list.describe('Full URL of the message, or the host of its URL.'),
    cause: filters.list
      .pipe(z.array(z.string().regex(/^[0-9a-z]{1,8}-[0-9a-z]{1,4}-[0-9a-z]{1,8}$/, 'use the cause of a summary')))
      .describe('A cause, as `GET /v2/dlq/summary` names it.'),
    cursor: cursor
      .regex(/^(\d{1,15}-\d{1,9})?$/, 'use the cursor of an earlier response')
      .describe('Cursor of an earlier response.'),
    count: Count(pageLimit),
    order: z
      .enum(['earliestFirst', 'latestFirst'], 'use earliestFirst or latestFirst')
      .describe('`earliestFirst` by default; a cursor is valid only for the order that it came from.'),
    urlGroup: filters.list.meta({ description: 'The same as `topicName`; some clients send both.', deprecated: true }),
    source: filters.list.describe(
      '`workflow` lists the failed runs of workflows instead, with the filters of `GET /v2/workflows/dlq`.',
    ),
    ...tolerated,
  },
  { error: filters.unknownField },
);
const optionalFields = dlqFields.partial();
/** Which entries a call for many of them means. */
const DlqQuery = z.preprocess(filters.withoutConfiguration, optionalFields);
const DlqListQuery = z.preprocess(
  filters.withoutConfiguration,
  optionalFields.extend({ maxBytes: PageBytes.optional() }),
);
/** An empty list of ids names no entry; it never means all. */
const DlqBody = dlqFields
  .extend({
    dlqIds: filters.idsOrOne({ max: maxIds }).describe('Ids of entries, at most 1,000; an empty list selects none.'),
  })
  .partial()
  .optional();

/** What a query and a body say about entries, in one form. */
export interface DlqFilter extends Omit<MessageFilter, 'path'> {
  /** Causes as a summary names them. */
  cause?: string[] | undefined;
  dlqIds?: string[] | undefined;
  messageId?: string[] | undefined;
  responseStatus?: number[] | undefined;
  cursor?: string | undefined;
  count: number;
  order: 'earliestFirst' | 'latestFirst';
  /** Bytes of a response, about. */
  maxBytes: number;
}

/** Whether a filter names entries, by their ids or by what they are: else it means all of them. */
export function namesEntries({ count: _, cursor: _c, order: _o, maxBytes: _m, ...named }: DlqFilter): boolean {
  return Object.values(named).some((value) => value !== undefined);
}

/** @throws {PosthornError} `invalid_request` for two names of URL groups that differ */
export function readDlqFilter(query: z.output<typeof DlqListQuery>, body: z.output<typeof DlqBody> = {}): DlqFilter {
  const {
    callerIP,
    urlGroup,
    source,
    destination,
    trimBody: _t,
    groupBy: _g,
    api: _a,
    ...given
  } = { ...query, ...body };
  const { topicName = urlGroup, callerIp = callerIP, cursor, count = pageLimit, order = 'earliestFirst' } = given;
  if (urlGroup && String(urlGroup) !== String(topicName)) {
    throw new PosthornError('invalid_request', 'urlGroup: use topicName alone; the two differ');
  }
  const isUrl = (text: string) => /^https?:\/\//i.test(text);
  if (destination && (given.url || (destination.some(isUrl) && !destination.every(isUrl)))) {
    throw new PosthornError('invalid_request', 'destination: use URLs alone, hosts alone, or `url` instead');
  }
  const byDestination =
    destination &&
    (destination.every(isUrl) ? { url: destination.map(showUrl) } : { host: destination.map(formatHost) });
  return {
    ...given,
    ...byDestination,
    maxBytes: given.maxBytes ?? pageBytes,
    topicName,
    callerIp,
    cursor: cursor || undefined,
    count,
    order,
    ...(source?.includes('workflow') ? { dlqIds: [] } : {}),
  };
}

/** Dead letters with one cause. */
export const DlqCause = z
  .object({
    cause: z.string().meta({ description: 'Name of the cause, for filters.', example: '1f3-dw-9k2x1' }),
    host: z.string().describe('Host of the destination.'),
    responseStatus: z.int().optional().describe('Status of the last response, if there was one.'),
    error: z.string().describe('Why the last attempt failed.'),
    count: z.int().describe('How many entries there are.'),
    oldest: Instant.describe('When the first of them failed, in milliseconds since 1970.'),
    newest: Instant.describe('When the last of them failed, in milliseconds since 1970.'),
    sampleDlqId: z.string().describe('Id of the newest of them.'),
  })
  .meta({ id: 'DlqCause', description: 'Dead letters with one cause.' });
export type DlqCause = z.infer<typeof DlqCause>;

const params = z.object({ dlqId: DlqMessage.shape.dlqId });

export const dlq = {
  list: endpoint({
    method: 'GET',
    path: '/v2/dlq',
    summary: 'List the dead letter queue, oldest first',
    scope: 'read',
    query: DlqListQuery,
    reply: z.object({
      messages: z
        .array(z.union([DlqMessage, RunLetter]))
        .describe('The entries, oldest first unless `order` is given; with `source=workflow` failed runs.'),
      cursor: cursor.optional(),
    }),
  }),
  summary: endpoint({
    method: 'GET',
    path: '/v2/dlq/summary',
    summary: 'Count the dead letters by their causes, the most frequent first',
    scope: 'read',
    query: DlqQuery,
    reply: z.object({
      total: z.int().describe('Entries that match.'),
      groups: z.array(DlqCause).describe('Causes, the most frequent first; at most 100.'),
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
    summary: 'Remove entries by ids or filters; without both, the oldest',
    description: 'A body that names nothing, such as an empty object, is refused unless the query names something.',
    scope: 'write',
    query: DlqQuery,
    body: DlqBody,
    reply: z.object({ deleted: z.int().describe('Number of removed entries.'), cursor: cursor.optional() }),
  }),
  retryMany: endpoint({
    method: 'POST',
    path: '/v2/dlq/retry',
    summary: 'Publish entries again, by ids or filters',
    scope: 'write',
    status: 201,
    query: DlqQuery,
    body: EntryIds,
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
