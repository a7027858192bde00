import { createHash } from 'node:crypto';
import { eventually } from '@posthorn/testkit';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { useSystem } from './system.fixture.ts';

const system = useSystem();

interface Keys {
  current: string;
  next: string;
}
const keys = async (path = '/v2/keys', method = 'GET') => (await system.api.request<Keys>(method, path)).body;
const deliver = async (path: string, body: string) => {
  await system.api.publish(system.receiver.url + path, { body });
  const { headers } = await system.receiver.first(path);
  return String(headers['upstash-signature']);
};
const verify = (token: string, key: string) => jwtVerify(token, new TextEncoder().encode(key), { issuer: 'Upstash' });

test.each(['{"hello":"world"}', ''])(
  'a delivery of %j verifies with the current key and has the exact claims',
  async (body) => {
    const path = `/signed?x=${body.length}`;
    const token = await deliver(path, body);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' });
    const { payload } = await verify(token, (await keys()).current);
    expect(payload).toEqual({
      iss: 'Upstash',
      sub: system.receiver.url + path,
      iat: expect.any(Number) as number,
      exp: Number(payload.iat) + 300,
      nbf: 0,
      jti: expect.stringMatching(/^jwt_/) as string,
      body: `${createHash('sha256').update(body).digest('base64url')}=`,
    });
    expect(Number(payload.iat)).toBeLessThanOrEqual(Date.now() / 1000);
  },
);

test('another library agrees, and so it does that a changed token or another key is wrong', async () => {
  const token = await deliver('/second-opinion', 'x');
  const { current, next } = await keys();
  const options = {
    algorithms: ['HS256' as const],
    issuer: 'Upstash',
    subject: `${system.receiver.url}/second-opinion`,
  };
  expect(jsonwebtoken.verify(token, current, options)).toMatchObject({ nbf: 0, iss: 'Upstash' });
  expect(() => jsonwebtoken.verify(token, next, options)).toThrow('invalid signature');
  const [head, , signature] = token.split('.') as [string, string, string];
  const forged = Buffer.from(JSON.stringify({ iss: 'Upstash', exp: 9e9 })).toString('base64url');
  expect(() => jsonwebtoken.verify(`${head}.${forged}.${signature}`, current)).toThrow('invalid signature');
});

test('rotation makes the next key the current one, also for messages that were accepted before', async () => {
  const before = await keys();
  system.receiver.reply('/older', 500, 200);
  await system.api.publish(`${system.receiver.url}/older`, { headers: { 'Upstash-Retry-Delay': '300' } });
  await system.receiver.first('/older');

  const after = await keys('/v2/keys/rotate', 'POST');
  expect(after.current).toBe(before.next);
  expect(after.next).not.toBe(before.next);
  expect(await keys()).toEqual(after);
  await verify(await deliver('/rotated', 'x'), after.current);
  const retried = await eventually(() => system.receiver.at('/older')[1]);
  await verify(String(retried.headers['upstash-signature']), before.next);
});
