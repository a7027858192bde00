import { eventually, type TestRedis } from '@posthorn/testkit';
import { startTestBroker } from '../broker.fixture.ts';
import type { BrokerParts } from '../broker.ts';
import { keyspace } from '../engine/redis/keyspace.ts';

let server: TestRedis;
let broker: BrokerParts;
beforeAll(async () => {
  ({ server, broker } = await startTestBroker(1));
});
afterAll(async () => {
  await broker.close();
  await server.stop();
});

test('requests of a second are counted for each caller, and the next second begins anew', async () => {
  const first = await broker.rateLimits.count('a');
  await eventually(async () => (await broker.rateLimits.count('a')).count === 2);
  expect((await broker.rateLimits.count('b')).count).toBe(1);
  await eventually(async () => {
    const { count, resetAtSeconds } = await broker.rateLimits.count('a');
    return count === 1 && resetAtSeconds > first.resetAtSeconds;
  });
});

test.each([
  ['of a clock that was set back', 600_000],
  ['that has no end', undefined],
])('the count %s does not last', async (_, leftMs) => {
  const key = keyspace.requestsInSecond('c');
  await server.client.set(key, 100_000);
  if (leftMs !== undefined) await server.client.pexpire(key, leftMs);
  expect((await broker.rateLimits.count('c')).count).toBe(1);
  const left = await server.client.pttl(key);
  // -2: the second is over already.
  expect(left === -2 || (left >= 0 && left <= 1000)).toBe(true);
});
