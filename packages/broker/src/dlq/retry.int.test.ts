import { PosthornError, type Message } from '@posthorn/shared';
import type { TestRedis } from '@posthorn/testkit';
import { startTestBroker } from '../broker.fixture.ts';
import type { Broker } from '../broker.ts';

let server: TestRedis;
let broker: Broker;
beforeAll(async () => {
  ({ server, broker } = await startTestBroker(2));
});
afterAll(async () => {
  await broker.close();
  await server.stop();
});
beforeEach(() => server.client.flushall());
afterEach(() => jest.restoreAllMocks());

const sizeBytes = 5 * 1024 * 1024;

async function bury(): Promise<{ id: string; dlqId: string }> {
  const { id } = broker.shards.newId(Date.now());
  const message: Message = {
    url: 'https://a.example',
    method: 'POST',
    header: {},
    body: { kind: 'stored', key: id },
    createdAt: 0,
    notBefore: 0,
    maxRetries: 0,
    timeoutMs: 1000,
    callerIp: '::1',
  };
  await broker.bodies.put(id, Buffer.alloc(sizeBytes, 'x'), [id]);
  return { id, dlqId: await broker.dlq.bury(id, message, { status: 500, header: {}, body: Buffer.alloc(0) }) };
}

test('large bodies are copied a few at a time, and all entries are published before the first is removed', async () => {
  const dlqIds: string[] = [];
  for (let n = 0; n < 5; n++) dlqIds.push((await bury()).dlqId);
  let read = 0;
  let put = 0;
  let most = 0;
  const { bodies, dlq } = broker;
  const [reallyRead, reallyPut, reallyRemove] = [bodies.read, bodies.put, dlq.remove];
  jest.spyOn(bodies, 'read').mockImplementation((body) => {
    most = Math.max(most, ++read - put);
    return reallyRead(body);
  });
  jest.spyOn(bodies, 'put').mockImplementation((...all) => {
    put++;
    return reallyPut(...all);
  });
  jest.spyOn(dlq, 'remove').mockImplementation((ids) => {
    expect(put).toBe(5);
    return reallyRemove(ids);
  });

  const published = (await broker.retryDeadLetters(dlqIds, [])) ?? [];
  expect(most).toBe(2);
  expect(await dlq.find({ count: 100 })).toEqual({ ids: [] });
  for (const { messageId } of published) {
    const job = await broker.shards.at(broker.shards.shardOf(messageId) ?? 0).get(messageId);
    expect((await reallyRead(job?.message.body ?? { kind: 'empty' }))?.length).toBe(sizeBytes);
  }
  expect(published).toHaveLength(5);
}, 60_000);

test('when the body of one is gone, none is published', async () => {
  const kept = await bury();
  const broken = await bury();
  await server.client.del(`{d${broker.shards.shardOf(broken.id) ?? 0}}:body:${broken.id}`);
  const before = broker.accepted['dlq-retry'];
  await expect(broker.retryDeadLetters([kept.dlqId, broken.dlqId], [])).rejects.toThrow(PosthornError);
  expect(broker.accepted['dlq-retry']).toBe(before);
  expect((await broker.dlq.find({ count: 100 })).ids).toHaveLength(2);
});
