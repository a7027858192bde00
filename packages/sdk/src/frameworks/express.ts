import { createGuard, parseBody, readNodeHeader, readStream } from './verify.ts';
import type { NodeHeaders, VerifySignatureConfig } from './verify.ts';

export type { VerifySignatureConfig };

/** What is used of a request of Express. */
interface ExpressRequest extends AsyncIterable<unknown> {
  headers: NodeHeaders;
  readableEnded: boolean;
  body?: unknown;
  /** Where a `verify` option of a body parser often leaves the bytes. */
  rawBody?: unknown;
}

interface ExpressResponse {
  status(code: number): { send(body: unknown): unknown };
}

/**
 * Middleware for Express: what is not signed well is answered with 403. It stands before `express.json()`, or behind
 * `express.raw()`. When it has to read the body itself, handlers find it as `request.body`: parsed if it is JSON, else
 * as text.
 *
 * @throws {Error} at once when there are no keys
 */
export function verifySignatureExpress(
  config: VerifySignatureConfig = {},
): (request: ExpressRequest, response: ExpressResponse, next: (error?: unknown) => void) => Promise<void> {
  const guard = createGuard(config);
  return async (request, response, next) => {
    try {
      const header = (name: string) => readNodeHeader(request.headers, name);
      const refusal = await guard({ header, readBody: () => readBody(request, config) });
      if (refusal) response.status(refusal.status).send(refusal.message);
      else next();
    } catch (error) {
      next(error);
    }
  };
}

async function readBody(request: ExpressRequest, config: VerifySignatureConfig): Promise<string | Uint8Array> {
  for (const raw of [request.rawBody, request.body]) {
    if (typeof raw === 'string' || raw instanceof Uint8Array) return raw;
  }
  if (request.readableEnded) {
    throw new Error(
      'The body was parsed before its signature was verified: put verifySignatureExpress() before express.json(), ' +
        'or use express.raw().',
    );
  }
  const bytes = await readStream(request, config);
  const isJson = /^application\/json\b/i.test(readNodeHeader(request.headers, 'content-type') ?? '');
  // `_body` tells the parsers of Express 4 that there is nothing left to read.
  Object.assign(request, { body: parseBody(bytes, isJson), rawBody: bytes, _body: true });
  return bytes;
}
