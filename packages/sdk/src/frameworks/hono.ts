import { SetupError } from '../environment.ts';
import { createGuard, fromRequest, toResponse, type ConfigOrFunction, type VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, VerifySignatureConfig };

/** What is used of the context of Hono. */
export interface HonoContext {
  env: unknown;
  req: { raw: Request; header(name: string): string | undefined; arrayBuffer(): Promise<ArrayBuffer> };
}

/**
 * Middleware for Hono: a request without a good signature is answered with 403. Handlers can read the body as usual,
 * from `c.req` and from `c.req.raw`. The keys may also be in the bindings, as `QSTASH_CURRENT_SIGNING_KEY` and
 * `QSTASH_NEXT_SIGNING_KEY`.
 */
export function verifySignatureHono(
  config?: ConfigOrFunction,
): (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined> {
  const guard = createGuard(config);
  return async ({ req, env }, next) => {
    const readBody = (maxBodyBytes: number) =>
      req.raw.bodyUsed ? readCached(req) : fromRequest(req.raw).readBody(maxBodyBytes);
    const refusal = await guard({ header: (name) => req.header(name), readBody }, env);
    if (refusal) return toResponse(refusal);
    await next();
    return undefined;
  };
}

/** Hono keeps what it has read itself. */
async function readCached(req: HonoContext['req']): Promise<Uint8Array> {
  const bytes = await req.arrayBuffer().catch(() => {
    throw new SetupError('c.req.raw was read before its signature was verified: use verifySignatureHono() first.');
  });
  return new Uint8Array(bytes);
}
