/** What one delivery is signed with. */
export interface SignatureClaims {
  /** The exact URL that the request goes to. */
  url: string;
  /** SHA-256 of the request's bytes in base64url, padded with `=`; also of an empty body. */
  bodySha256Base64Url: string;
  /** Unique for each attempt. */
  jti: string;
  /** The real time in whole seconds since 1970: a signature from the future is refused by some receivers. */
  nowSeconds: number;
  ttlSeconds: number;
}

/**
 * The value of `Upstash-Signature`: a compact JWT, HS256 (contract S1, S3).
 *
 * @param hmacSha256Base64Url HMAC-SHA256 of an ASCII text under the current key, in base64url without padding. It is
 *   given because this package has no crypto that answers at once, and a delivery cannot wait for a promise per hash.
 */
export function formatSignature(claims: SignatureClaims, hmacSha256Base64Url: (input: string) => string): string {
  const { url, bodySha256Base64Url, jti, nowSeconds, ttlSeconds } = claims;
  const payload =
    `{"iss":"Upstash","sub":${JSON.stringify(url)},"exp":${nowSeconds + ttlSeconds},"nbf":0,` +
    `"iat":${nowSeconds},"jti":${JSON.stringify(jti)},"body":${JSON.stringify(bodySha256Base64Url)}}`;
  const input = `${joseHeader}.${formatBase64Url(payload)}`;
  return `${input}.${hmacSha256Base64Url(input)}`;
}

/** `{"alg":"HS256","typ":"JWT"}` in base64url: the same for every delivery. */
const joseHeader = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9';

function formatBase64Url(text: string): string {
  // A URL of `parseUrl` is ASCII, and btoa takes that as it is; any other text must become UTF-8 first.
  const bytes = /^[\x20-\x7e]*$/.test(text) ? text : Array.from(new TextEncoder().encode(text), toCharacter).join('');
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function toCharacter(byte: number): string {
  return String.fromCharCode(byte);
}
