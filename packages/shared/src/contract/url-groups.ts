import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { formatUrl } from '../headers/destination.ts';
import { readForwardedHeaders } from '../headers/forward.ts';
import { encodeHeaderText } from '../headers/header-text.ts';
import { readPublishOptions } from '../headers/publish-options.ts';
import { DestinationUrl, HeaderMapField, Ignored, Instant, Name } from './fields.ts';

/** Free text, for people: unlike other names it stands in no path. */
const EndpointName = z.string('use text').max(256, 'use at most 256 characters');

/** One receiver of a URL group. */
export const GroupEndpoint = z
  .object({
    url: DestinationUrl.meta({ description: 'Where its messages go.', example: 'https://example.com/hook' }),
    name: EndpointName.optional().describe('Name of the endpoint within the group; an empty one counts as none.'),
  })
  .meta({ id: 'GroupEndpoint', description: 'A receiver to add; the same URL gets the new name, and the other way.' });
export type GroupEndpoint = z.infer<typeof GroupEndpoint>;

/** A named list of endpoints; the wire calls it a topic (contract O10). */
export const UrlGroup = z
  .object({
    name: z.string().meta({ description: 'Name of the group.', example: 'order-events' }),
    createdAt: Instant.describe('When it was created, in milliseconds since 1970.'),
    updatedAt: Instant.describe('When it was last changed, in milliseconds since 1970.'),
    endpoints: z
      .array(
        z.object({
          url: z.string().describe('Where its messages go.'),
          name: z.string().optional().describe('Name of the endpoint, if it has one.'),
        }),
      )
      .describe('Its receivers, in order.'),
    headers: HeaderMapField.optional().describe('Default headers of every publish to the group, if any were set.'),
  })
  .meta({ id: 'UrlGroup', description: 'A named list of endpoints; each gets a message of its own.' });
export type UrlGroup = z.infer<typeof UrlGroup>;

/** Names an endpoint of a group by its name or its URL. */
export const EndpointReference = z
  .object({
    url: z.string().transform(formatUrl).optional().describe('URL of the endpoint.'),
    name: z.string().optional().describe('Name of the endpoint; it wins over the URL.'),
  })
  .refine(({ url, name }) => url || name, { message: 'give the name or the url of the endpoint' })
  .meta({ id: 'EndpointReference', description: 'An endpoint by its name or its URL.' });
export type EndpointReference = z.infer<typeof EndpointReference>;

/** Headers of a publish as an object, a text or a list of texts each; checked as if a request had them. */
export const DefaultHeaders = z
  .record(
    z.string(),
    z.union([z.string(), z.array(z.string()).min(1)]).transform((texts) => [texts].flat()),
    'give the headers as an object',
  )
  .superRefine((headers, context) => {
    try {
      const list = listHeaders(headers);
      readForwardedHeaders(list, readPublishOptions(list).forwardAll ?? false, false);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  })
  .meta({ description: 'Headers as a publish request would have them, each a text or a list of texts.' });

/** Names and values in turn, as a request would have them: the values as byte strings. */
export function listHeaders(headers: Record<string, string[]>): string[] {
  return Object.entries(headers).flatMap(([name, values]) =>
    values.flatMap((value) => [name, encodeHeaderText(value)]),
  );
}

const params = z.object({ name: Name.meta({ description: 'Name of the URL group.', example: 'order-events' }) });

export const urlGroups = {
  list: endpoint({
    method: 'GET',
    path: '/v2/topics',
    summary: 'List all URL groups',
    scope: 'read',
    reply: z.array(UrlGroup),
  }),
  get: endpoint({
    method: 'GET',
    path: '/v2/topics/:name',
    summary: 'Read one URL group',
    scope: 'read',
    params,
    reply: UrlGroup,
    errors: ['not_found'],
  }),
  addEndpoints: endpoint({
    method: 'POST',
    path: '/v2/topics/:name/endpoints',
    summary: 'Add endpoints to a URL group, which is created when needed',
    scope: 'write',
    params,
    body: z.object({
      endpoints: z.array(GroupEndpoint).min(1, 'give at least one endpoint').describe('Endpoints to add.'),
    }),
    reply: Ignored,
    errors: ['limit_exceeded'],
  }),
  removeEndpoints: endpoint({
    method: 'DELETE',
    path: '/v2/topics/:name/endpoints',
    summary: 'Remove endpoints from a URL group; with the last one the group goes',
    scope: 'write',
    params,
    body: z.object({
      endpoints: z.array(EndpointReference).min(1, 'give at least one endpoint').describe('Endpoints to remove.'),
    }),
    reply: Ignored,
    errors: ['not_found'],
  }),
  setHeaders: endpoint({
    method: 'PATCH',
    path: '/v2/topics/:name',
    summary: 'Set the default headers of every publish to a URL group, in place of those it had',
    scope: 'write',
    params,
    body: z.object({ headers: DefaultHeaders }),
    reply: Ignored,
    errors: ['not_found'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/v2/topics/:name',
    summary: 'Remove a URL group; messages on their way are left alone',
    scope: 'write',
    params,
    reply: Ignored,
  }),
};
