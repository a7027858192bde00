import { PosthornError, readDlqFilter, type Callback, type Message } from '@posthorn/shared';
import { useBroker } from '../broker.fixture.ts';

const stage = useBroker(2);
beforeEach(() => stage.server.client.flushall());
afterEach(() => jest.restoreAllMocks());

const sizeBytes = 5 * 1024 * 1024;

async function bury(fields: Partial<Message> = {}): Promise<{ id: string; dlqId: string }> {
  const { id, shard } = stage.broker.shards.newId(Date.now());
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
    ...fields,
  };
  await stage.broker.bodies.put(id, Buffer.alloc(sizeBytes, 'x'), [id]);
  const response = { status: 500, header: {}, body: Buffer.alloc(0), isCut: false };
  return { id, dlqId: await stage.broker.dlq.bury({ id, shard, message, retried: 0 }, { error: 'no', response }) };
}

const all = readDlqFilter({});
const countBodies = async () => (await stage.server.client.keys('*:body:*')).length;

test('large bodies are neither read nor copied, and all entries are published before the first is removed', async () => {
  const dlqIds: string[] = [];
  for (let n = 0; n < 5; n++) dlqIds.push((await bury()).dlqId);
  const { bodies, dlq } = stage.broker;
  const read = jest.spyOn(bodies, 'read');
  const put = jest.spyOn(bodies, 'put');
  const reallyRemove = dlq.remove;
  const before = stage.broker.accepted['dlq-retry'];
  jest.spyOn(dlq, 'remove').mockImplementation((ids) => {
    expect(stage.broker.accepted['dlq-retry']).toBe(before + 5);
    return reallyRemove(ids);
  });

  const published = (await stage.broker.retryDeadLetters(dlqIds, [])) ?? [];
  expect(published).toHaveLength(5);
  expect(await dlq.find(all)).toEqual({ ids: [] });
  expect(read).not.toHaveBeenCalled();
  expect(put).not.toHaveBeenCalled();
  expect(await countBodies()).toBe(5);
  for (const { messageId } of published) {
    const delivery = await stage.broker.shards.at(stage.broker.shards.shardOf(messageId) ?? 0).get(messageId);
    const body = delivery?.message.body ?? { kind: 'empty' };
    expect((await bodies.read(body))?.length).toBe(sizeBytes);
    await bodies.release(body, messageId, 0);
  }
  expect(await countBodies()).toBe(0);
}, 60_000);

test('a retry that is repeated after its message has ended leaves no body behind', async () => {
  const { id, dlqId } = await bury();
  const { bodies, dlq, shards } = stage.broker;
  const remove = jest.spyOn(dlq, 'remove').mockResolvedValueOnce(0);
  const [first] = (await stage.broker.retryDeadLetters([dlqId], [])) ?? [];
  const messageId = first?.messageId ?? '';
  const body = { kind: 'stored', key: id } as const;
  // It is delivered, and its response did not reach the caller.
  await stage.server.client.del(`{d${shards.shardOf(messageId) ?? 0}}:deliver:${messageId}`);
  await bodies.release(body, messageId, 0);
  const [second] = (await stage.broker.retryDeadLetters([dlqId], [])) ?? [];
  expect(second?.messageId).toBe(messageId);
  expect(remove).toHaveBeenCalledTimes(2);
  expect(await countBodies()).toBe(0);
});

test('a body that is about to expire with its entry lives on with the new message', async () => {
  const { id, dlqId } = await bury();
  await stage.broker.bodies.release({ kind: 'stored', key: id }, id, 60_000);
  await stage.broker.retryDeadLetters([dlqId], []);
  expect(await stage.server.client.pttl(`{d${stage.broker.shards.shardOf(id) ?? 0}}:body:${id}`)).toBe(-1);
});

test('what a message says stays beyond limits that were lowered since; what the retry says does not', async () => {
  const beyond = { maxRetries: 500, timeoutMs: 1e9, labels: Array.from({ length: 30 }, (_, n) => `l${n}`) };
  const { dlqId } = await bury(beyond);
  const retry = (...headers: string[]) => stage.broker.retryDeadLetters([dlqId], headers);
  await expect(retry('Upstash-Retries', '21')).rejects.toThrow('Upstash-Retries: use at most 20');
  const callback = ['Upstash-Callback', 'https://a.example/callback'];
  await expect(retry(...callback, 'Upstash-Callback-Retries', '21')).rejects.toThrow('Upstash-Callback-Retries');
  const [{ messageId } = { messageId: '' }] = (await retry(...callback)) ?? [];
  const delivery = await stage.broker.shards.at(stage.broker.shards.shardOf(messageId) ?? 0).get(messageId);
  expect(delivery?.message).toMatchObject({ ...beyond, callback: { maxRetries: 500 } });
});

test('when the body of one is gone, none is published', async () => {
  const kept = await bury();
  const broken = await bury();
  await stage.server.client.del(`{d${stage.broker.shards.shardOf(broken.id) ?? 0}}:body:${broken.id}`);
  const before = stage.broker.accepted['dlq-retry'];
  await expect(stage.broker.retryDeadLetters([kept.dlqId, broken.dlqId], [])).rejects.toThrow(PosthornError);
  expect(stage.broker.accepted['dlq-retry']).toBe(before);
  expect((await stage.broker.dlq.find(all)).ids).toHaveLength(2);
});

describe('a retry of many', () => {
  const many = 20;
  const buryMany = async () => {
    const { id } = stage.broker.shards.newId(Date.now());
    const body = { kind: 'text', text: id } as const;
    const dlqIds: string[] = [];
    for (let n = 0; n < many; n++) dlqIds.push((await bury({ body })).dlqId);
    return dlqIds;
  };

  test('reads its entries together, not one after the other', async () => {
    const dlqIds = await buryMany();
    const { dlq } = stage.broker;
    const read = dlq.read.bind(dlq);
    let begun = 0;
    let goOn: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (goOn = resolve));
    jest.spyOn(dlq, 'read').mockImplementation(async (dlqId) => {
      begun += 1;
      if (begun === many) goOn();
      await all;
      return read(dlqId);
    });
    expect(await stage.broker.retryDeadLetters(dlqIds, [])).toHaveLength(many);
  });

  test('is refused when Redis does not answer, and nothing is lost', async () => {
    const dlqIds = await buryMany();
    jest.spyOn(stage.broker.bodies, 'exists').mockReturnValue(new Promise(() => undefined));
    await expect(stage.broker.retryDeadLetters(dlqIds, [])).rejects.toMatchObject({ code: 'unavailable' });
    jest.restoreAllMocks();
    expect((await stage.broker.dlq.find(all)).ids).toHaveLength(many);
    expect(await stage.broker.retryDeadLetters(dlqIds, [])).toHaveLength(many);
  });
});

describe('options of callbacks', () => {
  const stored: Callback = {
    url: 'https://a.example/callback',
    method: 'PATCH',
    header: { A: ['1'] },
    maxRetries: 3,
    timeoutMs: 1000,
    delayMs: 2000,
    retryDelayExpression: '1000',
  };
  const retry = async (fields: Partial<Message>, ...headers: string[]) => {
    const [published] = (await stage.broker.retryDeadLetters([(await bury(fields)).dlqId], headers)) ?? [];
    const id = published?.messageId ?? '';
    return (await stage.broker.shards.at(stage.broker.shards.shardOf(id) ?? 0).get(id))?.message;
  };

  test('change the stored callback where they are given without a URL', async () => {
    const fields = { callback: stored, failureCallback: stored };
    const headers = ['Upstash-Callback-Retries', '0', 'Upstash-Callback-Method', 'PUT', 'Upstash-Callback-Delay', '0s'];
    const more = ['Upstash-Failure-Callback-Timeout', '5s', 'Upstash-Failure-Callback-Retry-Delay', '7'];
    expect(await retry(fields, ...headers, ...more)).toMatchObject({
      callback: { ...stored, maxRetries: 0, method: 'PUT', delayMs: 0 },
      failureCallback: { ...stored, timeoutMs: 5000, retryDelayExpression: '7' },
    });
    const flow = ['Upstash-Callback-Flow-Control-Key', 'k', 'Upstash-Callback-Flow-Control-Value', 'rate=1'];
    expect(await retry(fields, ...flow)).toMatchObject({
      callback: { ...stored, flowControl: { key: 'k', rate: 1, periodSeconds: 1 } },
      failureCallback: stored,
    });
  });

  test('describe a new callback with a URL, and none without a stored one', async () => {
    const url = 'https://b.example';
    expect(await retry({ callback: stored }, 'Upstash-Callback', url, 'Upstash-Callback-Retries', '1')).toMatchObject({
      callback: { url, method: 'POST', header: {}, maxRetries: 1, delayMs: 0 },
    });
    expect(await retry({}, 'Upstash-Callback-Retries', '1')).not.toHaveProperty('callback');
  });

  test('have the limits of a publish', async () => {
    await expect(retry({ callback: stored }, 'Upstash-Callback-Retries', '99')).rejects.toMatchObject({
      code: 'limit_exceeded',
    });
  });
});
