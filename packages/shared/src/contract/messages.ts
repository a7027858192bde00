import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, HeaderMapField, Instant } from './fields.ts';
import { FilterFields, filters } from './filters.ts';

/** What a message and the lines of its log have in common. */
export const messageFields = {
  messageId: z.string(),
  url: z.string(),
  topicName: z.string().optional(),
  endpointName: z.string().optional(),
  queueName: z.string().optional(),
  scheduleId: z.string().optional(),
  method: z.string(),
  header: HeaderMapField.optional(),
  body: z.string().optional(),
  maxRetries: z.int(),
  callerIP: z.string(),
  callerIp: z.string(),
  callback: z.string().optional(),
  failureCallback: z.string().optional(),
  flowControlKey: z.string().optional(),
  parallelism: z.int().optional(),
  rate: z.int().optional(),
  period: z.int().optional(),
  retryDelayExpression: z.string().optional(),
  label: z.string().optional(),
  labels: z.array(z.string()).optional(),
};

/** A message as a caller sees it (contract, http-api.md section 3.1). */
export const MessageView = z.object({
  ...messageFields,
  bodyBase64: z.string().optional(),
  notBefore: Instant,
  createdAt: Instant,
  callbackHeader: HeaderMapField.optional(),
  failureCallbackHeader: HeaderMapField.optional(),
});
export type MessageView = z.infer<typeof MessageView>;

/** How many messages a call has newly canceled. */
export const Cancelled = z.object({ cancelled: z.int() });

/** Most messages that one call cancels, when it asks for a number at all. */
const maxCanceled = 500;

/** Which messages to cancel: those with these ids, else those that match; with neither, all (http-api.md section 5.2). */
const cancelFields = z.strictObject(
  { messageIds: filters.list, messageId: filters.text, ...FilterFields, count: Count(maxCanceled) },
  { error: filters.unknownField },
);
export const CancelQuery = z.preprocess(filters.withoutConfiguration, cancelFields.partial());
/** An empty list of ids names no message; it never means all. */
export const CancelBody = cancelFields.extend({ messageIds: z.array(z.string()) }).partial();

export const messages = {
  get: endpoint({
    method: 'GET',
    path: '/v2/messages/:messageId',
    summary: 'Read one message that has not ended or ended a short time ago',
    scope: 'read',
    params: z.object({ messageId: z.string() }),
    reply: MessageView,
  }),
  cancel: endpoint({
    method: 'DELETE',
    path: '/v2/messages/:messageId',
    summary: 'Cancel one message; an attempt that runs goes on, but is the last',
    scope: 'write',
    params: z.object({ messageId: z.string() }),
    reply: Cancelled,
  }),
  cancelMany: endpoint({
    method: 'DELETE',
    path: '/v2/messages',
    summary: 'Cancel messages by their ids or by filters; without both, all',
    scope: 'write',
    query: CancelQuery,
    body: CancelBody,
    reply: Cancelled,
  }),
};
