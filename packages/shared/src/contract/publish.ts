import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { publishHeaders } from '../headers/publish-options.ts';
import { DestinationParameter, Name } from './fields.ts';
import { ScheduleCreated } from './schedules.ts';

/** One message that was accepted (contract O12). */
export const Published = z
  .object({
    messageId: z.string().meta({
      description: 'Id of the message; for a duplicate, the id of the first message.',
      example: 'msg_2YkP4mB7vQx',
    }),
    url: z.string().describe('Destination URL.'),
    deduplicated: z.literal(true).optional().describe('The message is a duplicate and was not created.'),
  })
  .meta({ id: 'Published', description: 'A message that was accepted and is durable.' });
export type Published = z.infer<typeof Published>;

/** An object for a URL; for a URL group an array in the order of its endpoints. */
export const PublishReply = z
  .union([Published, z.array(Published)])
  .meta({ id: 'PublishReply', description: 'For a URL group an array with one element per endpoint, in their order.' });
export type PublishReply = z.infer<typeof PublishReply>;

/** Why one item of a batch could not be stored after all items had been found valid (contract P14). */
export const BatchFailure = z
  .object({ error: z.string().describe('Reason why this item was not stored.') })
  .meta({ id: 'BatchFailure', description: 'An item that was not stored; the others were.' });
export type BatchFailure = z.infer<typeof BatchFailure>;

/** A value per item, in their order. */
export const BatchReply = z
  .array(z.union([Published, z.array(Published), BatchFailure]))
  .meta({ id: 'BatchReply', description: 'One element per item, in their order; a nested array for a URL group.' });
export type BatchReply = z.infer<typeof BatchReply>;

/** Most SDKs send one text per header; a list of texts is one header with several values. */
const ItemHeader = z.union([z.string(), z.array(z.string()).transform((texts) => texts.join(', '))], {
  error: 'give the value as a string',
});

/** The same names as on a publish; whatever else stands there is read in the same way, too. */
const ItemHeaders = z.record(z.string(), ItemHeader, 'give the headers as an object').meta({
  id: 'PublishHeaders',
  description: 'Headers as in a publish request, including `Content-Type` and `Upstash-Forward-<Name>`.',
  properties: Object.fromEntries(
    publishHeaders.map(({ name, help, example }) => [
      name,
      { type: ['string', 'array'], items: { type: 'string' }, description: help, examples: [example] },
    ]),
  ),
});

/** One publish in a batch; `body` is text, anything else stands for its compact JSON. */
export const BatchItem = z
  .object({
    destination: z
      .string('give the destination as a string')
      .meta({ description: 'A URL, or the name of a URL group.', example: 'https://example.com/hook' }),
    headers: ItemHeaders.nullish().describe('Headers of this item; the headers of the request do not apply.'),
    body: z.unknown().optional().describe('Text is sent unchanged; any other value is sent as compact JSON.'),
    queue: z
      .union([Name, z.literal('')], { error: 'use the name of a queue' })
      .nullish()
      .describe('Queue of the message; `null` and an empty text mean none.'),
  })
  .meta({ id: 'BatchItem', description: 'One publish of a batch, with its own headers.' });

export const publish = {
  publish: endpoint({
    method: 'POST',
    path: '/v2/publish/*destination',
    summary: 'Publish a message to a URL or a URL group',
    description: `Responds when the message is durable. The body, of any type, and its \`Content-Type\` are forwarded
unchanged.`,
    scope: 'write',
    params: z.object({ destination: DestinationParameter }),
    takesMessage: true,
    takesOptions: true,
    unlimited: true,
    reply: PublishReply,
    otherReplies: {
      200: { when: 'A schedule was created, because the request has Upstash-Cron.', reply: ScheduleCreated },
      202: { when: 'The message is a duplicate and was not created.', reply: PublishReply },
    },
    errors: ['not_found', 'limit_exceeded', 'headers_too_large'],
  }),
  batch: endpoint({
    method: 'POST',
    path: '/v2/batch',
    summary: 'Publish many messages; all are checked before the first is created',
    scope: 'write',
    body: z.array(BatchItem, 'give an array of items, each with a destination').min(1, 'give at least one item'),
    unlimited: true,
    reply: BatchReply,
    errors: ['not_found', 'limit_exceeded', 'headers_too_large'],
  }),
};
