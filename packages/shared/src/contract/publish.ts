import { z } from 'zod';
import { endpoint } from './endpoint.ts';

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

/** The body is bytes and the options are headers (`headers/publish-options.ts`), so there is no schema for them here. */
export const publish = {
  publish: endpoint({
    method: 'POST',
    path: '/v2/publish/*destination',
    summary: 'Publish a message to a URL or a URL group',
    scope: 'write',
    reply: PublishReply,
  }),
};
