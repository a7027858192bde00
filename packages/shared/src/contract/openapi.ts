import { z } from 'zod';
import { burstRateLimitNames, tokenParameter } from '../headers/names.ts';
import { publishHeaders } from '../headers/publish-options.ts';
import { contract, endpoints } from './contract.ts';
import type { Endpoint } from './endpoint.ts';
import { errorHelp, ErrorReply, errorStatus, type ErrorCode } from './errors.ts';
import { Ignored } from './fields.ts';

/** A part of a JSON Schema or of the document. */
type Json = Record<string, unknown>;

export interface OpenApiOperation {
  operationId: string;
  parameters: Json[];
  requestBody?: Json;
  responses: Record<string, { $ref?: string; description?: string; content?: Record<string, { schema?: Json }> }>;
  [more: string]: unknown;
}

/** An OpenAPI 3.1 document. */
export interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: Record<string, Record<string, Json>>;
  [more: string]: unknown;
}

const tags: Record<keyof typeof contract, string> = {
  publish: 'Publish messages.',
  messages: 'Read and cancel messages.',
  messageList: 'Messages with their state, and the timeline of one.',
  stats: 'Counts of messages and deliveries, and the state of the system.',
  limits: 'Limits and defaults of the server.',
  find: 'Search by name, and preview a cron expression.',
  queues: 'Deliver messages in order.',
  flowControl: 'Limit the rate and the parallelism of messages that share a key.',
  urlGroups: 'Send one message to many destinations.',
  schedules: 'Publish at the times of a cron expression.',
  dlq: 'Messages that have finally failed.',
  events: 'The log of all messages.',
  workflowRuns: 'Start and end runs of workflows, and send them events.',
  workflowLogs: 'Runs of workflows and their steps.',
  workflowDlq: 'Runs of workflows that have failed.',
  signingKeys: 'The keys that sign deliveries.',
  probes: 'The state of the process.',
};

const optionsText = `Every option header \`Upstash-...\` can also be a query parameter with the same name in lower case. The header
takes precedence, and the parameter is removed from the destination. A header \`Upstash-Forward-<Name>\` is forwarded as
\`<Name>\`; \`Upstash-Callback-Forward-<Name>\` and \`Upstash-Failure-Callback-Forward-<Name>\` are forwarded with the callbacks.
Other headers with that prefix are ignored. An empty value counts as absent.`;

/**
 * The whole contract as an OpenAPI 3.1 document.
 *
 * @param closed replies may have documented fields only: stricter than what a client should rely on, for tests
 */
export function buildOpenApi({ closed = false } = {}): OpenApi {
  const schemas: Record<string, Json> = {};
  /** The JSON Schema of a schema; parts with an id become components. */
  const convert = (schema: z.ZodType, io: 'input' | 'output'): Json => {
    const written = z.toJSONSchema(schema, {
      io,
      override: ({ jsonSchema }) => {
        const { example, additionalProperties } = jsonSchema as Json;
        if (example !== undefined) Object.assign(jsonSchema, { examples: [example], example: undefined });
        if (io === 'output' && additionalProperties === false && !closed) delete jsonSchema.additionalProperties;
        // zod adds these bounds to every integer.
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      },
    });
    const text = JSON.stringify(written).replaceAll('"#/$defs/', '"#/components/schemas/');
    const { $schema: _, $defs = {}, ...json } = JSON.parse(text) as Json & { $defs?: Record<string, Json> };
    for (const [id, definition] of Object.entries($defs)) {
      if (schemas[id] && JSON.stringify(schemas[id]) !== JSON.stringify(definition)) {
        throw new Error(`Two schemas have the id ${id}.`);
      }
      schemas[id] = definition;
    }
    return json;
  };

  const paths: OpenApi['paths'] = {};
  for (const [noun, named] of Object.entries(contract)) {
    for (const [name, endpoint] of Object.entries<Endpoint>(named)) {
      const path = formatPath(endpoint.path);
      const operation = createOperation(noun, name, endpoint, convert);
      paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation };
    }
  }

  return {
    openapi: '3.1.1',
    info: {
      title: 'posthorn',
      version: '2',
      summary: 'Publish an HTTP message and forget about it.',
      description:
        'The wire format is that of QStash v2. Times are in milliseconds since 1970 unless a field says otherwise.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { query: [] }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'The token; it takes precedence over the one in the query.',
        },
        query: {
          type: 'apiKey',
          in: 'query',
          name: tokenParameter,
          description: 'The token, for clients that cannot set a header.',
        },
      },
      parameters: createOptionParameters(),
      headers: createRateLimitHeaders(),
      responses: createErrorReplies(convert(ErrorReply, 'output')),
      schemas,
    },
  };
}

function createOptionParameters(): Record<string, Json> {
  const write = ({ name, help, example }: (typeof publishHeaders)[number]) => {
    return { name, in: 'header', description: help, schema: { type: 'string', examples: [example] } };
  };
  return Object.fromEntries(publishHeaders.map((header) => [header.name, write(header)]));
}

function createRateLimitHeaders(): Record<string, Json> {
  const meanings: [string, string][] = [
    [burstRateLimitNames.limit, 'Maximum of requests per second and token.'],
    [burstRateLimitNames.remaining, 'Remaining requests in this second.'],
    [burstRateLimitNames.reset, 'Start of the next second, in seconds since 1970.'],
  ];
  return Object.fromEntries(
    meanings.map(([name, description]) => [name, { description, schema: { type: 'integer' } }]),
  );
}

const rateLimitHeaders = Object.fromEntries(
  Object.values(burstRateLimitNames).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
);

function createErrorReplies(schema: Json): Record<string, Json> {
  const content = { 'application/json': { schema } };
  return Object.fromEntries(
    Object.entries(errorHelp).map(([code, description]) => [
      code,
      { description, content, ...(code === 'rate_limited' ? { headers: rateLimitHeaders } : {}) },
    ]),
  );
}

type Convert = (schema: z.ZodType, io: 'input' | 'output') => Json;

function createOperation(noun: string, name: string, endpoint: Endpoint, convert: Convert): OpenApiOperation {
  const { summary, description, scope, params, query, takesOptions } = endpoint;
  const text = [description, takesOptions ? optionsText : undefined].filter(Boolean).join('\n\n');
  const requestBody = createRequestBody(endpoint, convert);
  return {
    operationId: noun + name.charAt(0).toUpperCase() + name.slice(1),
    tags: [noun],
    summary,
    ...(text ? { description: text } : {}),
    'x-scope': scope,
    ...(scope === 'none' ? { security: [] } : {}),
    parameters: [
      ...(params ? createPathParameters(params, endpoint.path, convert) : []),
      ...(query ? createParameters(query, 'query', convert) : []),
      ...(takesOptions ? publishHeaders.map((header) => ({ $ref: `#/components/parameters/${header.name}` })) : []),
    ],
    ...(requestBody ? { requestBody } : {}),
    responses: createResponses(endpoint, convert),
  };
}

/**
 * The path of an endpoint. Paths that differ only in the names of their parameters are one path of the document: the
 * names are those of the endpoint that takes one segment.
 */
export function formatPath(path: string): string {
  const shape = readShape(path);
  const twin = endpoints.find((other) => !other.path.includes('*') && readShape(other.path) === shape);
  return (twin?.path ?? path).replace(/[:*](\w+)/g, '{$1}');
}

function readShape(path: string): string {
  return path.replace(/[:*]\w+/g, ':');
}

function createPathParameters(schema: z.ZodType, path: string, convert: Convert): Json[] {
  const names = [...path.matchAll(/([:*])(\w+)/g)];
  const written = [...formatPath(path).matchAll(/\{(\w+)\}/g)];
  return createParameters(schema, 'path', convert).map((parameter) => {
    const at = names.findIndex(([, , name]) => name === parameter['name']);
    // It goes on to the end of the target, slashes and query included.
    const isLong = names[at]?.[1] === '*';
    return { ...parameter, name: written[at]?.[1], ...(isLong ? { 'x-multi-segment': true } : {}) };
  });
}

function createParameters(schema: z.ZodType, where: 'path' | 'query', convert: Convert): Json[] {
  const { properties = {}, required = [] } = convert(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, deprecated, ...rest }]) => ({
    name,
    in: where,
    ...(description === undefined ? {} : { description }),
    ...(where === 'path' || required.includes(name) ? { required: true } : {}),
    ...(deprecated === undefined ? {} : { deprecated }),
    schema: rest,
  }));
}

function createRequestBody({ body, takesMessage }: Endpoint, convert: Convert): Json | undefined {
  if (takesMessage) return { description: 'The bytes of the message.', content: { '*/*': {} } };
  if (!body) return undefined;
  const required = ![undefined, {}].some((none) => body.safeParse(none).success);
  return { required, content: { 'application/json': { schema: convert(body, 'input') } } };
}

function createResponses(endpoint: Endpoint, convert: Convert): OpenApiOperation['responses'] {
  const headers = isLimited(endpoint) ? { headers: rateLimitHeaders } : {};
  const write = (description: string, ...replies: z.ZodType[]) => {
    if (replies[0] === Ignored) return { description, ...headers };
    const [only = {}, ...more] = replies.map((reply) => convert(reply, 'output'));
    const schema = more.length > 0 ? { anyOf: [only, ...more] } : only;
    return { description, ...headers, content: { 'application/json': { schema } } };
  };
  const { status = 200, reply, streams, otherReplies = {} } = endpoint;
  const stream = {
    description: 'The stream.',
    ...headers,
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  };
  const responses: OpenApiOperation['responses'] = { [status]: streams ? stream : write('Done.', reply) };
  for (const code of listErrors(endpoint)) responses[errorStatus[code]] = { $ref: `#/components/responses/${code}` };
  for (const [other, { when, reply: another }] of Object.entries(otherReplies)) {
    responses[other] = Number(other) === status ? write(`Done. ${when}`, reply, another) : write(when, another);
  }
  return responses;
}

/** The refusals that an endpoint of this form can give, and its own. */
function listErrors(endpoint: Endpoint): ErrorCode[] {
  const { scope, body, takesMessage, errors = [] } = endpoint;
  const access: ErrorCode[] = scope === 'write' ? ['unauthorized', 'forbidden'] : ['unauthorized'];
  const size: ErrorCode[] = body || takesMessage ? ['body_too_large'] : [];
  if (scope === 'none') return [...errors, ...size, 'unavailable'];
  // Bytes of a message may be encoded in any way; words for posthorn may not.
  const encoding: ErrorCode[] = body ? ['unsupported_encoding'] : [];
  const rate: ErrorCode[] = isLimited(endpoint) ? ['rate_limited'] : [];
  return ['invalid_request', ...access, ...errors, ...size, ...encoding, ...rate, 'internal', 'unavailable'];
}

function isLimited({ scope, unlimited }: Endpoint): boolean {
  return scope !== 'none' && !unlimited;
}
