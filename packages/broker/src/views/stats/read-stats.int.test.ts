import { counterNames } from '@posthorn/shared';
import type { TestRedis } from '@posthorn/testkit';
import { startTestBroker } from '../../broker.fixture.ts';
import type { BrokerParts } from '../../broker.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import { createStatsReader } from './read-stats.ts';

const dayMs = 86_400_000;
const days = 30;
const hostsOfDay = 10;

let server: TestRedis;
let broker: BrokerParts;
beforeAll(async () => {
  ({ server, broker } = await startTestBroker(1));
  const today = Math.floor(Date.now() / dayMs);
  // Other hosts each day, and one that is counted every day.
  const steps = server.client.pipeline();
  for (let day = today - days + 1; day <= today; day++) {
    for (let n = 0; n < hostsOfDay; n++) {
      const host = n === 0 ? 'always.example' : `h${n}.d${day}.example`;
      steps.sadd(`${keyspace.stats}k:host:${day}`, host);
      steps.hset(`${keyspace.stats}d:host:${day}:${host}`, String(day * 24), counterNames.map(() => 1).join());
    }
  }
  await steps.exec();
});
afterAll(async () => {
  await broker.close();
  await server.stop();
});

test('hosts of 30 days are read where they were counted, few of them at once', async () => {
  const { redis } = broker;
  const read = redis.hgetall.bind(redis);
  let open = 0;
  let most = 0;
  const spy = jest.spyOn(redis, 'hgetall').mockImplementation(async (key) => {
    most = Math.max(most, ++open);
    try {
      return await read(key);
    } finally {
      open--;
    }
  });
  const stats = createStatsReader(redis);
  const month = { from: Date.now() - days * dayMs, to: Date.now() };
  const hosts = await stats.readHosts(month.from, month.to);
  const commands = spy.mock.calls.filter(([key]) => String(key).includes('d:host:')).length;
  const { top } = await stats.read({ ...month, groupBy: 'host', top: 1 });
  spy.mockRestore();

  expect(hosts).toHaveLength(days * (hostsOfDay - 1) + 1);
  expect(hosts.find(({ host }) => host === 'always.example')?.counts.attempts).toBe(days);
  expect(top).toEqual([{ key: 'always.example', count: days }]);
  expect(commands).toBe(days * hostsOfDay);
  expect(most).toBeLessThan(150);
});
