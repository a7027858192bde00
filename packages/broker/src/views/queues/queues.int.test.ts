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
afterEach(() => jest.restoreAllMocks());

const names = async () => (await broker.queues.list()).map(({ name }) => name);
/** Redis refuses a command of a call, as it may when it fills up or fails in the middle of it. */
const refusing = async (command: 'sadd' | 'srem', call: () => Promise<unknown>) => {
  await server.client.call('ACL', 'SETUSER', 'default', `-${command}`);
  await expect(call()).rejects.toThrow();
  await server.client.call('ACL', 'SETUSER', 'default', `+${command}`);
};

describe('delayed messages', () => {
  // Whoever has just used it takes it to exist.
  beforeEach(() => broker.queues.upsert('q', {}));
  const publish = async (headers: Record<string, string> = { 'Upstash-Delay': '1h' }) => {
    const request = {
      destination: { kind: 'url', url: 'https://a.example' } as const,
      headers: Object.entries(headers).flat(),
      tokenInQuery: false,
      body: Buffer.from('x'),
      callerIp: '::1',
      queueName: 'q',
    };
    return ((await broker.publish(request)) as { messageId: string }).messageId;
  };
  const lag = async () => (await broker.queues.get('q'))?.lag;
  const isPending = async (id: string) => (await broker.shards.at(0).get(id)) !== undefined;
  const delayed = () => keyspace.laneDelayed(0, 'queue', 'q');

  test('count, and are canceled with their queue', async () => {
    const later = await publish({ 'Upstash-Delay': '2h' });
    const first = await publish();
    expect(await broker.queues.get('q')).toMatchObject({ lag: 2, first: { messageId: first } });
    const now = await publish({});
    expect(await broker.queues.get('q')).toMatchObject({ lag: 3, first: { messageId: now } });
    await broker.queues.remove('q');
    for (const id of [later, first, now]) expect(await isPending(id)).toBe(false);
    await broker.queues.upsert('q', {});
    expect(await broker.queues.get('q')).toMatchObject({ lag: 0 });
  });

  test('are canceled also if another version has stored them, which did not note them', async () => {
    const id = await publish();
    await server.client.del(delayed());
    await broker.queues.remove('q');
    expect(await isPending(id)).toBe(false);
  });

  test('count once, until they have ended', async () => {
    const id = await publish({ 'Upstash-Delay': '1h', 'Upstash-Deduplication-Id': 'a' });
    await publish({ 'Upstash-Delay': '1h', 'Upstash-Deduplication-Id': 'a' });
    expect(await lag()).toBe(1);
    await broker.lanes.acquire({ kind: 'queue', name: 'q' }, id);
    expect(await lag()).toBe(1);
    await broker.lanes.leave({ kind: 'queue', name: 'q' }, id);
    expect(await lag()).toBe(0);
    await broker.messages.cancel([await publish()]);
    expect(await lag()).toBe(0);
  });

  test('that were never stored no longer count some time after they would have been due', async () => {
    const kept = await publish();
    jest.spyOn(broker.shards.at(0), 'add').mockRejectedValueOnce(new Error('the process died'));
    await expect(publish()).rejects.toThrow('died');
    expect(await lag()).toBe(2);
    for (const id of await server.client.zrange(delayed(), 0, '-1')) await server.client.zadd(delayed(), 1, id);
    await broker.lanes.expire(0);
    expect(await broker.queues.get('q')).toMatchObject({ lag: 1, first: { messageId: kept } });
  });
});

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
