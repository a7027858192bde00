import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import { testOptions } from '../../broker.fixture.ts';
import type { BrokerParts } from '../../broker.ts';
import { createBroker } from '../../create-broker.ts';
import { connectForRequests } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';

const maxQueues = testOptions.queues?.maxQueues ?? 0;

let server: TestRedis;
let broker: BrokerParts;
beforeAll(async () => {
  server = await startRedis({ durability: 'everysec' });
  // A command that Redis refuses fails at once on the connection of an API.
  const redis = connectForRequests(server.url);
  await eventually(() => redis.status === 'ready');
  broker = createBroker({ ...testOptions, redis, shards: 1 });
});
afterAll(async () => {
  await broker.close();
  await server.stop();
});
beforeEach(() => server.client.flushall());

const names = async () => (await broker.queues.list()).map(({ name }) => name);
/** Redis refuses a command of a call, as it may when it fills up or fails in the middle of it. */
const refusing = async (command: 'sadd' | 'srem', call: () => Promise<unknown>) => {
  await server.client.call('ACL', 'SETUSER', 'default', `-${command}`);
  await expect(call()).rejects.toThrow();
  await server.client.call('ACL', 'SETUSER', 'default', `+${command}`);
};

test('the name of a queue that a crash has left without its queue is removed, and no longer counts', async () => {
  await server.client.sadd(keyspace.queues(0), 'left');
  for (let n = 1; n < maxQueues; n++) await broker.queues.upsert(`q${n}`, {});
  await expect(broker.queues.upsert('more', {})).rejects.toMatchObject({ code: 'limit_exceeded' });
  await broker.queues.remove('left');
  await broker.queues.upsert('more', {});
  expect(await names()).toHaveLength(maxQueues);
});

test('a queue that cannot be listed is not made', async () => {
  await refusing('sadd', () => broker.queues.upsert('q', {}));
  expect(await broker.queues.get('q')).toBeUndefined();
  await broker.queues.upsert('q', {});
  expect(await names()).toEqual(['q']);
});

test('a queue that cannot be taken off the list is not removed', async () => {
  await broker.queues.upsert('q', {});
  await refusing('srem', () => broker.queues.remove('q'));
  expect(await names()).toEqual(['q']);
  await broker.queues.remove('q');
  expect(await names()).toEqual([]);
});
