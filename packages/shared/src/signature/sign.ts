export interface SignatureClaims {
  /** The exact URL that the request goes to. */
  url: string;
  /** SHA-256 of the request's bytes in base64url, padded with `=`. */
  bodyHash: string;
  /** Unique for each attempt. */
  id: string;
  nowSeconds: number;
  lifetimeSeconds: number;
}

/**
 * The value of `Upstash-Signature`: a compact JWT, HS256 (contract, delivery.md section 10).
 *
 * @param hmac HMAC-SHA256 of a text under the current key, in base64url without padding; given, because server and
 *   browser have it from different places
 */
export function writeSignature(claims: SignatureClaims, hmac: (text: string) => string): string {
  const { url, bodyHash, id, nowSeconds, lifetimeSeconds } = claims;
  const payload =
    `{"iss":"Upstash","sub":${JSON.stringify(url)},"exp":${nowSeconds + lifetimeSeconds},"nbf":0,` +
    `"iat":${nowSeconds},"jti":"${id}","body":"${bodyHash}"}`;
  const signed = `${joseHeader}.${writeBase64Url(payload)}`;
  return `${signed}.${hmac(signed)}`;
}

/** `{"alg":"HS256","typ":"JWT"}` in base64url: the same for every delivery. */
const joseHeader = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9';

/** Every URL is printable ASCII (`checkUrl`), and so is everything else in the payload. */
function writeBase64Url(ascii: string): string {
  return btoa(ascii).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
