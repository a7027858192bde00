import type { CallOptions, Requester } from './http.ts';

/** Deliveries are signed with `current`; a receiver accepts both. */
export interface SigningKeyPair {
  current: string;
  next: string;
}

/** The keys that deliveries are signed with. */
export class SigningKeys {
  readonly #http: Requester;

  constructor(http: Requester) {
    this.#http = http;
  }

  get(options: CallOptions = {}): Promise<SigningKeyPair> {
    return this.#http.request({ ...options, path: ['v2', 'keys'] });
  }

  /**
   * Makes the next key the current one and creates a new next key. Tell the receivers before it is called again:
   * after two rotations the keys they have are worth nothing.
   */
  rotate(options: CallOptions = {}): Promise<SigningKeyPair> {
    return this.#http.request({ ...options, method: 'POST', path: ['v2', 'keys', 'rotate'] });
  }
}
