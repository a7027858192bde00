import { createGuardWithVariables, fromRequest, type VerifySignatureConfig } from './verify.ts';

export type { VerifySignatureConfig };

/**
 * Wraps the `fetch` of a Cloudflare Worker: what is not signed well is answered with 403. The keys may also be in the
 * bindings, as `QSTASH_CURRENT_SIGNING_KEY` and `QSTASH_NEXT_SIGNING_KEY`.
 */
export function verifySignatureCloudflare<Env, Rest extends unknown[]>(
  handler: (request: Request, env: Env, ...rest: Rest) => Response | Promise<Response>,
  config?: VerifySignatureConfig,
): (request: Request, env: Env, ...rest: Rest) => Promise<Response> {
  const guard = createGuardWithVariables(config);
  return async (request, env, ...rest) => {
    const refusal = await guard(fromRequest(request), env);
    return refusal ? new Response(refusal.message, { status: refusal.status }) : handler(request, env, ...rest);
  };
}
