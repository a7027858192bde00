import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import { connectForWork, type RedisConnection } from '../engine/redis/connect.ts';
import { createSigningKeys } from './signing-keys.ts';

let server: TestRedis;
let redis: RedisConnection;
beforeAll(async () => {
  server = await startRedis();
  redis = connectForWork(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());

test('keys are created once, also for several processes', async () => {
  const stores = Array.from({ length: 10 }, () => createSigningKeys(redis));
  const pairs = await Promise.all(stores.map((store) => store.get()));
  expect(new Set(pairs.map(({ current }) => current)).size).toBe(1);
  expect(pairs[0]?.current).toMatch(/^sig_[A-Za-z0-9]{28}$/);
});

test('a pair from the environment counts until it is rotated away or changes', async () => {
  const keys = createSigningKeys(redis);
  const given = { current: 'sig_a', next: 'sig_b' };
  await keys.prepare(given);
  expect(await keys.get()).toEqual(given);
  const rotated = await keys.rotate();
  expect(rotated.current).toBe('sig_b');
  await keys.prepare(given);
  expect(await keys.get()).toEqual(rotated);
  await keys.prepare({ current: 'sig_c', next: 'sig_d' });
  expect(await keys.get()).toEqual({ current: 'sig_c', next: 'sig_d' });
});

test('who follows the keys sees a rotation', async () => {
  const followed = await createSigningKeys(redis).follow();
  const { current } = await createSigningKeys(redis).rotate();
  await eventually(() => followed.current() === current);
  followed.close();
});

test('who begins to follow the keys misses no rotation', async () => {
  const keys = createSigningKeys(redis);
  const subscriber = redis.duplicate();
  const subscribe = subscriber.subscribe.bind(subscriber);
  let rotated = '';
  jest.spyOn(redis, 'duplicate').mockReturnValueOnce(subscriber);
  jest.spyOn(subscriber, 'subscribe').mockImplementationOnce(async (channel: unknown) => {
    ({ current: rotated } = await keys.rotate());
    return subscribe(String(channel));
  });
  const followed = await keys.follow();
  expect(followed.current()).toBe(rotated);
  followed.close();
});

test('an emptied Redis gets the keys back that were known', async () => {
  const keys = createSigningKeys(redis);
  const pair = await keys.get();
  await redis.flushall();
  expect(await keys.get()).toEqual(pair);
  await redis.flushall();
  expect((await keys.rotate()).current).toBe(pair.next);
});
