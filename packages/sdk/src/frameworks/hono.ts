import { SetupError } from '../environment.ts';
import {
  createGuard,
  fromRequest,
  toResponse,
  type ConfigOrFunction,
  type KeptBody,
  type RawBody,
  type VerifySignatureConfig,
} from './verify.ts';

export type { ConfigOrFunction, VerifySignatureConfig };

/** What is used of the context of Hono. */
export interface HonoContext {
  env: unknown;
  req: { raw: Request; header(name: string): string | undefined; bodyCache?: object };
}

/**
 * Middleware for Hono: a request without a good signature is answered with 403. Handlers can read the body as usual,
 * from `c.req` and from `c.req.raw`. The keys may also be in the bindings, as `QSTASH_CURRENT_SIGNING_KEY` and
 * `QSTASH_NEXT_SIGNING_KEY`.
 */
export function verifySignatureHono(
  config?: ConfigOrFunction<HonoContext>,
): (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined> {
  const guard = createGuard(config);
  return async (context, next) => {
    const { req, env } = context;
    const readBody = (maxBodyBytes: number) =>
      req.raw.bodyUsed ? readCached(req.bodyCache) : fromRequest(req.raw).readBody(maxBodyBytes);
    const refusal = await guard({ header: (name) => req.header(name), readBody }, context, env);
    if (refusal) return toResponse(refusal);
    await next();
    return undefined;
  };
}

const advice = 'The body was read before its signature was verified: use verifySignatureHono() first.';

/** What Hono keeps, or a promise of it. */
type Cache = Partial<{
  arrayBuffer: Promise<ArrayBuffer> | ArrayBuffer;
  blob: Promise<Blob> | Blob;
  text: Promise<string> | string;
  json: unknown;
}>;

/**
 * Hono keeps what it has read, in the form that was asked for. Only bytes are sure to be those that came: the decoding
 * of a text may have changed it, JSON and forms would be serialized again.
 */
async function readCached(cache: object | undefined): Promise<RawBody | KeptBody> {
  const { arrayBuffer, blob, text, json } = (cache ?? {}) as Cache;
  const bytes = await (arrayBuffer ?? blob);
  if (bytes) return new Uint8Array(await new Response(bytes).arrayBuffer());
  if (text === undefined && json === undefined) throw new SetupError(advice);
  return { text: (await text) ?? JSON.stringify(await json), advice };
}
