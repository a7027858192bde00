import type { Message } from '@posthorn/shared';
import type { TestRedis } from '@posthorn/testkit';
import type { BrokerParts } from './broker.ts';
import { startTestBroker } from './broker.fixture.ts';
import { queueLane } from './engine/lanes/lane.ts';

const message: Message = {
  url: 'https://a.example',
  method: 'POST',
  header: {},
  body: { kind: 'empty' },
  createdAt: Date.now(),
  notBefore: Date.now(),
  maxRetries: 3,
  timeoutMs: 1000,
  callerIp: '::1',
};

let server: TestRedis;
let broker: BrokerParts;

beforeAll(async () => {
  ({ server, broker } = await startTestBroker(8));
});
afterAll(async () => {
  await broker.close();
  await server.stop();
});
beforeEach(() => server.client.flushall());

async function countCommands(work: () => Promise<unknown>): Promise<number> {
  await server.client.config('RESETSTAT');
  await work();
  const stats = await server.client.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_(?!config|info)\S+:calls=(\d+)/gm)];
  return calls.reduce((sum, [, count]) => sum + Number(count), 0);
}

test.each([
  ['sweep', () => broker.upkeep.sweep()],
  ['expire', () => broker.upkeep.expire()],
  ['hasPending', () => broker.upkeep.hasPending()],
  ['backlogs', () => broker.backlogs.readEach()],
  ['hasActive', () => Promise.all([broker.shards.hasActive(), broker.shards.hasActive()])],
])('asks an empty Redis with one command: %s', async (_, work) => {
  // Beforehand, so that what a connection does once is not counted.
  await work();
  expect(await countCommands(work)).toBe(1);
});

test('sees a lane that is in use, and messages in any shard', async () => {
  await broker.lanes.enter(queueLane('a'), 'msg_1');
  expect(await broker.upkeep.sweep()).toBe(true);

  for (const shard of [0, 7]) {
    expect(await broker.upkeep.hasPending()).toBe(false);
    const { id } = broker.shards.newId(Date.now());
    await broker.shards.at(shard).add([{ id, message }]);
    expect(await broker.upkeep.hasPending()).toBe(true);
    const each = await broker.backlogs.readEach();
    expect(each.map(({ waiting }) => waiting)).toEqual(each.map((_, index) => (index === shard ? 1 : 0)));
    await server.client.flushall();
  }
});
