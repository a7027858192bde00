import { wrapFetchHandler, type VerifySignatureConfig } from './verify.ts';

export type { VerifySignatureConfig };

/**
 * Wraps a handler of fetch requests, as Bun, Deno, Remix and many others have it: what is not signed well is answered
 * with 403, everything else goes to the handler with its body unread.
 *
 * @throws {Error} at once when there are no keys
 */
export function verifySignatureFetch<Rest extends unknown[]>(
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  config?: VerifySignatureConfig,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return wrapFetchHandler(handler, config, (request) => request);
}
