import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, HeaderMapField, Instant } from './fields.ts';
import { errorKinds } from '../message/outcome.ts';
import { FilterFields, filters } from './filters.ts';

/** The states of a message in its log (contract L1). */
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

/** Why an attempt failed, as messages, dead letters and log entries say it. */
export const errorFields = {
  error: z.string().optional().describe('Error of the last attempt, if it failed.'),
  errorKind: z
    .enum(errorKinds)
    .optional()
    .describe(
      'Kind of the error: `http` is a response other than 2xx; the others mean that no usable response arrived. Absent when no request was made.',
    ),
};
export const bodyTruncated = z.literal(true).optional().describe('Present when the body is not shown, or not in full.');

/** What a message and the entries of its log have in common. */
export const messageFields = {
  messageId: z.string().meta({ description: 'Id of the message.', example: 'msg_2YkP4mB7vQx' }),
  url: z.string().describe('Destination URL; for a URL group the URL of one endpoint.'),
  topicName: z.string().optional().describe('URL group of the message.'),
  endpointName: z.string().optional().describe('Name of the endpoint of the URL group, if it has one.'),
  queueName: z.string().optional().describe('Queue of the message.'),
  scheduleId: z.string().optional().describe('Schedule that published the message.'),
  method: z.string().meta({ description: 'Method of the delivery, in upper case.', example: 'POST' }),
  header: HeaderMapField.optional().describe('Forwarded headers, including `Content-Type`.'),
  maxRetries: z.int().describe('Maximum number of retries after a failed first attempt.'),
  callerIP: z.string().describe('Address of the publisher.'),
  callerIp: z.string().describe('The same as `callerIP`.'),
  callback: z.string().optional().describe('URL that receives a callback after every attempt.'),
  failureCallback: z.string().optional().describe('URL that receives a callback when the message has finally failed.'),
  flowControlKey: z.string().optional().describe('Messages with the same key share limits.'),
  parallelism: z.int().optional().describe('Maximum of attempts in flight with the key, as published.'),
  rate: z.int().optional().describe('Maximum of attempts with the key per period, as published.'),
  period: z.int().optional().describe('Period of the rate, in seconds.'),
  retryDelayExpression: z.string().optional().describe('Expression for the wait before a retry, in milliseconds.'),
  label: z.string().optional().describe('The first label.'),
  labels: z.array(z.string()).optional().describe('All labels, in order.'),
};

export const responseBodyTruncated = z
  .literal(true)
  .optional()
  .describe('Present when the destination sent a longer body than is kept or shown.');

/** A message as a caller sees it (contract O1). */
export const MessageView = z
  .object({
    ...messageFields,
    body: z.string().optional().describe('The body, if it is text.'),
    bodyBase64: z.string().optional().describe('The body in base64, if it is not valid UTF-8.'),
    notBefore: Instant.describe('No attempt before this instant, in milliseconds since 1970.'),
    createdAt: Instant.describe('Time of acceptance, in milliseconds since 1970.'),
    callbackHeader: HeaderMapField.optional().describe('Forwarded headers of the callback.'),
    failureCallbackHeader: HeaderMapField.optional().describe('Forwarded headers of the failure callback.'),
    bodyTruncated,
    state: z.enum(states).optional().describe('State of the newest log entry.'),
    attempts: z.int().optional().describe('Number of attempts that have started.'),
    nextDeliveryTime: Instant.optional().describe('Time of the next attempt, in milliseconds since 1970.'),
    ...errorFields,
  })
  .meta({ id: 'Message', description: 'A message as it was accepted, and its progress.' });
export type MessageView = z.infer<typeof MessageView>;

/** How many messages a call has newly canceled. */
const Cancelled = z.object({ cancelled: z.int().describe('Number of messages that this call canceled.') });

/** Maximum number of messages that one call cancels, if it asks for a number. */
const maxCanceled = 500;

/** Which messages to cancel: those with these ids, else those that match; with neither, all (contract P17). */
const cancelFields = z.strictObject(
  {
    messageIds: filters.list.describe('Ids of messages; all other filters are ignored.'),
    messageId: filters.text.describe('Id of one message.'),
    ...FilterFields,
    count: Count(maxCanceled),
  },
  { error: filters.unknownField },
);
export const CancelQuery = z.preprocess(filters.withoutConfiguration, cancelFields.partial());
/** An empty list of ids names no message; it never means all. */
const CancelBody = cancelFields
  .extend({
    messageIds: filters.ids.describe('Ids of messages; an empty list selects none.'),
  })
  .partial()
  .optional();

const params = z.object({ messageId: messageFields.messageId });

export const messages = {
  get: endpoint({
    method: 'GET',
    path: '/v2/messages/:messageId',
    summary: 'Read one message, until shortly after it has ended',
    scope: 'read',
    params,
    reply: MessageView,
    errors: ['not_found'],
  }),
  cancel: endpoint({
    method: 'DELETE',
    path: '/v2/messages/:messageId',
    summary: 'Cancel one message; an attempt in flight continues and is the last',
    scope: 'write',
    params,
    reply: Cancelled,
    errors: ['not_found'],
  }),
  runNow: endpoint({
    method: 'POST',
    path: '/v2/messages/:messageId/retry',
    summary: 'Deliver a message at once that waits for its time or for a retry',
    description: 'The number of its attempts stays. It may be a step of a workflow that sleeps.',
    scope: 'write',
    params,
    reply: z.object({ messageId: messageFields.messageId }),
    errors: ['not_found', 'invalid_request'],
  }),
  cancelMany: endpoint({
    method: 'DELETE',
    path: '/v2/messages',
    summary: 'Cancel messages by ids or filters; without both, all messages',
    description: 'A body that names nothing, such as an empty object, is refused unless the query names something.',
    scope: 'write',
    query: CancelQuery,
    body: CancelBody,
    reply: Cancelled,
  }),
};
