import { wrapFetchHandler, type VerifySignatureConfig } from './verify.ts';

export type { VerifySignatureConfig };

/**
 * Wraps an API handler of SolidStart: what is not signed well is answered with 403.
 *
 * @throws {Error} at once when there are no keys
 */
export function verifySignatureSolidjs<Event extends { request: Request }>(
  handler: (event: Event) => Response | Promise<Response>,
  config?: VerifySignatureConfig,
): (event: Event) => Promise<Response> {
  return wrapFetchHandler(handler, config, ({ request }) => request);
}
