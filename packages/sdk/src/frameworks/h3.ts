import { fromNode, toBuffer, type NodeRequest } from './node-request.ts';
import { createGuard, fromRequest, toResponse } from './verify.ts';
import type { ConfigOrFunction, Incoming, VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, VerifySignatureConfig };

/** What is used of an event: `req` of h3 2, `node` and `web` of h3 1. */
export interface H3Event {
  req?: unknown;
  web?: { request?: Request };
  _requestBody?: unknown;
  node?: unknown;
}

const advice = 'use the handler before anything that reads the body.';

/**
 * Wraps an event handler of h3 (1 or 2): a request without a good signature is answered with 403. The handler can read
 * the body as usual.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- h3 2 does not infer the event of a handler
export function verifySignatureH3<Event extends H3Event = any>(
  handler: (event: Event) => unknown,
  config?: ConfigOrFunction<NoInfer<Event>>,
): (event: Event) => Promise<unknown> {
  const guard = createGuard(config);
  const wrapped = async (event: Event) => {
    const refusal = await guard(readEvent(event), event);
    return refusal ? toResponse(refusal) : handler(event);
  };
  // h3 1 warns of handlers without this mark.
  return Object.assign(wrapped, { __is_handler__: true as const });
}

function readEvent(event: H3Event): Incoming {
  const { req, web, node } = event;
  if (web?.request) {
    const incoming = fromRequest(web.request);
    const readBody = async (maxBodyBytes: number) => {
      const bytes = toBuffer(await incoming.readBody(maxBodyBytes));
      // The readers of h3 1 keep the stream that the copy was made of, and look here first.
      event._requestBody = bytes;
      return bytes;
    };
    return { ...incoming, readBody };
  }
  if (isFetchRequest(req)) return fromRequest(req);
  const { req: request } = node as { req: NodeRequest };
  const { headers, rawBody, body } = request;
  // The readers of h3 1 look there before they look at the stream.
  const keep = (bytes: Uint8Array) => (request.rawBody = toBuffer(bytes));
  return fromNode({ stream: request, headers, rawBody, body, advice, keep });
}

function isFetchRequest(value: unknown): value is Request {
  return typeof value === 'object' && value !== null && 'clone' in value && 'headers' in value;
}
