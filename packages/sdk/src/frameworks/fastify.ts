// oxlint-disable-next-line no-restricted-imports -- a hook of Fastify returns a stream of Node.js
import { Readable } from 'node:stream';
import { fromNode, type NodeHeaders, type NodeStream } from './node-request.ts';
import { createGuard, type ConfigOrFunction, type VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, NodeHeaders, NodeStream, VerifySignatureConfig };

/** What is used of a request of Fastify. */
export interface FastifyRequest {
  headers: NodeHeaders;
}

/** What is used of a reply of Fastify. */
export interface FastifyReply {
  code(status: number): { send(body: string): unknown };
}

const advice = 'use verifySignatureFastify() as the first preParsing hook.';

/**
 * A `preParsing` hook for Fastify, for a route or for a scope: a request without a good signature is answered with 403,
 * everything else is parsed as usual.
 */
export function verifySignatureFastify(
  config?: ConfigOrFunction<FastifyRequest>,
): (request: FastifyRequest, reply: FastifyReply, payload: NodeStream) => Promise<Readable> {
  const guard = createGuard(config);
  return async (request, reply, payload) => {
    const { headers } = request;
    let bytes: Uint8Array = new Uint8Array();
    const keep = (read: Uint8Array) => (bytes = read);
    const refusal = await guard(fromNode({ stream: payload, headers, advice, keep }), request);
    // Fastify goes no further once the reply is sent, whatever comes back.
    if (refusal) return reply.code(refusal.status).send(refusal.message) as Readable;
    return Readable.from(bytes.length > 0 ? [bytes] : [], { objectMode: false });
  };
}
