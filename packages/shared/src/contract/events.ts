import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { HeaderMapField, Instant } from './fields.ts';
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

const oneOrMore = z.union([z.string(), z.array(z.string())]);

/** The log of messages that are named. One value, several by repetition, or several in one value with commas. */
export const EventsQuery = z
  .object({ messageId: z.string().min(1).optional(), messageIds: oneOrMore.optional() })
  .transform(({ messageId, messageIds }) => [
    ...(messageId ? [messageId] : []),
    ...[messageIds ?? []].flat().flatMap((text) => text.split(',')),
  ])
  .refine((ids) => ids.length > 0 && ids.every((id) => id !== ''), {
    path: ['messageId'],
    message: 'name the message whose log is wanted: ?messageId=msg_...',
  })
  .refine((ids) => ids.length <= 100, { path: ['messageIds'], message: 'use at most 100 ids' });

export const events = {
  events: endpoint({
    method: 'GET',
    path: '/v2/events',
    summary: 'Read the log of messages, newest line first',
    scope: 'read',
    query: EventsQuery,
    reply: z.object({ events: z.array(EventView) }),
  }),
  logs: endpoint({
    method: 'GET',
    path: '/v2/logs',
    summary: 'Read the log of messages, newest line first',
    scope: 'read',
    query: EventsQuery,
    reply: z.object({ logs: z.array(EventView), events: z.array(EventView) }),
  }),
};
