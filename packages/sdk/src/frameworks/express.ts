import { answerRefusal, fromNode, keepBody, type NodeRequest, type NodeResponse } from './node-request.ts';
import { createGuard, type ConfigOrFunction, type VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, NodeRequest, NodeResponse, VerifySignatureConfig };

const advice =
  'put verifySignatureExpress() before express.json(), or keep the bytes: ' +
  'express.json({ verify: (request, _response, bytes) => { request.rawBody = bytes; } }).';

/**
 * Middleware for Express and for everything that takes its middleware: a request without a good signature is answered
 * with 403. It stands before `express.json()`, or behind `express.raw()`. Where it reads the body itself, handlers find
 * it as `request.body` (parsed if it is JSON, else as text), and its bytes as `request.rawBody`.
 */
export function verifySignatureExpress(
  config?: ConfigOrFunction<NodeRequest>,
): (request: NodeRequest, response: NodeResponse, next: (error?: unknown) => void) => Promise<void> {
  const guard = createGuard(config);
  return async (request, response, next) => {
    const { headers, rawBody, body } = request;
    const keep = (bytes: Uint8Array) => {
      keepBody(request, headers, bytes);
      // Tells the parsers of Express 4 that there is nothing left to read.
      Object.assign(request, { _body: true });
    };
    let refusal;
    try {
      refusal = await guard(fromNode({ stream: request, headers, rawBody, body, advice, keep }), request);
      if (refusal) answerRefusal(response, refusal);
    } catch (error) {
      next(error);
      return;
    }
    // Not within the `try`: what handlers throw is not for this middleware, and `next` is called once.
    if (!refusal) next();
  };
}
