import { createHash, createHmac } from 'node:crypto';
import { formatSignature } from './sign.ts';
import { SignatureError, verifySignature, type VerifyOptions } from './verify.ts';

const key = 'sig_exampleCurrentKey0001';
const nextKey = 'sig_exampleNextKey0002';
const url = 'https://example.com/hook?x=1';
const body = '{"hello":"world"}';
const nowSeconds = 1_700_000_000;
const vector =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.' +
  Buffer.from(
    '{"iss":"Upstash","sub":"https://example.com/hook?x=1","exp":1700000300,"nbf":0,"iat":1700000000,' +
      '"jti":"jwt_example0001","body":"k6I5cakU5erL8KjSUVTNownDwccvu5kU1Hxg88toFYg="}',
  ).toString('base64url') +
  '.ojcXabJ48aQ9VY-ZoaGjQZ_O4gJGhUFKUODOMsFKIJY';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const sign = (input: string, signingKey = key) => createHmac('sha256', signingKey).update(input).digest('base64url');
const claims = {
  iss: 'Upstash',
  sub: url,
  exp: nowSeconds + 300,
  nbf: 0,
  iat: nowSeconds,
  jti: 'jwt_1',
  body: createHash('sha256').update(body).digest('base64url'),
};

function forge(change: Record<string, unknown>, header: unknown = { alg: 'HS256', typ: 'JWT' }): string {
  const input = `${encode(header)}.${encode({ ...claims, ...change })}`;
  return `${input}.${sign(input)}`;
}

function verify(change: Partial<VerifyOptions> = {}): Promise<void> {
  return verifySignature({ signature: vector, body, url, keys: [key, nextKey], nowSeconds, ...change });
}

async function expectRefused(change: Partial<VerifyOptions>, reason: string): Promise<void> {
  const error: unknown = await verify(change).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(SignatureError);
  expect((error as SignatureError).message).toContain(reason);
}

describe('a genuine delivery', () => {
  it('passes, by the test vector of the contract', () => verify());
  it('passes with its body as bytes', () => verify({ body: new TextEncoder().encode(body) }));
  it('passes with a body that lies inside a larger buffer', () =>
    verify({ body: Buffer.from(`xx${body}`).subarray(2) }));
  it('passes under the next key', () => verify({ keys: [nextKey, key] }));
  it('passes without a URL to compare', () => verify({ url: undefined }));
  it('passes with a padded and with an unpadded body hash', async () => {
    await verify({ signature: forge({}) });
    await verify({ signature: forge({ body: `${claims.body}=` }) });
  });

  it('passes for any URL and any body that was signed', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const bytes = Uint8Array.from({ length: seed * 3 }, (_, index) => (seed * 31 + index * 17) % 256);
      const target = `https://h${seed}.example/${'é"\\%20?a=1&'.slice(0, seed % 11)}`;
      const bodySha256Base64Url = `${createHash('sha256').update(bytes).digest('base64url')}=`;
      const signature = formatSignature(
        { url: target, bodySha256Base64Url, jti: `jwt_${seed}`, nowSeconds, ttlSeconds: 300 },
        (input) => sign(input),
      );
      await verify({ signature, url: target, body: bytes });
    }
  });
});

describe('a signature', () => {
  const [header, payload, mac = ''] = vector.split('.');

  it.each([
    ['empty', ''],
    ['no token', 'abc'],
    ['without a third part', `${header}.${payload}`],
    ['with an empty third part', `${header}.${payload}.`],
    ['with a fourth part', `${vector}.x`],
    ['shortened', vector.slice(0, -4)],
    ['of one character', `${header}.${payload}.o`],
    ['lengthened', `${vector}AAAA`],
    ['with one letter changed', `${header}.${payload}.p${mac.slice(1)}`],
    ['over another payload', `${header}.${encode(claims)}.${mac}`],
    ['not in base64', `${header}.${payload}.!!!`],
    ['with a header not in base64', `!!!.${payload}.${mac}`],
    ['with a header that is not JSON', `AAAA.${payload}.${mac}`],
    ['with a header that is no object', `${encode(null)}.${payload}.${mac}`],
    ['of dots only', '.'.repeat(1000)],
  ])('is invalid when it is %s', (_, signature) => expectRefused({ signature }, 'invalid signature'));

  it.each(['none', 'None', 'HS384', 'HS512', 'RS256', 'hs256', '', null, undefined, ['HS256']])(
    'is invalid under the algorithm %j, even if the HMAC is right',
    (alg) => expectRefused({ signature: forge({}, { alg, typ: 'JWT' }) }, 'invalid signature'),
  );

  it('is invalid without the HMAC under the algorithm none', () =>
    expectRefused({ signature: `${encode({ alg: 'none' })}.${encode(claims)}.` }, 'invalid signature'));

  it('is invalid under other keys, and under none', async () => {
    await expectRefused({ keys: ['sig_other', nextKey] }, 'invalid signature');
    await expectRefused({ keys: [] }, 'invalid signature');
    await expectRefused({ keys: [key.replace('sig_', '')] }, 'invalid signature');
  });

  it('is never valid under an empty key', async () => {
    const input = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
    await expectRefused({ signature: `${input}.${sign(input, '')}`, keys: [''] }, 'invalid signature');
  });
});

describe('the claims', () => {
  it('must name the issuer', async () => {
    await expectRefused({ signature: forge({ iss: 'Other' }) }, 'invalid issuer: Other');
    await expectRefused({ signature: forge({ iss: undefined }) }, 'invalid issuer');
  });

  it('must name the URL that was called, to the letter', async () => {
    await expectRefused({ url: 'https://example.com/hook' }, `invalid subject: ${url}, want: https://example.com/hook`);
    await expectRefused({ url: `${url}/` }, 'invalid subject');
    await expectRefused({ url: url.toUpperCase() }, 'invalid subject');
    await expectRefused({ url: '' }, 'invalid subject');
    await expectRefused({ signature: forge({ sub: undefined }) }, 'invalid subject');
  });

  it('expire, at the very second', async () => {
    await verify({ nowSeconds: nowSeconds + 299 });
    await expectRefused({ nowSeconds: nowSeconds + 300 }, 'expired');
  });

  it('expire later by the clock tolerance', async () => {
    await verify({ nowSeconds: nowSeconds + 304, clockToleranceSeconds: 5 });
    await expectRefused({ nowSeconds: nowSeconds + 305, clockToleranceSeconds: 5 }, 'expired');
  });

  it('are not valid before their time, less the clock tolerance', async () => {
    const signature = forge({ nbf: nowSeconds + 10 });
    await expectRefused({ signature }, 'not valid yet');
    await expectRefused({ signature, clockToleranceSeconds: 9 }, 'not valid yet');
    await verify({ signature, clockToleranceSeconds: 10 });
  });

  it('are refused under a tolerance that is not a number', () =>
    expectRefused({ nowSeconds: nowSeconds + 305, clockToleranceSeconds: NaN }, 'expired'));

  it.each([{ exp: undefined }, { exp: '9999999999' }, { nbf: undefined }, { nbf: null }])(
    'must have their times as numbers: %j is refused',
    (change) => expectRefused({ signature: forge(change) }, 'exp or nbf is missing'),
  );

  it('are compared with the real time if no other is given', () => expectRefused({ nowSeconds: undefined }, 'expired'));
});

describe('the body', () => {
  const want = 'want: k6I5cakU5erL8KjSUVTNownDwccvu5kU1Hxg88toFYg, got: ';

  it.each(['', '{"hello": "world"}', `${body}\n`, new Uint8Array(0)])(
    'must be the one that was signed: %j is not',
    (other) => expectRefused({ body: other }, `body hash does not match, ${want}`),
  );

  it('must have a hash in the claims', () =>
    expectRefused({ signature: forge({ body: undefined }) }, 'body hash does not match'));

  it('may be empty, if an empty one was signed', () =>
    verify({ signature: forge({ body: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=' }), body: '' }));
});
