import { createHmac, hash } from 'node:crypto';
import { QstashValidationError, Receiver, SignatureError } from './index.ts';

const body = '{"a":1}';
const url = 'https://a.example/hook?x=1';
const config = { currentSigningKey: 'sig_a', nextSigningKey: 'sig_b' };
const now = () => Math.floor(Date.now() / 1000);

/** A token as the server makes it, with other claims where they are given. */
function sign(key: string, claims: object = {}, header: object = { alg: 'HS256', typ: 'JWT' }): string {
  const times = { exp: now() + 300, nbf: 0, iat: now() };
  const all = {
    iss: 'Upstash',
    sub: url,
    ...times,
    jti: 'jwt_1',
    body: `${hash('sha256', body, 'base64url')}=`,
    ...claims,
  };
  const input = [header, all].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

const { env } = process;
beforeEach(() => {
  process.env = Object.fromEntries(Object.entries(env).filter(([name]) => !/QSTASH|NODE_ENV/.test(name)));
  jest.spyOn(console, 'warn').mockImplementation();
});
afterEach(() => {
  process.env = env;
  jest.restoreAllMocks();
});

test('the token of the contract is accepted in its time', async () => {
  jest.useFakeTimers({ now: 1_700_000_100_000 });
  const claims = {
    sub: 'https://example.com/hook?x=1',
    iat: 1_700_000_000,
    exp: 1_700_000_300,
    jti: 'jwt_example0001',
  };
  const signature = sign('sig_exampleCurrentKey0001', {
    ...claims,
    body: 'k6I5cakU5erL8KjSUVTNownDwccvu5kU1Hxg88toFYg=',
  });
  const receiver = new Receiver({ currentSigningKey: 'sig_exampleCurrentKey0001', nextSigningKey: 'sig_x' });
  const request = { signature, body: '{"hello":"world"}', url: 'https://example.com/hook?x=1' };
  await expect(receiver.verify(request)).resolves.toBe(true);
  jest.useRealTimers();
});

function refuse(name: string | symbol): never {
  throw new Error(`Requires env access to "${String(name)}", run again with the --allow-env flag`);
}

describe('accepts', () => {
  const verify = (request: object) => new Receiver(config).verify({ signature: sign('sig_a'), body, ...request });

  test.each<[string, () => object]>([
    ['the current key', () => ({})],
    ['the next key', () => ({ signature: sign('sig_b') })],
    ['the right URL', () => ({ url })],
    ['the body as bytes', () => ({ body: new TextEncoder().encode(body) })],
    ['a hash without padding', () => ({ signature: sign('sig_a', { body: hash('sha256', body, 'base64url') }) })],
    [
      'an expired token within the tolerance',
      () => ({ signature: sign('sig_a', { exp: now() - 2 }), clockTolerance: 5 }),
    ],
    [
      'an early token within the tolerance',
      () => ({ signature: sign('sig_a', { nbf: now() + 2 }), clockTolerance: 5 }),
    ],
  ])('%s', async (_name, request) => expect(await verify(request())).toBe(true));
});

test('empty keys are none: the variables count, or there are no keys', async () => {
  const request = { signature: sign('sig_a'), body };
  for (const given of [{ currentSigningKey: '', nextSigningKey: '' }, { currentSigningKey: '' }]) {
    const receiver = new Receiver(given);
    delete process.env['QSTASH_CURRENT_SIGNING_KEY'];
    await expect(receiver.verify(request)).rejects.toThrow('There are no signing keys');
    process.env['QSTASH_CURRENT_SIGNING_KEY'] = 'sig_a';
    expect(await receiver.verify(request)).toBe(true);
  }
});

describe('refuses', () => {
  test.each<[string, () => object, string]>([
    ['another key', () => ({ signature: sign('sig_c') }), 'invalid signature'],
    ['another body', () => ({ body: '{}' }), 'body hash does not match'],
    ['another URL', () => ({ url: 'https://b.example' }), 'invalid subject'],
    ['another issuer', () => ({ signature: sign('sig_a', { iss: 'Other' }) }), 'invalid issuer'],
    ['an expired token', () => ({ signature: sign('sig_a', { exp: now() - 1 }) }), 'expired'],
    ['an early token', () => ({ signature: sign('sig_a', { nbf: now() + 60 }) }), 'not valid yet'],
    ['no algorithm', () => ({ signature: sign('sig_a', {}, { alg: 'none' }) }), 'invalid signature'],
    ['another algorithm', () => ({ signature: sign('sig_a', {}, { alg: 'HS512' }) }), 'invalid signature'],
    ['a token without a body hash', () => ({ signature: sign('sig_a', { body: undefined }) }), 'body hash'],
    ['an empty text', () => ({ signature: '' }), 'invalid signature'],
    ['something else', () => ({ signature: 'a.b.c' }), 'invalid signature'],
    ['a changed claim', () => ({ signature: sign('sig_a').replace('.', '.e') }), 'invalid signature'],
  ])('%s', async (_name, request, message) => {
    const verifying = new Receiver(config).verify({ signature: sign('sig_a'), body, ...request() });
    await expect(verifying).rejects.toThrow(message);
    await expect(verifying).rejects.toBeInstanceOf(SignatureError);
  });
});

describe('a clock tolerance that is not a finite number of at least 0', () => {
  const late = () => sign('sig_a', { exp: now() - 5 });
  test.each([NaN, Infinity, -Infinity, '60', -1, null, true, 60n])('%p is refused', async (value) => {
    for (const signature of [late(), sign('sig_a')]) {
      const request = { signature, body, clockTolerance: value as number };
      await expect(new Receiver(config).verify(request)).rejects.toBeInstanceOf(QstashValidationError);
      await expect(new Receiver(config).verify(request)).rejects.toThrow('clockTolerance is ');
    }
  });

  test.each([0, 0.5, undefined])('%p is not', async (value) => {
    const tolerance = value === undefined ? {} : { clockTolerance: value };
    expect(await new Receiver(config).verify({ signature: sign('sig_a'), body, ...tolerance })).toBe(true);
    await expect(new Receiver(config).verify({ signature: late(), body, ...tolerance })).rejects.toThrow('expired');
  });
});

describe('keys', () => {
  test('come from the variables where they are not given', async () => {
    process.env['QSTASH_CURRENT_SIGNING_KEY'] = 'sig_env';
    process.env['QSTASH_NEXT_SIGNING_KEY'] = 'sig_env_next';
    await expect(new Receiver().verify({ signature: sign('sig_env'), body })).resolves.toBe(true);
    await expect(new Receiver().verify({ signature: sign('sig_env_next'), body })).resolves.toBe(true);
    await expect(new Receiver(config).verify({ signature: sign('sig_env'), body })).rejects.toThrow(SignatureError);
  });

  test('are those of the region of the request, if QSTASH_REGION is set and they are there', async () => {
    process.env['QSTASH_CURRENT_SIGNING_KEY'] = 'sig_plain';
    process.env['EU_CENTRAL_1_QSTASH_CURRENT_SIGNING_KEY'] = 'sig_eu';
    process.env['EU_CENTRAL_1_QSTASH_NEXT_SIGNING_KEY'] = 'sig_eu_next';
    const receiver = new Receiver();
    const fromEu = { body, upstashRegion: 'EU-CENTRAL-1' };
    await expect(receiver.verify({ ...fromEu, signature: sign('sig_plain') })).resolves.toBe(true);
    process.env['QSTASH_REGION'] = 'US_EAST_1';
    await expect(receiver.verify({ ...fromEu, signature: sign('sig_eu') })).resolves.toBe(true);
    await expect(receiver.verify({ ...fromEu, signature: sign('sig_plain') })).rejects.toThrow(SignatureError);
    const fromUs = { body, upstashRegion: 'US-EAST-1' };
    await expect(receiver.verify({ ...fromUs, signature: sign('sig_plain') })).resolves.toBe(true);
    await expect(new Receiver(config).verify({ ...fromEu, signature: sign('sig_a') })).resolves.toBe(true);
  });

  test('are the published ones in development', async () => {
    const signature = sign('sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r');
    await expect(new Receiver({ devMode: true }).verify({ signature, body })).resolves.toBe(true);
    process.env['QSTASH_DEV'] = 'true';
    await expect(new Receiver().verify({ signature, body })).resolves.toBe(true);
    await expect(new Receiver({ devMode: false, ...config }).verify({ signature, body })).rejects.toThrow(
      SignatureError,
    );
  });

  test.each([{ devMode: true }, {}])('are never the published ones in production: %j', async (given) => {
    Object.assign(process.env, { NODE_ENV: 'production', QSTASH_DEV: 'true' });
    const receiver = new Receiver({ ...config, ...given });
    for (const key of ['sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r', 'sig_a']) {
      await expect(receiver.verify({ signature: sign(key), body })).rejects.toThrow('NODE_ENV is production');
    }
    process.env['NODE_ENV'] = 'staging';
    expect(await receiver.verify({ signature: sign('sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r'), body })).toBe(true);
  });

  test('that are given need no environment, as in Deno without --allow-env', async () => {
    process.env = new Proxy({}, { get: (_target, name) => refuse(name) });
    expect(await new Receiver(config).verify({ signature: sign('sig_a'), body })).toBe(true);
    await expect(new Receiver().verify({ signature: sign('sig_a'), body })).rejects.toThrow('no signing keys');
  });

  test('must be there: with an empty one, anyone could sign', async () => {
    await expect(new Receiver().verify({ signature: sign(''), body })).rejects.toThrow('QSTASH_CURRENT_SIGNING_KEY');
    const empty = new Receiver({ currentSigningKey: '', nextSigningKey: 'sig_b' });
    await expect(empty.verify({ signature: sign('sig_b'), body })).resolves.toBe(true);
    await expect(
      new Receiver({ currentSigningKey: '', nextSigningKey: '' }).verify({ signature: sign('a'), body }),
    ).rejects.toThrow('no signing keys');
  });
});
