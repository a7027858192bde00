import { fromNode, keepBody, type NodeRequest } from './node-request.ts';
import { createGuard, type ConfigOrFunction, type VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, NodeRequest, VerifySignatureConfig };

/** What is used of the context of Koa. */
export interface KoaContext {
  req: NodeRequest;
  /** The types of Koa do not have what body parsers leave there. */
  request: object;
  status: number;
  body: unknown;
}

const advice = 'put verifySignatureKoa() before the body parser.';

/**
 * Middleware for Koa: a request without a good signature is answered with 403. It stands before a body parser, or
 * behind one that keeps `ctx.request.rawBody`. Where it reads the body itself, handlers find it as `ctx.request.body`
 * (parsed if it is JSON, else as text), and its bytes as `ctx.request.rawBody`.
 */
export function verifySignatureKoa(
  config?: ConfigOrFunction<KoaContext>,
): (context: KoaContext, next: () => Promise<unknown>) => Promise<void> {
  const guard = createGuard(config);
  return async (context, next) => {
    const { req: stream } = context;
    const request: { body?: unknown; rawBody?: unknown } = context.request;
    const { headers } = stream;
    const keep = (bytes: Uint8Array) => keepBody(request, headers, bytes);
    const refusal = await guard(
      fromNode({ stream, headers, rawBody: request.rawBody, body: stream.body, advice, keep }),
      context,
    );
    if (refusal) {
      context.status = refusal.status;
      context.body = refusal.message;
    } else {
      await next();
    }
  };
}
