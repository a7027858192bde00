import { developmentCredentials, verifyBody, verifyToken } from '@posthorn/shared';
import { isDevelopment, parseRegion, readVariable, SetupError } from './environment.ts';
import { checkNumber } from './numbers.ts';

export interface ReceiverConfig {
  /** `QSTASH_CURRENT_SIGNING_KEY` by default. */
  currentSigningKey?: string | undefined;
  /** `QSTASH_NEXT_SIGNING_KEY` by default. */
  nextSigningKey?: string | undefined;
  /** Uses the published keys of local development; `QSTASH_DEV` by default. */
  devMode?: boolean | undefined;
}

/** What `Receiver.verify` needs to know of a request. */
export interface VerifyRequest {
  /** Value of the `Upstash-Signature` header. */
  signature: string;
  /** The body as it was received, before any parsing; a text stands for its UTF-8 bytes. */
  body: string | Uint8Array;
  /** The URL that was called, if known; it must be the one that was signed. */
  url?: string;
  /** How far the clocks may differ, in seconds: a finite number of at least 0; 0 by default. */
  clockTolerance?: number;
  /** Value of the `Upstash-Region` header; chooses the keys of that region if `QSTASH_REGION` is set. */
  upstashRegion?: string;
}

/** Checks that a request comes from the server (contract C15). */
export class Receiver {
  readonly #config: ReceiverConfig;

  constructor(config: ReceiverConfig = {}) {
    this.#config = config;
  }

  /**
   * Resolves to `true`, or rejects.
   *
   * @throws {SignatureError} for a request that cannot be trusted; its message says why
   * @throws {QstashValidationError} for a `clockTolerance` that is not a finite number of at least 0
   * @throws {Error} when there are no keys, and in development mode when `NODE_ENV` is `production`
   */
  async verify({ body, ...request }: VerifyRequest): Promise<boolean> {
    await verifyBody(await checkToken(this.#config, request), body);
    return true;
  }
}

/**
 * Checks everything except the body.
 *
 * @returns the hash that the body must have
 * @throws {SignatureError | QstashValidationError | SetupError} as `Receiver.verify`
 */
export async function checkToken(config: ReceiverConfig, request: Omit<VerifyRequest, 'body'>): Promise<string> {
  const { signature, url, clockTolerance = 0, upstashRegion } = request;
  const keys = readKeys(config, upstashRegion);
  const clockToleranceSeconds = checkNumber('clockTolerance', clockTolerance);
  return verifyToken({ signature, url, keys, clockToleranceSeconds });
}

/** The keys to try, the current one first (contract C15). */
function readKeys(config: ReceiverConfig, regionOfRequest: string | undefined): string[] {
  if (isDevelopment(config.devMode))
    return [developmentCredentials.currentSigningKey, developmentCredentials.nextSigningKey];
  const { currentSigningKey, nextSigningKey } = config;
  if (currentSigningKey && nextSigningKey) return [currentSigningKey, nextSigningKey];
  const region = readVariable('QSTASH_REGION') ? parseRegion(regionOfRequest) : undefined;
  if (region) {
    const current = readVariable(`${region}_QSTASH_CURRENT_SIGNING_KEY`);
    const next = readVariable(`${region}_QSTASH_NEXT_SIGNING_KEY`);
    if (current && next) return [current, next];
  }
  const keys = [
    // A variable that is not set is an empty text in many settings; an empty key would refuse each request silently.
    currentSigningKey || readVariable('QSTASH_CURRENT_SIGNING_KEY'),
    nextSigningKey || readVariable('QSTASH_NEXT_SIGNING_KEY'),
  ].filter((key) => key !== undefined);
  if (keys.length === 0) throw new SetupError(noKeys);
  return keys;
}

const noKeys =
  'There are no signing keys: pass them, or set QSTASH_CURRENT_SIGNING_KEY and QSTASH_NEXT_SIGNING_KEY where the ' +
  'application runs.';
