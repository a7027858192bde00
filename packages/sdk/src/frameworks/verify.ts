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

/**
 * The configuration, or a function that gives it. The function is called with the first argument of the handler, for each
 * request and never while a module loads.
 */
export type ConfigOrFunction<First = unknown> = VerifySignatureConfig | ConfigSource<First>['give'];

/** A method, so that a function may name the type of its framework, which has more than is used here. */
interface ConfigSource<First> {
  give(first: First): VerifySignatureConfig | Promise<VerifySignatureConfig>;
}

/** Why a request is not handed on, and with which status it is answered. */
export interface Refusal {
  status: number;
  message: string;
}

/** A body as it came. */
export type RawBody = string | Uint8Array;

/** What another reader has made of a body. If that is not the signed one, the setup is wrong and not the sender. */
export interface KeptBody {
  text: string;
  /** What to change then. */
  advice: string;
}

/** What the check needs of a request. */
export interface Incoming {
  header(name: string): string | null | undefined;
  /**
   * The body, without taking it away from the handler. Called only for a token that is proven.
   *
   * @throws {BodyTooLargeError}
   */
  readBody(maxBodyBytes: number): RawBody | KeptBody | Promise<RawBody | KeptBody>;
}

/**
 * Gives a refusal, or nothing for a request that can be trusted.
 *
 * @param first what the handler is called with
 * @param variables may have the keys, as the bindings of Cloudflare do
 */
export type Guard<First> = (incoming: Incoming, first: First, variables?: unknown) => Promise<Refusal | undefined>;

const defaultMaxBodyBytes = 32 * 1024 * 1024;

/**
 * Never throws: bundlers evaluate modules without the environment of the application. A guard that is set up wrongly
 * refuses every request with a 500 that says what to change, and says it once on the console.
 *
 * @param missingStatus status of the refusal of a request without a signature
 */
export function createGuard<First>(given: ConfigOrFunction<First> = {}, missingStatus = 403): Guard<First> {
  const reported = new Set<string>();
  return async ({ header, readBody }, first, variables) => {
    const signature = header(deliveryNames.signature);
    if (!signature) return { status: missingStatus, message: `\`${deliveryNames.signature}\` header is missing` };
    const upstashRegion = header(deliveryNames.region);
    try {
      const config = addKeys(typeof given === 'function' ? await given(first) : given, variables);
      const { url, clockTolerance, maxBodyBytes: max = defaultMaxBodyBytes } = config;
      const maxBodyBytes = checkNumber('maxBodyBytes', max);
      const bodyHash = await checkToken(config, {
        signature,
        ...(url !== undefined && { url }),
        ...(clockTolerance !== undefined && { clockTolerance }),
        ...(upstashRegion && { upstashRegion }),
      });
      if (Number(header('content-length')) > maxBodyBytes) throw new BodyTooLargeError(maxBodyBytes);
      const read = await readBody(maxBodyBytes);
      const kept = typeof read === 'object' && 'advice' in read ? read : undefined;
      const body = kept ? kept.text : (read as RawBody);
      const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
      if (bytes.length > maxBodyBytes) throw new BodyTooLargeError(maxBodyBytes);
      await verifyBody(bodyHash, bytes).catch((error: unknown) => {
        throw kept ? new SetupError(kept.advice) : error;
      });
      return undefined;
    } catch (error) {
      if (error instanceof SignatureError) return { status: 403, message: error.message };
      if (error instanceof BodyTooLargeError) return { status: 413, message: error.message };
      if (!(error instanceof SetupError || error instanceof QstashValidationError)) throw error;
      const { message } = error;
      if (!reported.has(message)) {
        reported.add(message);
        // oxlint-disable-next-line no-console -- a library has no log of its own
        console.error(`[posthorn] deliveries are refused: ${message}`);
      }
      return { status: 500, message };
    }
  };
}

/**
 * Adds the keys that come with the request where the configuration has none.
 *
 * @throws {SetupError} for a configuration that is none, as of a function that returns nothing
 */
function addKeys(config: VerifySignatureConfig, variables: unknown): VerifySignatureConfig {
  // Callers may have no types.
  const given: unknown = config;
  if (typeof given !== 'object' || given === null) {
    throw new SetupError(`The configuration is ${String(given)}: give an object, or a function that returns one`);
  }
  if (typeof variables !== 'object' || variables === null) return config;
  const find = (name: string) => {
    const value = Reflect.get(variables, name) as unknown;
    return typeof value === 'string' ? value : undefined;
  };
  const currentSigningKey = config.currentSigningKey || find('QSTASH_CURRENT_SIGNING_KEY');
  const nextSigningKey = config.nextSigningKey || find('QSTASH_NEXT_SIGNING_KEY');
  return { ...config, ...(currentSigningKey && { currentSigningKey }), ...(nextSigningKey && { nextSigningKey }) };
}

interface IncomingBytes extends Incoming {
  readBody(maxBodyBytes: number): Promise<Uint8Array>;
}

/** A fetch request, read from a copy so that the handler can read it too. */
export function fromRequest(request: Request): IncomingBytes {
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
  config: ConfigOrFunction<First> | undefined,
  findRequest: (first: First) => Request,
): (first: First, ...rest: Rest) => Promise<Result | Response> {
  const guard = createGuard(config);
  return async (first, ...rest) => {
    const refusal = await guard(fromRequest(findRequest(first)), first);
    return refusal ? toResponse(refusal) : handler(first, ...rest);
  };
}
