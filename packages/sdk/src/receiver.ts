import { verifySignature } from '@posthorn/shared';
import { development, isDevelopment, readRegion, readVariable } from './environment.ts';

export interface ReceiverConfig {
  /** `QSTASH_CURRENT_SIGNING_KEY` by default. */
  currentSigningKey?: string;
  /** `QSTASH_NEXT_SIGNING_KEY` by default. */
  nextSigningKey?: string;
  /** Uses the published keys of local development; `QSTASH_DEV` by default. */
  devMode?: boolean;
}

export interface VerifyRequest {
  /** Value of the `Upstash-Signature` header. */
  signature: string;
  /** The body as it was received, before any parsing; a text stands for its UTF-8 bytes. */
  body: string | Uint8Array;
  /** The URL that was called, if known; it must be the one that was signed. */
  url?: string;
  /** How far the clocks may differ, in seconds; 0 by default. */
  clockTolerance?: number;
  /** Value of the `Upstash-Region` header; chooses the keys of that region if `QSTASH_REGION` is set. */
  upstashRegion?: string;
}

/** Checks that a request comes from the server (contract, sdk-surface.md section 3). */
export class Receiver {
  readonly #config: ReceiverConfig;

  constructor(config: ReceiverConfig = {}) {
    this.#config = config;
  }

  /**
   * Resolves to `true`, or rejects.
   *
   * @throws {SignatureError} for a request that cannot be trusted; its message says why
   * @throws {Error} when there are no keys
   */
  async verify({ signature, body, url, clockTolerance, upstashRegion }: VerifyRequest): Promise<boolean> {
    const keys = readKeys(this.#config, upstashRegion);
    if (keys.length === 0) throw new Error(noKeys);
    await verifySignature({ signature, body, url, keys, clockToleranceSeconds: clockTolerance });
    return true;
  }
}

/** The keys to try, the current one first (contract, sdk-surface.md sections 1.1 and 3). */
export function readKeys(config: ReceiverConfig, regionOfRequest: string | null | undefined): string[] {
  if (isDevelopment(config.devMode)) return [development.currentSigningKey, development.nextSigningKey];
  const { currentSigningKey, nextSigningKey } = config;
  if (currentSigningKey && nextSigningKey) return [currentSigningKey, nextSigningKey];
  const region = readVariable('QSTASH_REGION') ? readRegion(regionOfRequest) : undefined;
  if (region) {
    const current = readVariable(`${region}_QSTASH_CURRENT_SIGNING_KEY`);
    const next = readVariable(`${region}_QSTASH_NEXT_SIGNING_KEY`);
    if (current && next) return [current, next];
  }
  return [
    currentSigningKey ?? readVariable('QSTASH_CURRENT_SIGNING_KEY'),
    nextSigningKey ?? readVariable('QSTASH_NEXT_SIGNING_KEY'),
  ].filter((key) => key !== undefined);
}

export const noKeys =
  'There are no signing keys: pass them, or set QSTASH_CURRENT_SIGNING_KEY and QSTASH_NEXT_SIGNING_KEY.';
