import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Name } from './fields.ts';

/** One message that was accepted (contract, http-api.md section 3.6). */
export const Published = z.object({
  messageId: z.string(),
  url: z.string(),
  deduplicated: z.literal(true).optional(),
});
export type Published = z.infer<typeof Published>;

/** An object for a URL; for a URL group an array in the order of its endpoints. */
export const PublishReply = z.union([Published, z.array(Published)]);
export type PublishReply = z.infer<typeof PublishReply>;

/** Why one item of a batch could not be stored after all items had been found valid (contract, http-api.md section 5.1). */
export const BatchFailure = z.object({ error: z.string() });
export type BatchFailure = z.infer<typeof BatchFailure>;

/** A value per item, in their order. */
export const BatchReply = z.array(z.union([Published, z.array(Published), BatchFailure]));
export type BatchReply = z.infer<typeof BatchReply>;

/** Most SDKs send one text per header; a list of texts is one header with several values. */
const ItemHeader = z.union([z.string(), z.array(z.string()).transform((texts) => texts.join(', '))], {
  error: 'give the value as a string',
});

/** One publish in a batch; `body` is text, anything else stands for its compact JSON. */
export const BatchItem = z.object({
  destination: z.string('give the destination as a string'),
  headers: z.record(z.string(), ItemHeader, 'give the headers as an object').nullish(),
  body: z.unknown().optional(),
  /** Nothing and an empty text are no queue. */
  queue: z.union([Name, z.literal('')]).nullish(),
});

/** The body is bytes and the options are headers (`headers/publish-options.ts`), so there is no schema for them here. */
export const publish = {
  publish: endpoint({
    method: 'POST',
    path: '/v2/publish/*destination',
    summary: 'Publish a message to a URL or a URL group',
    scope: 'write',
    reply: PublishReply,
  }),
  batch: endpoint({
    method: 'POST',
    path: '/v2/batch',
    summary: 'Publish many messages; all of them are checked before the first is created',
    scope: 'write',
    body: z.array(BatchItem, 'give an array of items, each with a destination').min(1, 'give at least one item'),
    reply: BatchReply,
  }),
};
