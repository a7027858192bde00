import { verifySignature } from '@posthorn/shared';
import { readVariable } from './environment.ts';

export interface ReceiverConfig {
  /** `QSTASH_CURRENT_SIGNING_KEY` by default. */
  currentSigningKey?: string;
  /** `QSTASH_NEXT_SIGNING_KEY` by default. */
  nextSigningKey?: string;
}

export interface VerifyRequest {
  /** Value of the `Upstash-Signature` header. */
  signature: string;
  /** The body as it was received, before any parsing. */
  body: string;
  /** The URL that was called, if known. */
  url?: string;
  /** How far the clocks may differ, in seconds; 0 by default. */
  clockTolerance?: number;
}

/** Checks that a request comes from posthorn (contract, sdk-surface.md section 3). */
export class Receiver {
  readonly #keys: string[];

  constructor({ currentSigningKey, nextSigningKey }: ReceiverConfig = {}) {
    const current = currentSigningKey ?? readVariable('QSTASH_CURRENT_SIGNING_KEY');
    const next = nextSigningKey ?? readVariable('QSTASH_NEXT_SIGNING_KEY');
    this.#keys = [current, next].filter((key) => key !== undefined);
  }

  /** Resolves to `true`. @throws {SignatureError} for a request that cannot be trusted, {Error} without any key */
  async verify({ signature, body, url, clockTolerance }: VerifyRequest): Promise<true> {
    if (this.#keys.length === 0) {
      throw new Error(
        'There are no signing keys: pass them, or set QSTASH_CURRENT_SIGNING_KEY and QSTASH_NEXT_SIGNING_KEY.',
      );
    }
    await verifySignature({ signature, body, url, keys: this.#keys, clockToleranceSeconds: clockTolerance });
    return true;
  }
}
