import { createGuard, fromRequest, readNodeHeader, readStream } from './verify.ts';
import type { Incoming, NodeHeaders, VerifySignatureConfig } from './verify.ts';

export type { VerifySignatureConfig };

interface NodeRequest extends AsyncIterable<unknown> {
  headers: NodeHeaders;
  readableEnded?: boolean;
  body?: unknown;
  rawBody?: unknown;
}

/** What is used of an event: `req` of h3 2, `node` and `web` of h3 1. */
interface H3Event {
  req?: unknown;
  web?: { request?: Request };
  _requestBody?: unknown;
  node?: unknown;
}

/**
 * Wraps an event handler of h3 (1 or 2): what is not signed well is answered with 403. The handler can read the body
 * as always.
 *
 * @throws {Error} at once when there are no keys
 */
// Where the place of use does not say which event it is, as in h3 2, the handler may still use all of it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export function verifySignatureH3<Event extends H3Event = any>(
  handler: (event: Event) => unknown,
  config: VerifySignatureConfig = {},
): (event: Event) => Promise<unknown> {
  const guard = createGuard(config);
  const wrapped = async (event: Event) => {
    const refusal = await guard(readEvent(event, config));
    return refusal ? new Response(refusal.message, { status: refusal.status }) : handler(event);
  };
  // h3 1 warns of handlers without this mark.
  return Object.assign(wrapped, { __is_handler__: true as const });
}

function readEvent(event: H3Event, config: VerifySignatureConfig): Incoming {
  const { req, web, node } = event;
  if (web?.request) {
    const incoming = fromRequest(web.request);
    const readBody = async () => {
      const bytes = toBuffer(await incoming.readBody());
      // The readers of h3 1 keep the stream that the copy was made of, and look here first.
      event._requestBody = bytes;
      return bytes;
    };
    return { ...incoming, readBody };
  }
  if (isFetchRequest(req)) return fromRequest(req);
  const { req: nodeRequest } = node as { req: NodeRequest };
  return {
    header: (name) => readNodeHeader(nodeRequest.headers, name),
    async readBody() {
      // Serverless presets of Nitro give the whole body instead of a stream.
      for (const raw of [nodeRequest.rawBody, nodeRequest.body]) {
        if (typeof raw === 'string' || raw instanceof Uint8Array) return raw;
      }
      if (nodeRequest.readableEnded) throw new Error('The body was read before its signature was verified.');
      const bytes = toBuffer(await readStream(nodeRequest, config));
      // The readers of h3 1 look here before they look at the stream.
      nodeRequest.rawBody = bytes;
      return bytes;
    },
  };
}

/** h3 1 takes only what is a `Buffer` for bytes. */
function toBuffer(bytes: string | Uint8Array): Uint8Array {
  const { Buffer } = globalThis as unknown as { Buffer: { from(bytes: string | Uint8Array): Uint8Array } };
  return Buffer.from(bytes);
}

function isFetchRequest(value: unknown): value is Request {
  return typeof value === 'object' && value !== null && 'clone' in value && 'headers' in value;
}
