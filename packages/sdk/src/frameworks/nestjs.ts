import { fromNode, keepBody, type NodeRequest, type NodeStream } from './node-request.ts';
import { createGuard, type ConfigOrFunction, type VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, VerifySignatureConfig };

/** What is used of the `ExecutionContext` of NestJS. */
export interface ExecutionContext {
  switchToHttp(): { getRequest(): unknown };
}

/** What a guard of NestJS takes besides the configuration. */
export interface NestjsOptions {
  /**
   * Makes the error that refuses a request, such as `new HttpException(message, status)` of `@nestjs/common`. Without it
   * an error of the kind of `http-errors` is thrown, which a filter for all errors may answer with 500.
   */
  createError?: ((status: number, message: string) => Error) | undefined;
}

const advice =
  'create the application with NestFactory.create(AppModule, { rawBody: true }), or verify before the parser with ' +
  'app.use(path, verifySignatureExpress()).';

/**
 * A guard for NestJS, for `@UseGuards(verifySignatureNestjs())`: a request without a good signature is answered with
 * 403. The application needs `rawBody: true`, since NestJS parses bodies before guards run.
 */
export function verifySignatureNestjs(
  config?: ConfigOrFunction<ExecutionContext>,
  { createError = createHttpError }: NestjsOptions = {},
): {
  canActivate(context: ExecutionContext): Promise<boolean>;
} {
  const guard = createGuard(config);
  return {
    async canActivate(context) {
      // Under Fastify, the stream is the `raw` of the request.
      const request = context.switchToHttp().getRequest() as NodeRequest & { raw?: NodeStream };
      const { headers, rawBody, body, raw: stream = request } = request;
      const keep = (bytes: Uint8Array) => keepBody(request, headers, bytes);
      const refusal = await guard(fromNode({ stream, headers, rawBody, body, advice, keep }), context);
      if (refusal) throw createError(refusal.status, refusal.message);
      return true;
    },
  };
}

/** NestJS answers with the status and the message of what looks like an error of `http-errors`, and logs its stack. */
function createHttpError(status: number, message: string): Error {
  return Object.assign(new Error(message), { expose: true, status, statusCode: status, stack: message });
}
