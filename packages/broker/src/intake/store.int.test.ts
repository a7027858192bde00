import { setTimeout } from 'node:timers/promises';
import { eventually, type TestRedis } from '@posthorn/testkit';
import { startTestBroker } from '../broker.fixture.ts';
import type { BrokerParts } from '../broker.ts';
import { queueLane } from '../engine/lanes/lanes.ts';

let server: TestRedis;
let broker: BrokerParts;
beforeAll(async () => {
  ({ server, broker } = await startTestBroker(1));
});
afterAll(async () => {
  await broker.close();
  await server.stop();
});
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
  const shard = broker.shards.at(0);
  const add = shard.add;
  const placesBefore: number[] = [];
  jest.spyOn(shard, 'add').mockImplementation(async (deliveries) => {
    placesBefore.push((await broker.lanes.members(lane)).length);
    return add(deliveries);
  });
  const first = await broker.publish(request);
  const batch = await broker.publishBatch([request, request, request]);
  expect(placesBefore).toEqual([0, 1]);
  const ids = [first, batch].flat().map((reply) => (reply as { messageId: string }).messageId);
  expect(await broker.lanes.members(lane)).toEqual(ids);
  // The first has a slot and is awake, the others sleep.
  expect(await shard.count(Date.now())).toMatchObject({ waiting: 1, delayed: 3, due: 0 });
  // For long: they will be woken.
  await eventually(async () => (await shard.count(Date.now() + 3_000_000)).due === 0);
});

test('a message of a key that lost its slot before it was stored asks again soon, though its publisher has died', async () => {
  const headers = ['Upstash-Flow-Control-Key', 'k', 'Upstash-Flow-Control-Value', 'parallelism=1'];
  const { queueName: _, ...keyed } = { ...request, headers };
  await broker.publish(keyed);
  const shard = broker.shards.at(0);
  const before = await shard.count(Date.now() + 15_000);
  // As if the process ended after the message was stored.
  jest.spyOn(broker.lanes, 'enterAsleep').mockRejectedValue(new Error('killed'));
  await expect(broker.publish(keyed)).rejects.toThrow('killed');
  expect(await shard.count(Date.now() + 15_000)).toMatchObject({ delayed: before.delayed + 1, due: before.due + 1 });
  jest.restoreAllMocks();
  await broker.publish(keyed);
  await eventually(async () => (await shard.count(Date.now() + 15_000)).due === before.due + 1);
});

describe('Redis answers each command just in time', () => {
  const slow = async <T>(work: Promise<T>) => {
    await setTimeout(1000);
    return work;
  };
  beforeEach(() => {
    const { queues, lanes } = broker;
    const { ensure } = queues;
    const { enterAsleep } = lanes;
    jest.spyOn(queues, 'ensure').mockImplementation((name) => slow(ensure(name)));
    jest.spyOn(lanes, 'enterAsleep').mockImplementation((lane, id) => slow(enterAsleep(lane, id)));
  });

  test.each([
    ['a publish', () => broker.publish(request)],
    ['a batch', () => broker.publishBatch([request, request])],
  ])('%s is refused before the times of its commands add up', async (_name, publish) => {
    await expect(publish()).rejects.toMatchObject({ code: 'unavailable' });
  });
});
