import { createGuard, fromRequest, toResponse, type ConfigOrFunction, type VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, VerifySignatureConfig };

/**
 * Wraps the `fetch` of a Cloudflare Worker: a request without a good signature is answered with 403. The keys may also
 * be in the bindings, as `QSTASH_CURRENT_SIGNING_KEY` and `QSTASH_NEXT_SIGNING_KEY`.
 */
export function verifySignatureCloudflare<Env, Rest extends unknown[]>(
  handler: (request: Request, env: Env, ...rest: Rest) => Response | Promise<Response>,
  config?: ConfigOrFunction<Request>,
): (request: Request, env: Env, ...rest: Rest) => Promise<Response> {
  const guard = createGuard(config);
  return async (request, env, ...rest) => {
    const refusal = await guard(fromRequest(request), request, env);
    return refusal ? toResponse(refusal) : handler(request, env, ...rest);
  };
}
