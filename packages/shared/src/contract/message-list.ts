import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { EventsQuery, LogEntryView } from './events.ts';
import { Count, HeaderMapField, Instant } from './fields.ts';
import { FilterFields, filters, type MessageFilter } from './filters.ts';
import { messageFields, states, type State } from './messages.ts';

const { messageId, url, topicName, endpointName, queueName, scheduleId, method, flowControlKey, labels, maxRetries } =
  messageFields;

/** One message in a list: what it is, and what happened to it last. */
export const MessageSummary = z
  .object({
    messageId,
    state: z.enum(states).describe('The latest entry of its log.'),
    url,
    method,
    topicName,
    endpointName,
    queueName,
    scheduleId,
    flowControlKey,
    labels,
    createdAt: Instant.describe('When it was accepted, in milliseconds since 1970.'),
    updatedAt: Instant.describe('Time of the latest entry of its log, in milliseconds since 1970.'),
    attempts: z.int().describe('Attempts that have started.'),
    maxRetries,
    responseStatus: z.int().optional().describe('Status of the last response; 0 if there was none.'),
    error: z.string().optional().describe('Why the last attempt failed, if it did.'),
    durationMs: z.int().optional().describe('How long the last attempt took, in milliseconds.'),
    nextDeliveryTime: Instant.optional().describe('When the next attempt is due, in milliseconds since 1970.'),
    dlqId: z.string().optional().describe('Id of its entry in the dead letter queue.'),
  })
  .meta({ id: 'MessageSummary', description: 'One message in a list: what it is, and what happened to it last.' });
export type MessageSummary = z.infer<typeof MessageSummary>;

/** Reasons why a message is where it is. */
const placeKinds = [
  'delayed',
  'due',
  'queued',
  'limited',
  'paused',
  'in-flight',
  'retrying',
  'delivered',
  'dead',
  'canceled',
] as const;

/** Where a message is, and why. */
export const Place = z
  .object({
    kind: z.enum(placeKinds).describe('What it waits for, or how it ended.'),
    text: z
      .string()
      .meta({ description: 'The same as a sentence.', example: 'Waits for flow-control key stripe, which is paused.' }),
    since: Instant.describe('Since when, in milliseconds since 1970.'),
    until: Instant.optional().describe('When it goes on at the latest, in milliseconds since 1970, if that is known.'),
    name: z.string().optional().describe('The queue or the flow-control key that it waits for.'),
    position: z.int().optional().describe('Its position in the queue; 1 is the first.'),
    behind: z.string().optional().describe('Id of the message that it waits for.'),
  })
  .meta({ id: 'MessagePlace', description: 'Where a message is, and why.' });
export type Place = z.infer<typeof Place>;

/** One attempt at a message. */
export const Attempt = z
  .object({
    number: z.int().describe('1 is the first attempt.'),
    startedAt: Instant.describe('When it started, in milliseconds since 1970.'),
    endedAt: Instant.optional().describe('When it ended, in milliseconds since 1970; absent while it runs.'),
    durationMs: z.int().optional().describe('How long it took, in milliseconds.'),
    responseStatus: z.int().optional().describe('Status of the response; 0 if there was none.'),
    error: z.string().optional().describe('Why it failed, if it did.'),
    responseHeader: HeaderMapField.optional().describe('Headers of the response to a failed attempt.'),
    responseBody: z.string().optional().describe('Body of the response to a failed attempt, in base64.'),
    nextDeliveryTime: Instant.optional().describe('When the next attempt is due, in milliseconds since 1970.'),
  })
  .meta({ id: 'MessageAttempt', description: 'One attempt at a message.' });
export type Attempt = z.infer<typeof Attempt>;

const ids = (description: string) => z.array(z.string()).describe(description);

/** Everything that is known of one message. */
export const Timeline = z
  .object({
    message: MessageSummary.describe('The message, as a list shows it.'),
    where: Place.describe('Where it is, and why.'),
    attempts: z.array(Attempt).describe('Its attempts, the first one first.'),
    lines: z.array(LogEntryView).describe('The entries of its log, oldest first.'),
    related: z
      .object({
        sourceMessageId: z.string().optional().describe('The message whose outcome this callback tells.'),
        callbackIds: ids('Ids of the callbacks that tell its outcome.'),
        retryOf: z.string().optional().describe('The dead message that this one is a retry of.'),
        retriedAs: ids('Ids of the messages that a retry from the dead letter queue has created.'),
        dlqId: z.string().optional().describe('Id of its entry in the dead letter queue.'),
      })
      .describe('Messages that belong to it.'),
  })
  .meta({ id: 'MessageTimeline', description: 'Everything that is known of one message.' });
export type Timeline = z.infer<typeof Timeline>;

const status = z
  .string()
  .regex(/^\d{1,3}$/, 'use a status such as 500')
  .transform(Number);

const listFields = z
  .strictObject(
    {
      ...FilterFields,
      state: EventsQuery.shape.state
        .unwrap()
        .describe('The latest entry of its log; `IN_PROGRESS` stands for ACTIVE, RETRY and ERROR.'),
      responseStatus: filters.list.pipe(z.array(status)).describe('Status of the last response; 0 if there was none.'),
      cursor: z
        .string('use one cursor')
        .regex(/^(\d{1,15}-\d{1,9})?$/, 'use the cursor of an earlier response')
        .describe('The cursor of an earlier response.'),
      count: Count(100),
    },
    { error: filters.unknownField },
  )
  .partial();

/** Which messages a list shows. */
export interface MessageListFilter extends MessageFilter {
  state?: State[] | undefined;
  responseStatus?: number[] | undefined;
  cursor?: string | undefined;
  count: number;
}

/** What a query says about a list of messages, in one form. */
export function readMessageListFilter({
  callerIP,
  count = 100,
  cursor,
  ...given
}: z.output<typeof listFields>): MessageListFilter {
  return { ...given, callerIp: given.callerIp ?? callerIP, count, cursor: cursor || undefined };
}

/** A name of a time zone that `Intl` knows. */
const TimeZone = z
  .string()
  .max(64)
  .refine((name) => {
    try {
      return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
    } catch {
      return false;
    }
  }, 'use a name such as Europe/Berlin')
  .meta({ description: 'Zone of the times in the sentence; UTC by default.', example: 'Europe/Berlin' });

export const messageList = {
  list: endpoint({
    method: 'GET',
    path: '/v2/messages',
    summary: 'List messages, newest first, also those that have ended',
    description:
      'It reads the log. With `state`, messages that changed last come first. A page may be shorter than `count`, or empty, when it has a cursor to go on.',
    scope: 'read',
    query: z.preprocess(filters.withoutConfiguration, listFields),
    reply: z.object({
      messages: z.array(MessageSummary).describe('The messages, newest first.'),
      cursor: z.string().optional().describe('Give it to the next call to go on; absent at the end.'),
    }),
  }),
  timeline: endpoint({
    method: 'GET',
    path: '/v2/messages/:messageId/timeline',
    summary: 'Tell where one message is and why, with its attempts and its log',
    scope: 'read',
    params: z.object({ messageId }),
    query: z.object({ timeZone: TimeZone, trimBody: EventsQuery.shape.trimBody.unwrap() }).partial(),
    reply: Timeline,
    errors: ['not_found'],
  }),
};
