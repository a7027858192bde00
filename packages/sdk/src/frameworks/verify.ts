import { deliveryNames, SignatureError } from '@posthorn/shared';
import { readVariable } from '../environment.ts';
import { noKeys, readKeys, Receiver, type ReceiverConfig } from '../receiver.ts';

/** What every handler takes besides what it wraps. */
export interface VerifySignatureConfig extends ReceiverConfig {
  /** How far the clocks may differ, in seconds; 0 by default. */
  clockTolerance?: number;
  /** The URL that the publisher uses. If it is given, signatures for another URL are refused. */
  url?: string;
  /** Longest body that is read into memory where the framework has no limit of its own; 32 MiB by default. */
  maxBodyBytes?: number;
}

/** Why a request is not handed on, and with which status it is answered. */
export interface Refusal {
  status: number;
  message: string;
}

/** What the check needs of a request. */
export interface Incoming {
  header(name: string): string | null | undefined;
  /** The body as it came, without taking it away from the handler. Asked only when there is a signature. */
  readBody(): Promise<string | Uint8Array>;
}

/** Gives a refusal, or nothing for a request that can be trusted. */
export type Guard = (incoming: Incoming) => Promise<Refusal | undefined>;

/**
 * @param missingStatus what a request without a signature is answered with
 * @throws {Error} when there are no keys, at the start and not at the first message
 */
export function createGuard(config: VerifySignatureConfig = {}, missingStatus = 403): Guard {
  if (readKeys(config, undefined).length === 0 && !readVariable('QSTASH_REGION')) throw new Error(noKeys);
  return (incoming) => verify(config, missingStatus, incoming);
}

/** The same where keys may be in variables that come with each request. */
export function createGuardWithVariables(config: VerifySignatureConfig = {}) {
  return (incoming: Incoming, variables: unknown): Promise<Refusal | undefined> => {
    const find = (name: string) => {
      const value =
        typeof variables === 'object' && variables !== null ? (Reflect.get(variables, name) as unknown) : undefined;
      return typeof value === 'string' ? value : undefined;
    };
    const currentSigningKey = config.currentSigningKey ?? find('QSTASH_CURRENT_SIGNING_KEY');
    const nextSigningKey = config.nextSigningKey ?? find('QSTASH_NEXT_SIGNING_KEY');
    const keys = { ...(currentSigningKey && { currentSigningKey }), ...(nextSigningKey && { nextSigningKey }) };
    return verify({ ...config, ...keys }, 403, incoming);
  };
}

async function verify(config: VerifySignatureConfig, missingStatus: number, { header, readBody }: Incoming) {
  const signature = header(deliveryNames.signature);
  if (!signature) return { status: missingStatus, message: `\`${deliveryNames.signature}\` header is missing` };
  const { url, clockTolerance } = config;
  const upstashRegion = header(deliveryNames.region);
  try {
    await new Receiver(config).verify({
      signature,
      body: await readBody(),
      ...(url !== undefined && { url }),
      ...(clockTolerance !== undefined && { clockTolerance }),
      ...(upstashRegion && { upstashRegion }),
    });
    return undefined;
  } catch (error) {
    if (error instanceof SignatureError) return { status: 403, message: error.message };
    if (error instanceof BodyTooLargeError) return { status: 413, message: error.message };
    throw error;
  }
}

/** A fetch request, read from a copy so that the handler can read it too. */
export function fromRequest(request: Request): Incoming {
  return {
    header: (name) => request.headers.get(name),
    async readBody() {
      if (request.bodyUsed) throw new Error('The body was read before its signature was verified: verify it first.');
      return new Uint8Array(await request.clone().arrayBuffer());
    },
  };
}

/** Wraps a handler whose first argument is, or has, a fetch request, and that answers with a response. */
export function wrapFetchHandler<First, Rest extends unknown[]>(
  handler: (first: First, ...rest: Rest) => Response | Promise<Response>,
  config: VerifySignatureConfig | undefined,
  findRequest: (first: First) => Request,
): (first: First, ...rest: Rest) => Promise<Response> {
  const guard = createGuard(config);
  return async (first, ...rest) => {
    const refusal = await guard(fromRequest(findRequest(first)));
    return refusal ? new Response(refusal.message, { status: refusal.status }) : handler(first, ...rest);
  };
}

/** The headers of a Node.js request. */
export type NodeHeaders = Record<string, string | string[] | undefined>;

export function readNodeHeader(headers: NodeHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value[0] : value;
}

class BodyTooLargeError extends Error {}

/** All bytes of a Node.js stream, up to the limit: anybody may send, before the signature is known to be good. */
export async function readStream(
  stream: AsyncIterable<unknown>,
  { maxBodyBytes = 32 * 1024 * 1024 }: VerifySignatureConfig = {},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : (chunk as Uint8Array);
    length += bytes.length;
    if (length > maxBodyBytes) throw new BodyTooLargeError(`The body is longer than ${maxBodyBytes} bytes`);
    chunks.push(bytes);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const bytes of chunks) {
    body.set(bytes, offset);
    offset += bytes.length;
  }
  return body;
}

/** What a handler finds as its body: JSON where the content type says so and it is, else the text. */
export function parseBody(bytes: Uint8Array, isJson: boolean): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    return isJson ? (JSON.parse(text) as unknown) : text;
  } catch {
    return text;
  }
}
