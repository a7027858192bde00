import { createGuardWithVariables, type VerifySignatureConfig } from './verify.ts';

export type { VerifySignatureConfig };

/** What is used of the context of Hono. */
interface Context {
  env: unknown;
  req: { header(name: string): string | undefined; arrayBuffer(): Promise<ArrayBuffer> };
}

/**
 * Middleware for Hono: what is not signed well is answered with 403. Handlers can read the body as always. The keys
 * may also be in the bindings, as `QSTASH_CURRENT_SIGNING_KEY` and `QSTASH_NEXT_SIGNING_KEY`.
 */
export function verifySignatureHono(
  config?: VerifySignatureConfig,
): (context: Context, next: () => Promise<void>) => Promise<Response | undefined> {
  const guard = createGuardWithVariables(config);
  return async ({ req, env }, next) => {
    // Hono keeps what it has read, so that later readers find it.
    const readBody = async () => new Uint8Array(await req.arrayBuffer());
    const refusal = await guard({ header: (name) => req.header(name), readBody }, env);
    if (refusal) return new Response(refusal.message, { status: refusal.status });
    await next();
    return undefined;
  };
}
