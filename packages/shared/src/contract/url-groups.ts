import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { DestinationUrl, Ignored, Instant, Name } from './fields.ts';

/** One receiver of a URL group. */
export const GroupEndpoint = z.object({ url: DestinationUrl, name: Name.optional() });
export type GroupEndpoint = z.infer<typeof GroupEndpoint>;

/** A named list of endpoints; the wire calls it a topic (contract, http-api.md sections 3.5 and 5.5). */
export const UrlGroup = z.object({
  name: z.string(),
  createdAt: Instant,
  updatedAt: Instant,
  endpoints: z.array(z.object({ url: z.string(), name: z.string().optional() })),
});
export type UrlGroup = z.infer<typeof UrlGroup>;

/** Names an endpoint of a group by its name or its URL. */
export const EndpointReference = z
  .object({ url: z.string().optional(), name: z.string().optional() })
  .refine(({ url, name }) => url || name, { message: 'give the name or the url of the endpoint' });
export type EndpointReference = z.infer<typeof EndpointReference>;

const params = z.object({ name: Name });

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
  }),
  addEndpoints: endpoint({
    method: 'POST',
    path: '/v2/topics/:name/endpoints',
    summary: 'Add endpoints to a URL group, which is created when needed',
    scope: 'write',
    params,
    body: z.object({ endpoints: z.array(GroupEndpoint).min(1, 'give at least one endpoint') }),
    reply: Ignored,
  }),
  removeEndpoints: endpoint({
    method: 'DELETE',
    path: '/v2/topics/:name/endpoints',
    summary: 'Remove endpoints from a URL group; with the last one the group goes',
    scope: 'write',
    params,
    body: z.object({ endpoints: z.array(EndpointReference).min(1, 'give at least one endpoint') }),
    reply: Ignored,
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
