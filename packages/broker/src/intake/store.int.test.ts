import { setTimeout } from 'node:timers/promises';
import { eventually } from '@posthorn/testkit';
import { useBroker } from '../broker.fixture.ts';
import { listMembers } from '../engine/lanes/lanes.fixture.ts';
import { queueLane, type Lane } from '../engine/lanes/lanes.ts';
import { keyspace } from '../engine/redis/keyspace.ts';

const stage = useBroker(1);
afterEach(() => jest.restoreAllMocks());

const lane = queueLane('q');
const request = {
  destination: { kind: 'url', url: 'https://a.example' } as const,
  headers: [],
  tokenInQuery: false,
  body: Buffer.from('x'),
  callerIp: '::1',
  queueName: 'q',
};

test('a message enters its queue once it is stored: a slot that was granted before would wake no message', async () => {
  const shard = stage.broker.shards.at(0);
  const add = shard.add;
  const membersBefore: number[] = [];
  jest.spyOn(shard, 'add').mockImplementation(async (deliveries) => {
    membersBefore.push((await listMembers(stage.broker.redis, stage.broker.lanes, lane)).length);
    return add(deliveries);
  });
  const first = await stage.broker.publish(request);
  const batch = await stage.broker.publishBatch([request, request, request]);
  expect(membersBefore).toEqual([0, 1]);
  const ids = [first, batch].flat().map((reply) => (reply as { messageId: string }).messageId);
  expect(await listMembers(stage.broker.redis, stage.broker.lanes, lane)).toEqual(ids);
  // The first has a slot and is awake, the others sleep.
  expect(await shard.count(Date.now())).toMatchObject({ waiting: 1, delayed: 3, due: 0 });
  // For long: they will be woken.
  await eventually(async () => (await shard.count(Date.now() + 3_000_000)).due === 0);
});

test('a message of a key that lost its slot before it was stored asks again soon, though its publisher has died', async () => {
  const headers = ['Upstash-Flow-Control-Key', 'k', 'Upstash-Flow-Control-Value', 'parallelism=1'];
  const { queueName: _, ...keyed } = { ...request, headers };
  await stage.broker.publish(keyed);
  const shard = stage.broker.shards.at(0);
  const before = await shard.count(Date.now() + 15_000);
  // As if the process ended after the message was stored.
  jest.spyOn(stage.broker.lanes, 'enterAsleep').mockRejectedValue(new Error('killed'));
  await expect(stage.broker.publish(keyed)).rejects.toThrow('killed');
  expect(await shard.count(Date.now() + 15_000)).toMatchObject({ delayed: before.delayed + 1, due: before.due + 1 });
  jest.restoreAllMocks();
  await stage.broker.publish(keyed);
  await eventually(async () => (await shard.count(Date.now() + 15_000)).due === before.due + 1);
});

describe('the rate and the limits of a flow-control key', () => {
  const requestFor = (value: string, once?: string, more: Record<string, string> = {}) => {
    const headers = {
      'Upstash-Flow-Control-Key': 'rated',
      'Upstash-Flow-Control-Value': value,
      ...(once === undefined ? {} : { 'Upstash-Deduplication-Id': once }),
      ...more,
    };
    const { queueName: _, ...keyed } = { ...request, headers: Object.entries(headers).flat() };
    return keyed;
  };
  const send = async (...[value, once, more]: Parameters<typeof requestFor>) =>
    (await stage.broker.publish(requestFor(value, once, more))) as { messageId: string; deduplicated?: true };
  const key = () => stage.broker.flowControls.get('rated');
  const rated: Lane = { kind: 'flow', name: 'rated' };
  beforeEach(() => stage.server.client.flushall());

  test('a duplicate takes no unit, opens no window and changes no limits', async () => {
    const { messageId } = await send('rate=2,period=1h', 'a');
    await stage.broker.lanes.acquire(rated, messageId);
    await stage.broker.lanes.release(rated, messageId);
    for (let n = 0; n < 3; n++) expect(await send('rate=1,period=1h', 'a')).toMatchObject({ deduplicated: true });
    expect(await key()).toMatchObject({ rateMax: 2, rateCount: 1, parallelismCount: 0, waitListSize: 0 });
    await send('rate=2,period=1h', 'b');
    expect(await key()).toMatchObject({ rateMax: 2, rateCount: 2, parallelismCount: 1, waitListSize: 0 });

    await stage.broker.lanes.resetRate(rated);
    await stage.server.client.hset(keyspace.lane(0, 'flow', 'rated'), { windowStart: 0 });
    await send('rate=2,period=1h', 'b');
    expect(await key()).toMatchObject({ rateCount: 0, ratePeriodStart: 0 });
  });

  test('a message that is canceled before its attempt gives its unit to the next one', async () => {
    const { messageId } = await send('rate=1,period=1h');
    const second = await send('rate=1,period=1h');
    expect(await key()).toMatchObject({ rateCount: 1, waitListSize: 1 });
    await stage.broker.messages.cancel([messageId]);
    expect(await key()).toMatchObject({ rateCount: 1, waitListSize: 0 });
    expect(await listMembers(stage.broker.redis, stage.broker.lanes, rated)).toEqual([second.messageId]);
  });

  test.each([
    ['delayed', { 'Upstash-Delay': '1h' }],
    ['in a queue', { 'Upstash-Queue-Name': 'q' }],
    ['neither', {}],
  ])('the message that was accepted last counts, not the duplicates after it (%s)', async (_, more) => {
    await send('rate=2', 'a', more);
    expect(await key()).toMatchObject({ rateMax: 2 });
    expect(await send('rate=9', 'a', more)).toMatchObject({ deduplicated: true });
    expect(await key()).toMatchObject({ rateMax: 2 });
    await stage.broker.publishBatch([requestFor('rate=5', 'b', more), requestFor('rate=9', 'a', more)]);
    expect(await key()).toMatchObject({ rateMax: 5 });
    await stage.broker.publishBatch([requestFor('rate=7', 'c', more), requestFor('parallelism=3', undefined, more)]);
    expect(await key()).toMatchObject({ rateMax: 0, parallelismMax: 3 });
    await stage.broker.publishBatch([requestFor('parallelism=4', undefined, more), requestFor('rate=6', 'd', more)]);
    expect(await key()).toMatchObject({ rateMax: 6, parallelismMax: 0 });
  });
});

describe('Redis answers each command just in time', () => {
  const slow = async <T>(work: Promise<T>) => {
    await setTimeout(1000);
    return work;
  };
  beforeEach(async () => {
    const { queues, lanes } = stage.broker;
    const { queueExists, enterAsleep } = lanes;
    // Else this process remembers that it exists.
    await queues.remove('q');
    jest.spyOn(lanes, 'queueExists').mockImplementation((name) => slow(queueExists(name)));
    jest.spyOn(lanes, 'enterAsleep').mockImplementation((lane, id) => slow(enterAsleep(lane, id)));
  });

  test.each([
    ['a publish', () => stage.broker.publish(request)],
    ['a batch', () => stage.broker.publishBatch([request, request])],
  ])('%s is refused before the times of its commands add up', async (_name, publish) => {
    await expect(publish()).rejects.toMatchObject({ code: 'unavailable' });
  });
});
