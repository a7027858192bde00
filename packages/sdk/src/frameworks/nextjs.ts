import { startDevServer } from '../dev-server.ts';
import { createGuard, parseBody, readNodeHeader, readStream, wrapFetchHandler } from './verify.ts';
import type { NodeHeaders, VerifySignatureConfig } from './verify.ts';

export type { VerifySignatureConfig };

/** What is used of the request of an API route. */
interface PagesRequest extends AsyncIterable<unknown> {
  headers: NodeHeaders;
  readableEnded: boolean;
  body?: unknown;
}

interface PagesResponse {
  status(code: number): { send(body: string): unknown };
}

/**
 * Wraps an API route (pages router). Its file must switch the body parser off:
 * `export const config = { api: { bodyParser: false } }`. Without a signature the answer is 400, with a wrong one 403.
 * The handler finds the body as `request.body`: parsed if the content type is `application/json`, else as text.
 *
 * @throws {Error} at once when there are no keys
 */
export function verifySignature<Req extends PagesRequest, Res extends PagesResponse>(
  handler: (request: Req, response: Res) => unknown,
  config: VerifySignatureConfig = {},
): (request: Req, response: Res) => Promise<void> {
  const guard = createGuard(config, 400);
  return async (request, response) => {
    const header = (name: string) => readNodeHeader(request.headers, name);
    const readBody = async () => {
      if (request.readableEnded) {
        throw new Error(
          'The body was parsed before its signature was verified: ' +
            'export const config = { api: { bodyParser: false } } from the file of this route.',
        );
      }
      const bytes = await readStream(request, config);
      request.body = parseBody(bytes, header('content-type') === 'application/json');
      return bytes;
    };
    const refusal = await guard({ header, readBody });
    if (refusal) response.status(refusal.status).send(refusal.message);
    else await handler(request, response);
  };
}

/**
 * Wraps a handler of the edge runtime: what is not signed well is answered with 403.
 *
 * @throws {Error} at once when there are no keys
 */
export function verifySignatureEdge<Req extends Request, Rest extends unknown[]>(
  handler: (request: Req, ...rest: Rest) => Response | Promise<Response>,
  config?: VerifySignatureConfig,
): (request: Req, ...rest: Rest) => Promise<Response> {
  return wrapFetchHandler(handler, config, (request) => request);
}

/**
 * Wraps a route handler (app router): what is not signed well is answered with 403. The second argument, with the
 * parameters of the route, is passed on.
 *
 * @throws {Error} at once when there are no keys
 */
export function verifySignatureAppRouter<Req extends Request, Rest extends unknown[]>(
  handler: (request: Req, ...rest: Rest) => Response | Promise<Response>,
  config?: VerifySignatureConfig,
): (request: Req, ...rest: Rest) => Promise<Response> {
  return wrapFetchHandler(handler, config, (request) => request);
}

/** @deprecated use `startDevServer` */
export function registerQStashDev(): Promise<void> {
  return startDevServer();
}
