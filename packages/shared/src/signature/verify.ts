/** A delivery that cannot be trusted; the message says why. */
export class SignatureError extends Error {
  override name = 'SignatureError';
}

export interface VerifyOptions {
  /** Value of the `Upstash-Signature` header. */
  signature: string;
  /** The body exactly as it was received. */
  body: string | Uint8Array;
  /** The URL that was called, if known; compared with the one that was signed. */
  url?: string | undefined;
  /** Keys to try, the current one first. */
  keys: readonly string[];
  clockToleranceSeconds?: number | undefined;
  nowSeconds?: number | undefined;
}

/**
 * Checks that a request comes from posthorn: signature, issuer, times, URL and body hash (contract, sdk-surface.md
 * section 3).
 *
 * @throws {SignatureError}
 */
export async function verifySignature(options: VerifyOptions): Promise<void> {
  const [header = '', payload = '', signature = '', ...rest] = options.signature.split('.');
  if (rest.length > 0 || !signature || readJson(header)['alg'] !== 'HS256') throw new SignatureError('invalid signature');

  const signed = new TextEncoder().encode(`${header}.${payload}`);
  const bytes = readBase64Url(signature);
  const matches = await Promise.all(options.keys.map((key) => isSignedWith(key, bytes, signed)));
  if (!matches.includes(true)) throw new SignatureError('invalid signature');

  const claims = readJson(payload);
  const now = options.nowSeconds ?? Math.floor(Date.now() / 1000);
  const tolerance = options.clockToleranceSeconds ?? 0;
  if (claims['iss'] !== 'Upstash') throw new SignatureError(`invalid issuer: ${String(claims['iss'])}`);
  if (typeof claims['exp'] !== 'number' || now - tolerance >= claims['exp']) throw new SignatureError('token has expired');
  if (typeof claims['nbf'] !== 'number' || now + tolerance < claims['nbf']) throw new SignatureError('token is not yet valid');
  if (options.url !== undefined && claims['sub'] !== options.url) {
    throw new SignatureError(`invalid subject: ${String(claims['sub'])}, want: ${options.url}`);
  }

  const hash = await hashBody(options.body);
  const claimed = String(claims['body']).replace(/=+$/, '');
  if (claimed !== hash) throw new SignatureError(`body hash does not match, want: ${claimed}, got: ${hash}`);
}

async function isSignedWith(key: string, signature: Uint8Array<ArrayBuffer>, signed: Uint8Array<ArrayBuffer>) {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', new TextEncoder().encode(key), algorithm, false, ['verify']);
  return crypto.subtle.verify('HMAC', imported, signature, signed);
}

async function hashBody(body: string | Uint8Array): Promise<string> {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : new Uint8Array(body);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return btoa(String.fromCharCode(...digest)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function readJson(base64Url: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(readBase64Url(base64Url)));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function readBase64Url(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
  } catch {
    throw new SignatureError('invalid signature');
  }
}
