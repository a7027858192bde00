import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, HeaderMapField, Instant } from './fields.ts';
import { errorKinds } from '../message/outcome.ts';
import { FilterFields, filters } from './filters.ts';

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

/** Why an attempt failed, as messages, dead letters and log entries say it. */
export const errorFields = {
  error: z.string().optional().describe('Why the last attempt failed, if it did.'),
  errorKind: z
    .enum(errorKinds)
    .optional()
    .describe(
      'What kind of fault that was: `http` is an answer other than 2xx, the others say why there was none. Absent when no request was made.',
    ),
};
export const bodyTruncated = z.literal(true).optional().describe('Present when the body is not shown, or not in full.');

/** What a message and the lines of its log have in common. */
export const messageFields = {
  messageId: z.string().meta({ description: 'Id of the message.', example: 'msg_2YkP4mB7vQx' }),
  url: z.string().describe('Where it is delivered; for a URL group the URL of one endpoint.'),
  topicName: z.string().optional().describe('URL group that it was published to.'),
  endpointName: z.string().optional().describe('Name of the endpoint of the URL group, if it has one.'),
  queueName: z.string().optional().describe('Queue that it was put into.'),
  scheduleId: z.string().optional().describe('Schedule that published it.'),
  method: z.string().meta({ description: 'Method of the delivery, in upper case.', example: 'POST' }),
  header: HeaderMapField.optional().describe('Headers that go along, `Content-Type` included.'),
  maxRetries: z.int().describe('How often a failed first attempt is repeated at most.'),
  callerIP: z.string().describe('Address of the publisher.'),
  callerIp: z.string().describe('The same as `callerIP`.'),
  callback: z.string().optional().describe('URL that is told after every attempt.'),
  failureCallback: z.string().optional().describe('URL that is told when the message has finally failed.'),
  flowControlKey: z.string().optional().describe('Messages with the same key share limits.'),
  parallelism: z.int().optional().describe('Most attempts of the key at a time, as the publisher said it.'),
  rate: z.int().optional().describe('Most attempts of the key per period, as the publisher said it.'),
  period: z.int().optional().describe('Period of the rate, in seconds.'),
  retryDelayExpression: z.string().optional().describe('Expression for the wait before a retry, in milliseconds.'),
  label: z.string().optional().describe('The first label.'),
  labels: z.array(z.string()).optional().describe('All labels, in order.'),
};

export const responseBodyTruncated = z
  .literal(true)
  .optional()
  .describe('Present when the destination sent a longer body than is kept, or than is shown.');

/** A message as a caller sees it (contract, http-api.md section 3.1). */
export const MessageView = z
  .object({
    ...messageFields,
    body: z.string().optional().describe('The body, if it is text.'),
    bodyBase64: z.string().optional().describe('The body in base64, if it is not valid UTF-8.'),
    notBefore: Instant.describe('No attempt before this instant, in milliseconds since 1970.'),
    createdAt: Instant.describe('When it was accepted, in milliseconds since 1970.'),
    callbackHeader: HeaderMapField.optional().describe('Headers that go along with the callback.'),
    failureCallbackHeader: HeaderMapField.optional().describe('Headers that go along with the failure callback.'),
    bodyTruncated,
    state: z.enum(states).optional().describe('The last thing that happened to it.'),
    attempts: z.int().optional().describe('Attempts that were begun.'),
    nextDeliveryTime: Instant.optional().describe('When the next attempt is due, in milliseconds since 1970.'),
    ...errorFields,
  })
  .meta({ id: 'Message', description: 'A message as it was accepted, and how far it is.' });
export type MessageView = z.infer<typeof MessageView>;

/** How many messages a call has newly canceled. */
export const Cancelled = z.object({ cancelled: z.int().describe('How many messages this call has canceled.') });

/** Most messages that one call cancels, when it asks for a number at all. */
const maxCanceled = 500;

/** Which messages to cancel: those with these ids, else those that match; with neither, all (http-api.md section 5.2). */
const cancelFields = z.strictObject(
  {
    messageIds: filters.list.describe('Ids of messages; other filters are then ignored.'),
    messageId: filters.text.describe('Id of one message.'),
    ...FilterFields,
    count: Count(maxCanceled),
  },
  { error: filters.unknownField },
);
export const CancelQuery = z.preprocess(filters.withoutConfiguration, cancelFields.partial());
/** An empty list of ids names no message; it never means all. */
export const CancelBody = cancelFields
  .extend({
    messageIds: filters.ids.describe('Ids of messages; an empty list names none.'),
  })
  .partial();

const params = z.object({ messageId: messageFields.messageId });

export const messages = {
  get: endpoint({
    method: 'GET',
    path: '/v2/messages/:messageId',
    summary: 'Read one message that has not ended or ended a short time ago',
    scope: 'read',
    params,
    reply: MessageView,
    errors: ['not_found'],
  }),
  cancel: endpoint({
    method: 'DELETE',
    path: '/v2/messages/:messageId',
    summary: 'Cancel one message; an attempt that runs goes on, but is the last',
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
    summary: 'Cancel messages by their ids or by filters; without both, all',
    scope: 'write',
    query: CancelQuery,
    body: CancelBody,
    reply: Cancelled,
  }),
};
