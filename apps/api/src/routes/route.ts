import { startDeadline } from '@posthorn/broker';
import { contract, hasMoreValues, PosthornError, type Endpoint } from '@posthorn/shared';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { readAccess } from '../middleware/authenticate.ts';
import { readBody } from '../middleware/read-body.ts';

/** A route for Express, and the endpoint of the contract that it implements. */
export interface Route {
  endpoint: Endpoint;
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  path: string | RegExp;
  handle: RequestHandler;
}

/** What a request gives, checked. */
export interface Input<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  params: z.output<P>;
  query: z.output<Q>;
  body: z.output<B>;
}

/** Maximum size of the body of a request that contains no messages. */
const maxJsonBytes = 1024 * 1024;
/** A schema checks every value of such a body and may report a fault for each. */
const maxJsonValues = 10_000;

/**
 * Calls that act on many resources, or copy the log of a run. Each of their commands has a limit of time, and they have
 * none as a whole.
 */
const longCalls: ReadonlySet<unknown> = new Set([
  contract.messages.cancelMany,
  contract.queues.remove,
  contract.dlq.removeMany,
  contract.dlq.retryMany,
  contract.workflowLogs.cancelMany,
  contract.workflowDlq.removeMany,
  contract.workflowDlq.resumeMany,
  contract.workflowDlq.restartMany,
  contract.workflowDlq.resume,
  contract.workflowDlq.restart,
]);

interface RouteOptions {
  /** Writes the response, as JSON in one piece by default. */
  send?: (response: Response, reply: object) => void | Promise<void>;
  /** Whether the response may take longer than one command of Redis: it reads much, or acts on much. */
  isLong?: boolean;
}

/**
 * Binds an endpoint of the contract to what it does: access, parameters, query and body are checked first. When Redis is
 * slow, the client waits no longer than for one command, unless the call is a long one (contract E17).
 */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  endpoint: Endpoint<P, Q, B, R>,
  answer: (input: Input<P, Q, B>, request: Request) => Promise<z.input<R>>,
  options: RouteOptions = {},
): Route {
  const send: NonNullable<RouteOptions['send']> = options.send ?? sendJson;
  // What needs no token has limits of its own.
  const { isLong = longCalls.has(endpoint) || endpoint.scope === 'none' } = options;
  return rawRoute(endpoint, async (request, response) => {
    const body = endpoint.body ? parseBody(endpoint.body, await readJson(request)) : undefined;
    const answered = answer(
      {
        params: (endpoint.params ?? nothing).parse(request.params) as z.output<P>,
        query: (endpoint.query ?? nothing).parse(request.query) as z.output<Q>,
        body: body as z.output<B>,
      },
      request,
    );
    const reply = await (isLong ? answered : startDeadline().limit(answered));
    response.status(endpoint.status ?? 200);
    if (reply === undefined) response.end();
    else await send(response, reply as object);
  });
}

/**
 * Binds an endpoint to a handler that reads the request itself; only the access is checked.
 *
 * @param path where Express cannot find the endpoint by the path in the contract
 */
export function rawRoute(
  endpoint: Endpoint,
  handle: (request: Request, response: Response) => void | Promise<void>,
  path: string | RegExp = endpoint.path,
): Route {
  return {
    endpoint,
    method: endpoint.method.toLowerCase() as Route['method'],
    path,
    handle(request, response) {
      requireScope(request, endpoint.scope);
      return handle(request, response);
    },
  };
}

const nothing = z.unknown();

function sendJson(response: Response, reply: object): void {
  response.json(reply);
}

/** An empty body is an empty object, unless the schema tells the two apart. */
function parseBody(schema: z.ZodType, json: unknown): unknown {
  return schema.parse(json === undefined && !schema.safeParse(undefined).success ? {} : json);
}

/** @throws {PosthornError} `unauthorized` without proven access, `forbidden` for a token that may only read */
function requireScope(request: Request, scope: Endpoint['scope']): void {
  if (scope === 'none') return;
  const { scope: granted } = readAccess(request);
  if (scope === 'write' && granted !== 'write') {
    throw new PosthornError('forbidden', 'This token may only read.');
  }
}

/**
 * The JSON body of a request; `undefined` for an empty one.
 *
 * @throws {PosthornError}
 */
export async function readJson(request: Request, maxBytes = maxJsonBytes): Promise<unknown> {
  refuseEncoded(request);
  const bytes = await readBody(request, Math.min(maxBytes, maxJsonBytes));
  if (bytes.length === 0) return undefined;
  if (hasMoreValues(bytes, maxJsonValues)) {
    throw new PosthornError('invalid_request', `Use at most ${maxJsonValues} values in the body.`);
  }
  return parseJsonBody(bytes);
}

/** @throws {PosthornError} `unsupported_encoding` for a compressed body: a small one may stand for an endless one */
export function refuseEncoded(request: Request): void {
  if (!/^(identity)?$/i.test(request.headers['content-encoding'] ?? '')) {
    throw new PosthornError('unsupported_encoding', 'Send the body without a Content-Encoding.');
  }
}

/**
 * The value of a JSON body, with or without a byte order mark, which RFC 8259 section 8.1 lets a parser ignore.
 *
 * @throws {PosthornError} `invalid_request`
 */
function parseJsonBody(bytes: Buffer): unknown {
  return parseJson(bytes.toString('utf8').replace(/^\ufeff/, ''));
}

/** @throws {PosthornError} `invalid_request` */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new PosthornError('invalid_request', 'The body is not valid JSON.');
  }
}
