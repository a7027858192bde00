import { createHmac } from 'node:crypto';
import { createHmacSha256 } from './hmac.ts';

test('gives the test case of RFC 4231, section 4.3', () => {
  const mac = createHmacSha256('Jefe')('what do ya want for nothing?');
  expect(Buffer.from(mac, 'base64url').toString('hex')).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});

test.each([0, 1, 31, 63, 64, 65, 200])(
  'agrees with node:crypto for a key of %i bytes and texts of any length',
  (bytes) => {
    const key = 'sig_ü'.repeat(bytes).slice(0, bytes);
    const sign = createHmacSha256(key);
    for (const length of [0, 1, 55, 56, 63, 64, 65, 400, 20_000]) {
      const text = 'aZ0_-.'.repeat(length).slice(0, length);
      expect(sign(text)).toBe(createHmac('sha256', key).update(text).digest('base64url'));
    }
  },
);
