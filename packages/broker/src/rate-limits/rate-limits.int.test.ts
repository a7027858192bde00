import { eventually } from '@posthorn/testkit';
import { useBroker } from '../broker.fixture.ts';
import { keyspace } from '../engine/redis/keyspace.ts';

const stage = useBroker(1);

test('requests of a second are counted for each caller, and the next second begins anew', async () => {
  const first = await stage.broker.rateLimits.count('a');
  await eventually(async () => (await stage.broker.rateLimits.count('a')).count === 2);
  expect((await stage.broker.rateLimits.count('b')).count).toBe(1);
  await eventually(async () => {
    const { count, resetAtSeconds } = await stage.broker.rateLimits.count('a');
    return count === 1 && resetAtSeconds > first.resetAtSeconds;
  });
});

test.each([
  ['of a clock that was set back', 600_000],
  ['that has no end', undefined],
])('the count %s does not last', async (_, leftMs) => {
  const key = keyspace.requestsInSecond('c');
  await stage.server.client.set(key, 100_000);
  if (leftMs !== undefined) await stage.server.client.pexpire(key, leftMs);
  expect((await stage.broker.rateLimits.count('c')).count).toBe(1);
  const left = await stage.server.client.pttl(key);
  // -2: the second is over already.
  expect(left === -2 || (left >= 0 && left <= 1000)).toBe(true);
});
