import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, HeaderMapField, Instant } from './fields.ts';
import { FilterFields, filters, type MessageFilter } from './filters.ts';
import { messageFields } from './messages.ts';

/** The states of a message in its log (contract, delivery.md section 12). */
export const states = [
  'CREATED',
  'ACTIVE',
  'ERROR',
  'RETRY',
  'DELIVERED',
  'FAILED',
  'CANCEL_REQUESTED',
  'CANCELED',
] as const;
export type State = (typeof states)[number];

/** One line in the history of a message (contract, http-api.md section 3.3). */
export const EventView = z.object({
  ...messageFields,
  time: Instant,
  state: z.enum(states),
  error: z.string().optional(),
  nextDeliveryTime: Instant.optional(),
  timeout: z.int().optional(),
  responseStatus: z.int().optional(),
  responseBody: z.string().optional(),
  responseHeaders: HeaderMapField.optional(),
  responseHeader: HeaderMapField.optional(),
  callbackHeaders: HeaderMapField.optional(),
  failureCallbackHeaders: HeaderMapField.optional(),
  retryDelayExpr: z.string().optional(),
});
export type EventView = z.infer<typeof EventView>;

/** What stands for several states, or for one under another name, in a filter. */
const stateGroups: Record<string, readonly State[]> = {
  IN_PROGRESS: ['ACTIVE', 'RETRY', 'ERROR'],
  CANCELLED: ['CANCELED'],
  ...Object.fromEntries(states.map((state) => [state, [state]])),
};

const mostIds = 100;
const mostLines = 1000;
const mostGroups = 10;
const wholeNumber = z.string().regex(/^\d{1,9}$/, 'use a whole number of bytes, 0 or more');

/**
 * Which lines are meant: those of these messages, else those that match (contract, http-api.md sections 4 and 5.7). What
 * has another name is ignored.
 */
export const EventsQuery = z
  .object({
    ...FilterFields,
    messageId: filters.list,
    messageIds: filters.list,
    state: filters.list.pipe(
      z
        .array(z.enum(Object.keys(stateGroups), `use one of ${Object.keys(stateGroups).join(', ')}`))
        .transform((names) => names.flatMap((name) => stateGroups[name] ?? [])),
    ),
    count: Count(mostLines),
    cursor: z
      .string('use one cursor')
      .regex(
        /^(\d{1,15}|\d{1,15}-\d{1,9})?$/,
        'use the cursor of an earlier answer, or a time in milliseconds since 1970',
      ),
    order: z.enum(['latestFirst', 'earliestFirst'], 'use latestFirst or earliestFirst'),
    groupBy: z.literal('messageId', 'use messageId'),
    trimBody: wholeNumber.transform(Number),
  })
  .partial()
  .refine(({ messageId = [], messageIds = [] }) => messageId.length + messageIds.length <= mostIds, {
    path: ['messageIds'],
    message: `use at most ${mostIds} ids`,
  });

/** What a query says about lines, in one form. */
export interface EventFilter extends MessageFilter {
  /** The lines of these messages; then only `state` counts of what else there is. */
  messageIds?: string[];
  state?: State[] | undefined;
  /** Most lines, or groups of lines; of explicit messages `undefined` means all. */
  count?: number | undefined;
  cursor?: string | undefined;
  order: 'latestFirst' | 'earliestFirst';
  isGrouped: boolean;
  /** Bytes of a body that are shown. */
  trimBody?: number | undefined;
}

/** @param pageLines lines of a page when the query does not say */
export function readEventFilter(query: z.output<typeof EventsQuery>, pageLines: number): EventFilter {
  const { messageId = [], messageIds = [], callerIP, groupBy, order = 'latestFirst', cursor, count, ...given } = query;
  const ids = [...new Set([...messageId, ...messageIds])];
  const isGrouped = groupBy !== undefined;
  return {
    ...given,
    order,
    isGrouped,
    cursor: cursor || undefined,
    callerIp: given.callerIp ?? callerIP,
    ...(ids.length > 0 ? { messageIds: ids, count } : { count: count ?? (isGrouped ? mostGroups : pageLines) }),
  };
}

const cursor = z.string().optional();
const groups = z.object({
  messages: z.array(z.object({ messageId: z.string(), events: z.array(EventView) })),
  cursor,
});

export const events = {
  events: endpoint({
    method: 'GET',
    path: '/v2/events',
    summary: 'Read the log, newest line first',
    scope: 'read',
    query: EventsQuery,
    reply: z.union([z.object({ events: z.array(EventView), cursor }), groups]),
  }),
  logs: endpoint({
    method: 'GET',
    path: '/v2/logs',
    summary: 'Read the log, newest line first',
    scope: 'read',
    query: EventsQuery,
    reply: z.union([z.object({ logs: z.array(EventView), events: z.array(EventView), cursor }), groups]),
  }),
};
