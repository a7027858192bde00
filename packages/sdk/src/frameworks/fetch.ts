import { wrapFetchHandler, type ConfigOrFunction, type VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, VerifySignatureConfig };

/**
 * Wraps a handler of fetch requests, as Bun, Deno and many others have it: a request without a good signature is
 * answered with 403, everything else goes to the handler, which can read the body as usual.
 */
export function verifySignatureFetch<Rest extends unknown[]>(
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  config?: ConfigOrFunction<Request>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return wrapFetchHandler(handler, config, (request) => request);
}

/**
 * The same for handlers whose first argument has the request as `request`: actions of React Router and Remix,
 * endpoints of Astro, and the handlers of SvelteKit and SolidStart.
 */
export function verifySignatureEvent<Event extends { request: Request }, Rest extends unknown[], Result = Response>(
  handler: (event: Event, ...rest: Rest) => Result | Promise<Result>,
  config?: ConfigOrFunction<NoInfer<Event>>,
): (event: Event, ...rest: Rest) => Promise<Result | Response> {
  return wrapFetchHandler(handler, config, ({ request }) => request);
}
