import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, HeaderMapField, Instant, pageBytes, PageBytes } from './fields.ts';
import { FilterFields, filters, type MessageFilter } from './filters.ts';
import { bodyTruncated, errorFields, messageFields, responseBodyTruncated, states, type State } from './messages.ts';

/** One entry in the log of a message (contract O6). */
export const LogEntryView = z
  .object({
    ...messageFields,
    body: z.string().optional().describe('The body, in base64.'),
    bodyTruncated,
    time: Instant.describe('Time of the entry, in milliseconds since 1970.'),
    state: z.enum(states).describe('State of the message.'),
    ...errorFields,
    error: errorFields.error.describe('Error of the attempt or of the message.'),
    nextDeliveryTime: Instant.optional().describe('Time of the next attempt, in milliseconds since 1970.'),
    timeout: z.int().optional().describe('Timeout of an attempt, in milliseconds.'),
    responseStatus: z.int().optional().describe('Status of the response; 0 without one.'),
    responseBody: z.string().optional().describe('Body of the response, in base64; the first bytes of a large one.'),
    responseBodyTruncated,
    responseHeaders: HeaderMapField.optional().describe('Headers of the response, up to 8 KiB.'),
    responseHeader: HeaderMapField.optional().describe('The same as `responseHeaders`.'),
    callbackHeaders: HeaderMapField.optional().describe('Forwarded headers of the callback.'),
    failureCallbackHeaders: HeaderMapField.optional().describe('Forwarded headers of the failure callback.'),
    retryDelayExpr: z.string().optional().describe('The same as `retryDelayExpression`.'),
  })
  .meta({ id: 'LogEntry', description: 'One entry in the log of a message.' });
export type LogEntryView = z.infer<typeof LogEntryView>;

/** What stands for several states, or for one under another name, in a filter. */
const stateGroups: Record<string, readonly State[]> = {
  IN_PROGRESS: ['ACTIVE', 'RETRY', 'ERROR'],
  CANCELLED: ['CANCELED'],
  ...Object.fromEntries(states.map((state) => [state, [state]])),
};

const maxIds = 100;
const maxEntries = 1000;
const pageGroups = 10;
const wholeNumber = z.string().regex(/^\d+$/, 'use a whole number, 0 or more');

/**
 * Which entries are meant: those of the messages with these ids, otherwise those that match (contract P41, P45). Unknown
 * names are ignored.
 */
export const EventsQuery = z
  .object({
    ...FilterFields,
    messageId: filters.list.describe('Ids of messages; a filter like the others.'),
    messageIds: filters.list.describe(
      'Ids of messages; all other filters except `state` are ignored, and no cursor is returned.',
    ),
    state: filters.list
      .pipe(
        z
          .array(z.enum(Object.keys(stateGroups), `use one of ${Object.keys(stateGroups).join(', ')}`))
          .transform((names) => names.flatMap((name) => stateGroups[name] ?? [])),
      )
      .describe('State of the entry; `IN_PROGRESS` means ACTIVE, RETRY or ERROR.'),
    count: Count(maxEntries),
    cursor: z
      .string('use one cursor')
      .regex(
        /^(\d{1,15}|\d{1,15}-\d{1,9})?$/,
        'use the cursor of an earlier response, or a time in milliseconds since 1970',
      )
      .describe('Cursor of an earlier response; or a time in milliseconds since 1970, which selects older entries.'),
    order: z
      .enum(['latestFirst', 'earliestFirst'], 'use latestFirst or earliestFirst')
      .describe('`latestFirst` by default.'),
    groupBy: z.literal('messageId', 'use messageId').describe('Groups the entries by message.'),
    trimBody: wholeNumber.transform(Number).describe('Maximum number of bytes of a body that are shown.'),
    maxBytes: PageBytes,
  })
  .partial()
  .refine(({ messageId = [], messageIds = [] }) => messageId.length + messageIds.length <= maxIds, {
    path: ['messageIds'],
    message: `use at most ${maxIds} ids`,
  });

/** What a query says about entries, in one form. */
export interface LogFilter extends MessageFilter {
  /** The entries of these messages; of the other filters only `state` then applies, and there is one page. */
  messageIds?: string[];
  /** A filter like the others. */
  messageId?: string[] | undefined;
  state?: State[] | undefined;
  /** Maximum number of entries, or groups of entries; of `messageIds` `undefined` means all. */
  count?: number | undefined;
  cursor?: string | undefined;
  order: 'latestFirst' | 'earliestFirst';
  isGrouped: boolean;
  /** Bytes of a body that are shown. */
  trimBody?: number | undefined;
  /** About how many bytes a response has. */
  maxBytes: number;
}

/** @param defaultCount entries of a page when the query does not say */
export function readLogFilter(query: z.output<typeof EventsQuery>, defaultCount: number): LogFilter {
  const { messageIds, callerIP, groupBy, order = 'latestFirst', cursor, count, ...given } = query;
  const isGrouped = groupBy !== undefined;
  return {
    ...given,
    order,
    isGrouped,
    cursor: cursor || undefined,
    callerIp: given.callerIp ?? callerIP,
    maxBytes: given.maxBytes ?? pageBytes,
    ...(messageIds ? { messageIds, count } : { count: count ?? (isGrouped ? pageGroups : defaultCount) }),
  };
}

/** Maximum number of entries that a live stream sends in a second. */
export const maxStreamed = 200;
/** Maximum number of bytes of a body that a live stream shows; a larger `trimBody` counts as this. */
const maxStreamedBody = 16 * 1024;

/** Which entries a live stream sends: filters of the log, and how many at most. */
export const StreamQuery = z
  .object({
    ...FilterFields,
    messageId: filters.list.describe('Ids of messages.'),
    state: EventsQuery.shape.state,
    trimBody: wholeNumber
      .transform((text) => Math.min(maxStreamedBody, Number(text)))
      .describe(
        `Maximum number of bytes of a body that are shown; 0 by default, ${maxStreamedBody} at most. Larger bodies of messages are left out.`,
      ),
    maxPerSecond: wholeNumber
      .transform((text) => Math.min(maxStreamed, Math.max(1, Number(text))))
      .describe(`Most entries in a second; ${maxStreamed} by default and at most. Others are skipped.`),
    cursor: z
      .string()
      .regex(/^\d{1,15}-\d{1,9}$/, 'use the id of an earlier event')
      .describe('Start after this entry; the header Last-Event-ID wins. By default only new entries are sent.'),
  })
  .partial();
export type StreamFilter = z.output<typeof StreamQuery>;

const cursor = z.string().optional().describe('Cursor for the next call; absent at the end.');
const entries = z.array(LogEntryView).describe('The entries, newest first unless `order` is given.');
const groups = z.object({
  messages: z
    .array(z.object({ messageId: messageFields.messageId, events: entries }))
    .describe('With `groupBy`: the entries of each message.'),
  cursor,
});

export const events = {
  events: endpoint({
    method: 'GET',
    path: '/v2/events',
    summary: 'Read the log, newest entry first',
    scope: 'read',
    query: EventsQuery,
    reply: z.union([z.object({ events: entries, cursor }), groups]),
  }),
  logs: endpoint({
    method: 'GET',
    path: '/v2/logs',
    summary: 'Read the log, newest entry first',
    scope: 'read',
    query: EventsQuery,
    reply: z.union([z.object({ logs: entries, cursor }), groups]),
  }),
  stream: endpoint({
    method: 'GET',
    path: '/v2/logs/stream',
    summary: 'Follow the log as a stream of server-sent events',
    description:
      'An event `line` has the cursor of an entry as its id and the entry as its data. An event `skipped` tells how many entries, at least, were left out: there were too many, or Redis was emptied or restored. A comment comes every 15 seconds.',
    scope: 'read',
    query: StreamQuery,
    streams: true,
    reply: z.string(),
  }),
};
