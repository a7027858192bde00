// Fastify runs on Node.js only, and its hook must give back a stream of Node.js.
// eslint-disable-next-line @typescript-eslint/no-restricted-imports
import { Readable } from 'node:stream';
import { createGuard, readNodeHeader, readStream } from './verify.ts';
import type { NodeHeaders, VerifySignatureConfig } from './verify.ts';

export type { VerifySignatureConfig };

interface FastifyReply {
  code(status: number): { send(body: string): unknown };
}

/**
 * A `preParsing` hook for Fastify, for a route or for a scope: what is not signed well is answered with 403, everything
 * else is parsed as always.
 *
 * @throws {Error} at once when there are no keys
 */
export function verifySignatureFastify(
  config: VerifySignatureConfig = {},
): (request: { headers: NodeHeaders }, reply: FastifyReply, payload: AsyncIterable<unknown>) => Promise<Readable> {
  const guard = createGuard(config);
  return async (request, reply, payload) => {
    let bytes: Uint8Array = new Uint8Array();
    const refusal = await guard({
      header: (name) => readNodeHeader(request.headers, name),
      readBody: async () => (bytes = await readStream(payload, config)),
    });
    // Fastify goes no further once the reply is sent, whatever comes back.
    if (refusal) return reply.code(refusal.status).send(refusal.message) as Readable;
    return Readable.from(bytes.length > 0 ? [bytes] : [], { objectMode: false });
  };
}
