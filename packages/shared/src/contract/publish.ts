import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { publishHeaders } from '../headers/publish-options.ts';
import { DestinationParameter, Name } from './fields.ts';
import { ScheduleCreated } from './schedules.ts';

/** One message that was accepted (contract O12). */
export const Published = z
  .object({
    messageId: z.string().meta({
      description: 'Id of the message; of the first one, if this is a duplicate.',
      example: 'msg_2YkP4mB7vQx',
    }),
    url: z.string().describe('Where it is delivered.'),
    deduplicated: z.literal(true).optional().describe('Nothing was created: the message exists already.'),
  })
  .meta({ id: 'Published', description: 'A message that was accepted and is durable.' });
export type Published = z.infer<typeof Published>;

/** An object for a URL; for a URL group an array in the order of its endpoints. */
export const PublishReply = z
  .union([Published, z.array(Published)])
  .meta({ id: 'PublishReply', description: 'For a URL group one per endpoint, in their order.' });
export type PublishReply = z.infer<typeof PublishReply>;

/** Why one item of a batch could not be stored after all items had been found valid (contract P14). */
export const BatchFailure = z
  .object({ error: z.string().describe('Why this item could not be stored.') })
  .meta({ id: 'BatchFailure', description: 'An item that could not be stored; the others were.' });
export type BatchFailure = z.infer<typeof BatchFailure>;

/** A value per item, in their order. */
export const BatchReply = z
  .array(z.union([Published, z.array(Published), BatchFailure]))
  .meta({ id: 'BatchReply', description: 'One value per item, in their order; an array inside for a URL group.' });
export type BatchReply = z.infer<typeof BatchReply>;

/** Most SDKs send one text per header; a list of texts is one header with several values. */
const ItemHeader = z.union([z.string(), z.array(z.string()).transform((texts) => texts.join(', '))], {
  error: 'give the value as a string',
});

/** The same names as on a publish; whatever else stands there is read in the same way, too. */
const ItemHeaders = z.record(z.string(), ItemHeader, 'give the headers as an object').meta({
  id: 'PublishHeaders',
  description: 'Headers as a publish request would have them; also `Content-Type` and `Upstash-Forward-<Name>`.',
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
    headers: ItemHeaders.nullish().describe('Headers of this publish; those of the request do not count.'),
    body: z.unknown().optional().describe('Text is the body itself; anything else stands for its compact JSON.'),
    queue: z
      .union([Name, z.literal('')])
      .nullish()
      .describe('Queue to put it into; nothing and an empty text are none.'),
  })
  .meta({ id: 'BatchItem', description: 'One publish of a batch, with headers of its own.' });

export const publish = {
  publish: endpoint({
    method: 'POST',
    path: '/v2/publish/*destination',
    summary: 'Publish a message to a URL or a URL group',
    description: `Answers when the message is durable. The body goes along byte for byte, whatever its type, and so does
its \`Content-Type\`.`,
    scope: 'write',
    params: z.object({ destination: DestinationParameter }),
    takesMessage: true,
    takesOptions: true,
    unlimited: true,
    reply: PublishReply,
    otherReplies: {
      200: { when: 'With the header Upstash-Cron: a schedule was created.', reply: ScheduleCreated },
      202: { when: 'Nothing was created: the message is a duplicate.', reply: PublishReply },
    },
    errors: ['not_found', 'limit_exceeded', 'headers_too_large'],
  }),
  batch: endpoint({
    method: 'POST',
    path: '/v2/batch',
    summary: 'Publish many messages; all of them are checked before the first is created',
    scope: 'write',
    body: z.array(BatchItem, 'give an array of items, each with a destination').min(1, 'give at least one item'),
    unlimited: true,
    reply: BatchReply,
    errors: ['not_found', 'limit_exceeded', 'headers_too_large'],
  }),
};
