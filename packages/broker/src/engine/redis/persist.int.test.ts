import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import { connectForWork, type RedisConnection } from './connect.ts';

let redis: TestRedis;
let connection: RedisConnection;
const errors: string[] = [];
const setUser = (...more: string[]) =>
  redis.client.call('ACL', 'SETUSER', 'limited', 'reset', 'on', '>secret', '~*', '&*', '+@all', ...more);
beforeAll(async () => {
  redis = await startRedis();
  await setUser();
  connection = connectForWork(redis.url.replace('//', '//limited:secret@'));
  connection.on('error', (error: Error) => errors.push(error.message));
});
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});

test.each([
  ['the command itself', '-evalsha', 'evalsha'],
  ['a command inside of the script', '-hlen', 'evalsha'],
  ['a plain command', '-hget', 'hget'],
])('a worker that may not run %s any more waits, repeats it once a second, and says so', async (_, rule, name) => {
  await connection.hset('hash', 'field', 'value');
  const run = () =>
    name === 'hget' ? connection.hget('hash', 'field') : connection.replaceField('hash', 'other', '', 'value', 9);
  // ioredis sends the text of a script only once.
  await run();
  await connection.hdel('hash', 'other');
  await setUser(rule);
  errors.length = 0;
  const startedAt = performance.now();
  const outcome = run().then(
    () => 'done',
    (error: unknown) => String(error),
  );
  await eventually(() => errors.length >= 3);
  // The first at once, and two repetitions.
  expect(performance.now() - startedAt).toBeGreaterThan(1500);
  await setUser();
  expect(await outcome).toBe('done');
});

test('a question about Redis itself fails at once', async () => {
  await setUser('-info', '-config');
  await expect(connection.info()).rejects.toThrow(/NOPERM/);
  await expect(connection.config('GET', 'save')).rejects.toThrow(/NOPERM/);
  await setUser();
});
