import { Limits } from '@posthorn/shared';
import { readConfig, table } from '../config.ts';
import { toLimits } from './limits.ts';

const before = process.env;
beforeEach(
  () =>
    (process.env = {
      REDIS_URL: 'redis://127.0.0.1',
      QSTASH_TOKEN: 'a-token-of-a-test',
      MAX_MESSAGE_BYTES: '1000',
      MAX_DELAY_SECONDS: '60',
      MAX_RETRIES: '2',
    }),
);
afterEach(() => (process.env = before));

test('limits are those of the configuration, with times in milliseconds, and hold no secret', () => {
  const limits = toLimits(readConfig());
  expect(limits).toMatchObject({ maxMessageBytes: 1000, maxDelayMs: 60_000, burstRateLimit: 100 });
  expect(JSON.stringify(limits)).not.toContain('a-token-of-a-test');
});

test('the default of retries is never above the maximum', () => {
  expect(toLimits(readConfig())).toMatchObject({ defaultRetries: 2, maxRetries: 2 });
});

test.each(Object.keys(Limits.shape))('%s is named after its variable', (field) => {
  const name = field
    .replace(/Ms$/, 'Seconds')
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase();
  expect(Object.keys(table)).toContain(name);
});
