import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { formatUrl } from '../headers/destination.ts';
import { parseForwardedHeaders } from '../headers/forward.ts';
import { findHeaderExcess } from '../headers/header-limits.ts';
import { controlCharactersText, encodeHeaderText, hasControlCharacters } from '../headers/header-text.ts';
import { parsePublishOptions } from '../headers/parse-publish-options.ts';
import { DestinationUrl, HeaderMapField, Ignored, Instant, Name } from './fields.ts';
import { filters } from './filters.ts';
import { counterFields, statsTimes, SuccessRate } from './stats.ts';

/** Free text for people. Unlike other names it is never part of a path. */
const EndpointName = z
  .string('use text')
  .max(256, 'use at most 256 characters')
  .refine((text) => !hasControlCharacters(text), controlCharactersText);

/** One receiver of a URL group. */
export const GroupEndpoint = z
  .object({
    url: DestinationUrl.meta({ description: 'URL of the endpoint.', example: 'https://example.com/hook' }),
    name: EndpointName.nullable()
      .transform((name) => name ?? undefined)
      .optional()
      .describe('Name of the endpoint; `null` and an empty name count as none.'),
  })
  .meta({
    id: 'GroupEndpoint',
    description:
      'An endpoint to add. An existing endpoint with the same URL gets the new name; one with the same name gets the new URL.',
  });
export type GroupEndpoint = z.infer<typeof GroupEndpoint>;

/** A named list of endpoints; the wire calls it a topic (contract O10). */
export const UrlGroup = z
  .object({
    name: z.string().meta({ description: 'Name of the group.', example: 'order-events' }),
    createdAt: Instant.describe('Time of creation, in milliseconds since 1970.'),
    updatedAt: Instant.describe('Time of the last change, in milliseconds since 1970.'),
    endpoints: z
      .array(
        z.object({
          url: z.string().describe('URL of the endpoint.'),
          name: z.string().optional().describe('Name of the endpoint, if it has one.'),
        }),
      )
      .describe('Its endpoints, in order.'),
    headers: HeaderMapField.optional().describe('Default headers of every publish to the group, if set.'),
  })
  .meta({ id: 'UrlGroup', description: 'A named list of endpoints; a publish creates one message for each.' });
export type UrlGroup = z.infer<typeof UrlGroup>;

/** How deliveries to the endpoints of one group go. */
export const UrlGroupStats = z
  .object({
    from: Instant.describe('Start of the first hour that is counted, in milliseconds since 1970.'),
    to: Instant.describe('End of the last hour that is counted, in milliseconds since 1970.'),
    endpoints: z
      .array(
        z.object({
          url: z.string().describe('URL of the endpoint.'),
          name: z.string().optional().describe('Name of the endpoint, if it has one.'),
          attempts: counterFields.attempts,
          delivered: counterFields.delivered,
          errors: counterFields.errors,
          failed: counterFields.failed,
          successRate: SuccessRate,
        }),
      )
      .describe('The endpoints of the group, in order.'),
  })
  .meta({
    id: 'UrlGroupStats',
    description: 'How deliveries of messages to a URL group go, for each of its endpoints.',
  });
export type UrlGroupStats = z.infer<typeof UrlGroupStats>;

/** Names an endpoint of a group by its name or its URL. */
export const EndpointReference = z
  .object({
    url: z.string('use text').transform(formatUrl).nullish().describe('URL of the endpoint.'),
    name: z.string('use text').nullish().describe('Name of the endpoint; it takes precedence over the URL.'),
  })
  .refine(({ url, name }) => url || name, { message: 'give the name or the url of the endpoint' })
  .meta({ id: 'EndpointReference', description: 'An endpoint by its name or its URL.' });
export type EndpointReference = z.infer<typeof EndpointReference>;

/** Options that no publish to a group can have by default. */
const scheduleOptions = [
  ['cron', 'Upstash-Cron'],
  ['scheduleId', 'Upstash-Schedule-Id'],
] as const;

/** Headers of a publish as an object, a text or a list of texts each; checked as if a request had them. */
export const DefaultHeaders = z
  .record(
    z.string(),
    z
      .union([z.string(), z.array(z.string()).min(1)], { error: 'give the value as a text, or as a list of texts' })
      .transform((texts) => [texts].flat()),
    'give the headers as an object',
  )
  .superRefine((headers, context) => {
    try {
      const list = listHeaders(headers);
      const excess = findHeaderExcess(list);
      if (excess !== undefined) {
        context.addIssue({ code: 'custom', message: excess });
        return;
      }
      const options = parsePublishOptions(list);
      for (const [option, name] of scheduleOptions) {
        if (options[option] === undefined) continue;
        context.addIssue({
          code: 'custom',
          message: `${name} is not possible in default headers: it makes a schedule`,
        });
      }
      parseForwardedHeaders(list, options.forwardAll ?? false, false);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  })
  .meta({ description: 'Headers as in a publish request, each a text or a list of texts.' });

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
  stats: endpoint({
    method: 'GET',
    path: '/v2/topics/:name/stats',
    summary: 'Read how deliveries to each endpoint of a URL group go',
    description:
      'Counts whole hours of the last 30 days, of the messages that were published to the group. At most 1,000 endpoints of all groups are counted in a day.',
    scope: 'read',
    params,
    query: z.preprocess(
      filters.withoutConfiguration,
      z.strictObject(statsTimes, { error: filters.unknownField }).partial(),
    ),
    reply: UrlGroupStats,
    errors: ['not_found'],
  }),
  addEndpoints: endpoint({
    method: 'POST',
    path: '/v2/topics/:name/endpoints',
    summary: 'Add endpoints to a URL group, which is created if needed',
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
    summary: 'Remove endpoints from a URL group; removing the last one removes the group',
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
    summary: 'Replace the default headers of every publish to a URL group',
    scope: 'write',
    params,
    body: z.object({ headers: DefaultHeaders }),
    reply: Ignored,
    errors: ['not_found', 'limit_exceeded'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/v2/topics/:name',
    summary: 'Remove a URL group; its existing messages are not affected',
    scope: 'write',
    params,
    reply: Ignored,
  }),
};
