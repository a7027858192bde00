import { startDevServer } from '../dev-server.ts';
import { answerRefusal, fromNode, keepBody, type NodeRequest, type NodeResponse } from './node-request.ts';
import { createGuard, wrapFetchHandler, type ConfigOrFunction, type VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, NodeRequest, NodeResponse, VerifySignatureConfig };

const advice = 'export const config = { api: { bodyParser: false } } from the file of this route.';

/**
 * Wraps an API route (pages router): a request with a wrong signature is answered with 403, and one without a signature
 * with 400, as the official handler does. Its file must switch the body parser off:
 * `export const config = { api: { bodyParser: false } }`. The handler finds the body as `request.body` (parsed if it is
 * JSON, else as text), and its bytes as `request.rawBody`.
 */
export function verifySignature<Req extends NodeRequest, Res extends NodeResponse>(
  handler: (request: Req & { rawBody: Uint8Array }, response: Res) => unknown,
  config?: ConfigOrFunction<NoInfer<Req>>,
): (request: Req, response: Res) => Promise<void> {
  const guard = createGuard(config, 400);
  return async (request, response) => {
    const { headers } = request;
    const keep = (bytes: Uint8Array) => keepBody(request, headers, bytes);
    // Not the body that the parser leaves: Next.js makes the text of a JSON string of it, which was not signed.
    const refusal = await guard(
      fromNode({ stream: request, headers, rawBody: request.rawBody, advice, keep }),
      request,
    );
    if (refusal) answerRefusal(response, refusal);
    else await handler(request as Req & { rawBody: Uint8Array }, response);
  };
}

/** Wraps a handler of the edge runtime: a request without a good signature is answered with 403. */
export function verifySignatureEdge<Req extends Request, Rest extends unknown[]>(
  handler: (request: Req, ...rest: Rest) => Response | Promise<Response>,
  config?: ConfigOrFunction<NoInfer<Req>>,
): (request: Req, ...rest: Rest) => Promise<Response> {
  return wrapFetchHandler(handler, config, (request) => request);
}

/**
 * Wraps a route handler (app router): a request without a good signature is answered with 403. The second argument,
 * with the parameters of the route, is passed on.
 */
export function verifySignatureAppRouter<Req extends Request, Rest extends unknown[]>(
  handler: (request: Req, ...rest: Rest) => Response | Promise<Response>,
  config?: ConfigOrFunction<NoInfer<Req>>,
): (request: Req, ...rest: Rest) => Promise<Response> {
  return wrapFetchHandler(handler, config, (request) => request);
}

/** @deprecated use `startDevServer` */
export function registerQStashDev(): Promise<void> {
  return startDevServer();
}
