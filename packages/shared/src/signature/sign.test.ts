import { createHash, createHmac } from 'node:crypto';
import { formatSignature, type SignatureClaims } from './sign.ts';

const key = 'sig_exampleCurrentKey0001';
const hmac = (input: string) => createHmac('sha256', key).update(input).digest('base64url');
const example: SignatureClaims = {
  url: 'https://example.com/hook?x=1',
  bodySha256Base64Url: 'k6I5cakU5erL8KjSUVTNownDwccvu5kU1Hxg88toFYg=',
  jti: 'jwt_example0001',
  nowSeconds: 1_700_000_000,
  ttlSeconds: 300,
};
const decode = (part = '') => Buffer.from(part, 'base64url').toString();

it('writes the test vector of the contract, byte for byte', () => {
  const [header, payload, signature] = formatSignature(example, hmac).split('.');
  expect(decode(header)).toBe('{"alg":"HS256","typ":"JWT"}');
  expect(decode(payload)).toBe(
    '{"iss":"Upstash","sub":"https://example.com/hook?x=1","exp":1700000300,"nbf":0,"iat":1700000000,' +
      '"jti":"jwt_example0001","body":"k6I5cakU5erL8KjSUVTNownDwccvu5kU1Hxg88toFYg="}',
  );
  expect(signature).toBe('ojcXabJ48aQ9VY-ZoaGjQZ_O4gJGhUFKUODOMsFKIJY');
});

it('hands exactly the first two parts to the HMAC, and puts its answer behind them', () => {
  const inputs: string[] = [];
  const token = formatSignature(example, (input) => {
    inputs.push(input);
    return 'mac';
  });
  expect(inputs).toEqual([token.slice(0, -'.mac'.length)]);
});

it('lets the signature expire as late as it is told', () => {
  const payload = decode(formatSignature({ ...example, ttlSeconds: 7 }, hmac).split('.')[1]);
  expect(JSON.parse(payload)).toMatchObject({ iat: 1_700_000_000, exp: 1_700_000_007, nbf: 0 });
});

it.each([
  ['a quote', 'https://example.com/"x'],
  ['a backslash', String.raw`https://example.com/\x`],
  ['a forged claim', 'https://example.com/","iss":"Other'],
  ['a control character', 'https://example.com/\u0000\n\u007f'],
  ['Latin-1', 'https://example.com/ü'],
  ['text outside Latin-1', 'https://example.com/日本語/🙂'],
  ['percent-escapes and a query', 'https://u:p@example.com:8443/%C3%BC//x?a=1&b=%22'],
  ['every printable character', String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index))],
  ['8,192 characters', 'https://example.com/' + 'ü'.repeat(8172)],
])('keeps a URL with %s as it is', (_, url) => {
  const payload: unknown = JSON.parse(decode(formatSignature({ ...example, url }, hmac).split('.')[1]));
  expect(payload).toMatchObject({ iss: 'Upstash', sub: url, jti: example.jti });
});

it('uses the URL-safe alphabet without padding, whatever the length', () => {
  for (let length = 0; length < 64; length++) {
    const url = `https://example.com/${'~?>'.repeat(length)}${'x'.repeat(length % 3)}`;
    expect(formatSignature({ ...example, url }, hmac)).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  }
});

it('has the body hashes of the contract in the form that a server computes them', () => {
  const hash = (body: string) => `${createHash('sha256').update(body).digest('base64url')}=`;
  expect(hash('{"hello":"world"}')).toBe(example.bodySha256Base64Url);
  expect(hash('')).toBe('47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=');
});
