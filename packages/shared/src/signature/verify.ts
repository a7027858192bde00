/** A delivery that cannot be trusted; the message says why. */
export class SignatureError extends Error {
  override name = 'SignatureError';
}

export interface TokenOptions {
  /** Value of the `Upstash-Signature` header. */
  signature: string;
  /** The URL that was called, if known; it must be the one that was signed. */
  url?: string | undefined;
  /** Keys to try, the current one first. */
  keys: readonly string[];
  /** How far the clocks may differ, a finite number; 0 if not given. */
  clockToleranceSeconds?: number | undefined;
  nowSeconds?: number | undefined;
}

export interface VerifyOptions extends TokenOptions {
  /** The body exactly as it was received; a text stands for its UTF-8 bytes. */
  body: string | Uint8Array;
}

/**
 * Checks that a request comes from posthorn: signature, issuer, times, URL and body hash, in this order
 * (contract S7).
 *
 * @throws {SignatureError}
 */
export async function verifySignature(options: VerifyOptions): Promise<void> {
  await verifyBody(await verifyToken(options), options.body);
}

/**
 * Checks everything except the body, so that a forged request can be refused before a byte of its body is read.
 *
 * @returns the hash that the body must have, for `verifyBody`
 * @throws {SignatureError}
 */
export async function verifyToken(options: TokenOptions): Promise<string> {
  const claims = await readClaims(options.signature, options.keys);
  checkTimes(claims, options.nowSeconds ?? Math.floor(Date.now() / 1000), options.clockToleranceSeconds ?? 0);
  if (options.url !== undefined && claims['sub'] !== options.url) {
    throw new SignatureError(`invalid subject: ${String(claims['sub'])}, want: ${options.url}`);
  }
  // Signers differ in whether they pad.
  return String(claims['body']).replace(/=+$/, '');
}

/**
 * @param claimed the result of `verifyToken`
 * @throws {SignatureError}
 */
export async function verifyBody(claimed: string, body: string | Uint8Array): Promise<void> {
  const actual = await hashBody(body);
  if (claimed !== actual) throw new SignatureError(`body hash does not match, want: ${claimed}, got: ${actual}`);
}

type Claims = Record<string, unknown>;

/** The claims of a token that one of the keys has signed. Before that is known, nothing of the token is believed. */
async function readClaims(token: string, keys: readonly string[]): Promise<Claims> {
  // Callers without types pass on a header that may be missing.
  if (typeof token !== 'string') throw new SignatureError('the signature is missing');
  const [header = '', payload = '', signature = '', ...rest] = token.split('.', 4);
  // One algorithm only: a token must not choose how it is checked.
  if (rest.length > 0 || readJson(header)['alg'] !== 'HS256') throw new SignatureError('invalid signature');

  const signatureBytes = readBase64Url(signature);
  const input = new TextEncoder().encode(`${header}.${payload}`);
  for (const key of keys) {
    if (await isSignedWith(key, signatureBytes, input)) return readJson(payload);
  }
  throw new SignatureError('invalid signature');
}

async function isSignedWith(key: string, signature: Uint8Array<ArrayBuffer>, input: Uint8Array<ArrayBuffer>) {
  // Anybody could sign with an empty key.
  if (key === '') return false;
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', new TextEncoder().encode(key), algorithm, false, ['verify']);
  return crypto.subtle.verify('HMAC', imported, signature, input);
}

function checkTimes({ iss, exp, nbf }: Claims, nowSeconds: number, toleranceSeconds: number): void {
  if (iss !== 'Upstash') throw new SignatureError(`invalid issuer: ${String(iss)}`);
  if (typeof exp !== 'number' || typeof nbf !== 'number') throw new SignatureError('exp or nbf is missing');
  // Written so that a tolerance that is not a number refuses every token instead of accepting it.
  if (!(nowSeconds - toleranceSeconds < exp)) throw new SignatureError('the signature has expired');
  if (!(nowSeconds + toleranceSeconds >= nbf)) throw new SignatureError('the signature is not valid yet');
}

async function hashBody(body: string | Uint8Array): Promise<string> {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : new Uint8Array(body);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return btoa(String.fromCharCode(...digest))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

function readJson(base64Url: string): Claims {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(readBase64Url(base64Url)));
    return typeof value === 'object' && value !== null ? (value as Claims) : {};
  } catch {
    throw new SignatureError('invalid signature');
  }
}

function readBase64Url(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
      character.charCodeAt(0),
    );
  } catch {
    throw new SignatureError('invalid signature');
  }
}
