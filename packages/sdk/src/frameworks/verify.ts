import { deliveryNames, SignatureError, verifyBody } from '@posthorn/shared';
import { SetupError } from '../environment.ts';
import { QstashValidationError } from '../errors.ts';
import { checkNumber } from '../numbers.ts';
import { checkToken, type ReceiverConfig } from '../receiver.ts';
import { BodyTooLargeError, readPieces } from './read-body.ts';

/** What every handler takes besides what it wraps. */
export interface VerifySignatureConfig extends ReceiverConfig {
  /** How far the clocks may differ, in seconds: a finite number of at least 0; 0 by default. */
  clockTolerance?: number | undefined;
  /** The URL that the publisher uses. If it is given, signatures for another URL are refused. */
  url?: string | undefined;
  /** Longest body that is read, in bytes; a longer one is answered with 413. 32 MiB by default. */
  maxBodyBytes?: number | undefined;
}

/** The configuration, or a function that gives it. The function is called with each request, never while a module loads. */
export type ConfigOrFunction = VerifySignatureConfig | (() => VerifySignatureConfig | Promise<VerifySignatureConfig>);

/** Why a request is not handed on, and with which status it is answered. */
export interface Refusal {
  status: number;
  message: string;
}

/** What the check needs of a request. */
export interface Incoming {
  header(name: string): string | null | undefined;
  /**
   * The body as it came, without taking it away from the handler. Called only for a token that is proven.
   *
   * @param bodyHash the hash that the body must have, for a source that may have changed it
   * @throws {BodyTooLargeError}
   */
  readBody(maxBodyBytes: number, bodyHash: string): string | Uint8Array | Promise<string | Uint8Array>;
}

/**
 * Gives a refusal, or nothing for a request that can be trusted.
 *
 * @param variables may have the keys, as the bindings of Cloudflare do
 */
export type Guard = (incoming: Incoming, variables?: unknown) => Promise<Refusal | undefined>;

const defaultMaxBodyBytes = 32 * 1024 * 1024;

/**
 * Never throws: bundlers evaluate modules without the environment of the application. A guard that is set up wrongly
 * refuses every request with a 500 that says what to change, and says it once on the console.
 */
export function createGuard(given: ConfigOrFunction = {}): Guard {
  const reported = new Set<string>();
  return async ({ header, readBody }, variables) => {
    const signature = header(deliveryNames.signature);
    if (!signature) return { status: 403, message: `\`${deliveryNames.signature}\` header is missing` };
    const config = addKeys(typeof given === 'function' ? await given() : given, variables);
    const { url, clockTolerance, maxBodyBytes: max = defaultMaxBodyBytes } = config;
    const upstashRegion = header(deliveryNames.region);
    try {
      const maxBodyBytes = checkNumber('maxBodyBytes', max);
      const bodyHash = await checkToken(config, {
        signature,
        ...(url !== undefined && { url }),
        ...(clockTolerance !== undefined && { clockTolerance }),
        ...(upstashRegion && { upstashRegion }),
      });
      if (Number(header('content-length')) > maxBodyBytes) throw new BodyTooLargeError(maxBodyBytes);
      const body = await readBody(maxBodyBytes, bodyHash);
      if (body.length > maxBodyBytes) throw new BodyTooLargeError(maxBodyBytes);
      await verifyBody(bodyHash, body);
      return undefined;
    } catch (error) {
      if (error instanceof SignatureError) return { status: 403, message: error.message };
      if (error instanceof BodyTooLargeError) return { status: 413, message: error.message };
      if (!(error instanceof SetupError || error instanceof QstashValidationError)) throw error;
      const { message } = error;
      if (!reported.has(message)) {
        reported.add(message);
        // eslint-disable-next-line no-console
        console.error(`[posthorn] deliveries are refused: ${message}`);
      }
      return { status: 500, message };
    }
  };
}

/** Adds the keys that come with the request where the configuration has none. */
function addKeys(config: VerifySignatureConfig, variables: unknown): VerifySignatureConfig {
  if (typeof variables !== 'object' || variables === null) return config;
  const find = (name: string) => {
    const value = Reflect.get(variables, name) as unknown;
    return typeof value === 'string' ? value : undefined;
  };
  const currentSigningKey = config.currentSigningKey || find('QSTASH_CURRENT_SIGNING_KEY');
  const nextSigningKey = config.nextSigningKey || find('QSTASH_NEXT_SIGNING_KEY');
  return { ...config, ...(currentSigningKey && { currentSigningKey }), ...(nextSigningKey && { nextSigningKey }) };
}

/**
 * A body that another reader may have changed before: if it is not the signed one, the setup is wrong and not the sender.
 *
 * @throws {SetupError} with the advice
 */
export async function verifyReadBody<T extends string | Uint8Array>(
  bodyHash: string,
  body: T,
  advice: string,
): Promise<T> {
  await verifyBody(bodyHash, body).catch(() => {
    throw new SetupError(advice);
  });
  return body;
}

/** A fetch request, read from a copy so that the handler can read it too. */
export function fromRequest(request: Request): Incoming {
  return {
    header: (name) => request.headers.get(name),
    async readBody(maxBodyBytes) {
      if (request.bodyUsed) {
        throw new SetupError('The body was read before its signature was verified: verify the signature first.');
      }
      const reader = request.clone().body?.getReader();
      if (!reader) return new Uint8Array();
      try {
        return await readPieces({ next: () => reader.read(), cancel: () => reader.cancel() }, maxBodyBytes);
      } catch (error) {
        // Else the rest of the body, which is read and dropped from the copy, would pile up in the original.
        request.body?.cancel().catch(() => undefined);
        throw error;
      }
    },
  };
}

/** Answers with the reason as plain text. */
export function toResponse({ status, message }: Refusal): Response {
  return new Response(message, { status });
}

/** Wraps a handler whose first argument is, or has, a fetch request. */
export function wrapFetchHandler<First, Rest extends unknown[], Result>(
  handler: (first: First, ...rest: Rest) => Result | Promise<Result>,
  config: ConfigOrFunction | undefined,
  findRequest: (first: First) => Request,
): (first: First, ...rest: Rest) => Promise<Result | Response> {
  const guard = createGuard(config);
  return async (first, ...rest) => {
    const refusal = await guard(fromRequest(findRequest(first)));
    return refusal ? toResponse(refusal) : handler(first, ...rest);
  };
}
