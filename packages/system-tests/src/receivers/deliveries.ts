import { createHash, createHmac } from 'node:crypto';

export const keys = { current: 'sig_exampleCurrentKey0001', next: 'sig_exampleNextKey0002' };

/** A request to a receiver, and the status that it must answer. */
export interface Delivery {
  name: string;
  body: Buffer;
  token?: string;
  expected: 200 | 403 | 413;
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const hashOf = (body: Buffer) => createHash('sha256').update(body).digest('base64url');

/** Genuine deliveries and forgeries (contract S3), made without posthorn's own code. */
export function deliveries(url: string): Delivery[] {
  const now = Math.floor(Date.now() / 1000);
  const hello = Buffer.from('{"hello":"world"}');
  const other = Buffer.from('{"hello":"you"}');
  const sign = (
    body: Buffer,
    { key = keys.current, head = {}, claims = {} }: { key?: string; head?: object; claims?: object } = {},
  ) => {
    const payload = {
      iss: 'Upstash',
      sub: url,
      exp: now + 300,
      nbf: 0,
      iat: now,
      jti: 'jwt_example0001',
      body: `${hashOf(body)}=`,
      ...claims,
    };
    const signed = `${encode({ alg: 'HS256', typ: 'JWT', ...head })}.${encode(payload)}`;
    return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
  };
  const genuine = (name: string, body: Buffer, token = sign(body)): Delivery => ({ name, body, token, expected: 200 });
  const forged = (name: string, token?: string, body = hello): Delivery => ({
    name,
    body,
    ...(token === undefined ? {} : { token }),
    expected: 403,
  });
  const [head = '', payload = '', signature = ''] = sign(hello).split('.');
  const large = Buffer.alloc(10 * 1024 * 1024 + 1, 'x');
  return [
    genuine('JSON', hello),
    genuine('an empty body', Buffer.alloc(0)),
    genuine('UTF-8 with NUL', Buffer.from('größe\u0000€')),
    genuine('binary', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))),
    genuine('2 MB', Buffer.alloc(2_000_000, 'y')),
    genuine('the next key', hello, sign(hello, { key: keys.next })),
    genuine('a hash without padding', hello, sign(hello, { claims: { body: hashOf(hello) } })),
    forged('no token'),
    forged('an empty token', ''),
    forged('no JWT', 'x.y.z'),
    forged('another key', sign(hello, { key: 'sig_wrong' })),
    forged('an empty key', sign(hello, { key: '' })),
    forged('another body', sign(hello), other),
    forged('changed claims', `${head}.${encode({ iss: 'Upstash', sub: url, exp: now + 900, nbf: 0 })}.${signature}`),
    forged('no signature', `${head}.${payload}.`),
    forged('alg none', sign(hello, { head: { alg: 'none' } })),
    forged('alg HS512', sign(hello, { head: { alg: 'HS512' } })),
    forged('another issuer', sign(hello, { claims: { iss: 'Other' } })),
    forged('expired', sign(hello, { claims: { exp: now - 1 } })),
    forged('not valid yet', sign(hello, { claims: { nbf: now + 600 } })),
    forged('made for another URL', sign(hello, { claims: { sub: `${url}/x` } })),
    { name: 'over 10 MB', body: large, token: sign(large), expected: 413 },
  ];
}
