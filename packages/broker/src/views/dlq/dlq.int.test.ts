import { readDlqFilter, type DlqFilter, type Message } from '@posthorn/shared';
import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import fc from 'fast-check';
import { pino } from 'pino';
import { connectForWork, type RedisConnection } from '../../engine/redis/connect.ts';
import { createResponseStore, cutResponse, type ResponseStore } from '../../engine/log/responses.ts';
import { createBodyStore, type BodyStore } from '../../engine/shards/body.ts';
import { openShards, type Shards } from '../../engine/shards/shards.ts';
import { createDlq, type Dlq } from './dlq.ts';

let server: TestRedis;
let redis: RedisConnection;
let shards: Shards;
let bodies: BodyStore;
let responses: ResponseStore;
let dlq: Dlq;
beforeAll(async () => {
  server = await startRedis({ durability: 'everysec' });
  redis = connectForWork(server.url);
  await eventually(() => redis.status === 'ready');
  shards = openShards(redis, 3, pino({ level: 'fatal' }));
  bodies = createBodyStore(redis, shards.shardOf);
  responses = createResponseStore(redis, shards);
  dlq = createDlq({ redis, shards, bodies, responses, retentionMs: 600_000, logRetentionMs: 300_000 });
});
afterAll(async () => {
  await shards.close();
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());

const failure = (status: number, body: string | Buffer = '', isCut = false) => ({
  error: 'no',
  errorKind: 'http' as const,
  response: { status, header: {}, body: Buffer.from(body), isCut },
});
const message = (label: string): Message => ({
  url: `https://a.example/${label}`,
  method: 'POST',
  header: {},
  body: { kind: 'empty' },
  createdAt: 0,
  notBefore: 0,
  maxRetries: 0,
  timeoutMs: 1000,
  callerIp: '::1',
  labels: [label],
});
const filter = (fields: Partial<DlqFilter> = {}): DlqFilter => ({ ...readDlqFilter({}), ...fields });
const bury = async (label: string, status = 500, body = '') => {
  const { id, shard } = shards.newId(0);
  return { id, dlqId: await dlq.bury({ id, shard, message: message(label), retried: 2 }, failure(status, body)) };
};
/** An entry whose message has a large body. */
const buryLarge = async (bytes: number) => {
  const { id, shard } = shards.newId(0);
  await bodies.put(id, Buffer.alloc(bytes, 'x'), [id]);
  const large: Message = { ...message('a'), body: { kind: 'stored', key: id } };
  return { id, dlqId: await dlq.bury({ id, shard, message: large, retried: 0 }, failure(500)) };
};
const mebibyte = 1024 * 1024;
/** As an entry was stored before there were digests. */
async function stripDigest(dlqId: string): Promise<void> {
  const [ms = '', n = ''] = dlqId.split('-');
  const key = `{d${Number(n) % shards.count}}:dlq`;
  for (const member of await redis.zrangebyscoreBuffer(key, ms, ms)) {
    if (member.toString('latin1').startsWith(`${dlqId}:`)) await redis.zrem(key, member);
  }
  await redis.zadd(key, ms, dlqId);
}
async function walk(asked: DlqFilter): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await dlq.find({ ...asked, cursor });
    expect(page.ids.length).toBeLessThanOrEqual(asked.count);
    ids.push(...page.ids);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return ids;
}

test('walks find what is meant, once and in order, with and without digests', async () => {
  const label = fc.constantFrom('a', 'b', 'c');
  const entry = fc.record({
    label,
    status: fc.constantFrom(0, 500, 503),
    isOld: fc.boolean(),
    isRemoved: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { maxLength: 60 }),
      fc.option(fc.array(label, { minLength: 1, maxLength: 2 }), { nil: undefined }),
      fc.option(fc.constantFrom<number[]>([0], [500, 503]), { nil: undefined }),
      fc.integer({ min: 1, max: 7 }),
      fc.constantFrom('earliestFirst' as const, 'latestFirst' as const),
      async (entries, labels, responseStatus, count, order) => {
        await redis.flushall();
        const meant: string[] = [];
        await Promise.all(
          entries.map(async (each) => {
            const { dlqId } = await bury(each.label, each.status);
            if (each.isOld) await stripDigest(dlqId);
            if (each.isRemoved) expect(await dlq.remove([dlqId])).toBe(1);
            else if (labels?.includes(each.label) !== false && responseStatus?.includes(each.status) !== false) {
              meant.push(dlqId);
            }
          }),
        );
        const found = await walk(filter({ label: labels, responseStatus, count, order }));
        expect([...found].sort()).toEqual(meant.sort());
        const times = found.map((id) => Number(id.split('-')[0]));
        expect(times).toEqual([...times].sort((a, b) => (order === 'latestFirst' ? b - a : a - b)));
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

test('many entries of one millisecond are walked, too', async () => {
  const now = Date.now();
  const ids = Array.from({ length: 70 }, (_, n) => `${now}-${n * 3}`);
  for (const [n, id] of ids.entries()) {
    await redis.zadd('{d0}:dlq', now, id);
    await redis.hset(
      '{d0}:dlq:entries',
      id,
      JSON.stringify({ messageId: `msg_${n}`, message: message('a'), status: 1 }),
    );
  }
  expect(await walk(filter({ count: 1 }))).toEqual(ids);
  expect(await walk(filter({ count: 3, order: 'latestFirst' }))).toEqual(ids.reverse());
});

test('an entry leaves nothing behind', async () => {
  const entries = await Promise.all(Array.from({ length: 9 }, (_, n) => bury(`l${n}`)));
  await stripDigest(entries[0]?.dlqId ?? '');
  expect(await dlq.remove(entries.map(({ dlqId }) => dlqId))).toBe(9);
  expect(await redis.keys('*:dlq*')).toEqual([]);
});

test('a message is found by its id', async () => {
  const first = await bury('a');
  await eventually(() => Date.now() > Number(first.dlqId.split('-')[0]));
  const second = await bury('b');
  const find = (fields: Partial<DlqFilter>) => dlq.find(filter(fields));
  expect(await find({ messageId: [second.id, first.id, 'msg_x'] })).toEqual({ ids: [first.dlqId, second.dlqId] });
  expect(await find({ messageId: [first.id], label: ['b'] })).toEqual({ ids: [] });
  expect(await find({ messageId: [first.id, second.id], count: 1 })).toEqual({
    ids: [first.dlqId],
    cursor: first.dlqId,
  });
});

test('a page ends when its bodies are a megabyte, or as many as were asked for', async () => {
  for (let n = 0; n < 5; n++) await buryLarge(0.4 * mebibyte);
  const walkSizes = async (maxBytes?: number) => {
    const sizes: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await dlq.list(filter({ cursor, ...(maxBytes ? { maxBytes } : {}) }));
      sizes.push(page.messages.length);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return sizes;
  };
  expect(await walkSizes()).toEqual([2, 2, 1]);
  expect(await walkSizes(16 * mebibyte)).toEqual([5]);
  expect(await walkSizes(1)).toEqual([1, 1, 1, 1, 1]);
}, 60_000);

test('a removed entry takes its body along, unless another message needs it', async () => {
  const [one, other] = [shards.newId(0).id, shards.newId(0).id];
  await bodies.put(one, Buffer.from('large'), [one, other]);
  const body = { kind: 'stored', key: one } as const;
  const large = { ...message('a'), body };
  const dlqIds = await Promise.all(
    [one, other].map((id) =>
      dlq.bury({ id, shard: shards.shardOf(id) ?? -1, message: large, retried: 0 }, failure(500)),
    ),
  );
  expect(await dlq.remove(dlqIds.slice(0, 1))).toBe(1);
  expect(await bodies.exists(body)).toBe(true);
  expect(await dlq.remove(dlqIds)).toBe(1);
  expect(await bodies.exists(body)).toBe(false);
});

test('an entry of an earlier version, which has no owner beside it, takes along what belongs to it', async () => {
  const { id, dlqId } = await buryLarge(64);
  const shard = shards.shardOf(id) ?? -1;
  await redis.hdel(`{d${shard}}:dlq:ids`, dlqId);
  expect(await dlq.remove([dlqId])).toBe(1);
  expect(await redis.keys('{d*}:*')).toEqual([]);
});

test('an entry that is damaged can be removed', async () => {
  const { id, dlqId } = await bury('a');
  const shard = shards.shardOf(id) ?? -1;
  await redis.hdel(`{d${shard}}:dlq:ids`, dlqId);
  await redis.hset(`{d${shard}}:dlq:entries`, dlqId, '{"messageId":');
  expect(await dlq.remove([dlqId])).toBe(1);
  expect(await dlq.find(filter())).toEqual({ ids: [] });
});

test('an entry that is too large for a page has one of its own, whole', async () => {
  const untilLater = ({ dlqId }: { dlqId: string }) => eventually(() => Date.now() > Number(dlqId.split('-')[0]));
  await untilLater(await bury('a'));
  await untilLater(await buryLarge(2 * mebibyte));
  await bury('a');
  const sizes: (number | undefined)[] = [];
  let cursor: string | undefined;
  do {
    const page = await dlq.list(filter({ cursor }));
    expect(page.messages).toHaveLength(1);
    sizes.push(page.messages[0]?.body?.length);
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(sizes).toEqual([undefined, 2 * mebibyte, undefined]);
}, 60_000);

test('of entries that are named, what is too much for one response comes without its body, and says so', async () => {
  const dlqIds: string[] = [];
  for (let n = 0; n < 3; n++) dlqIds.push((await buryLarge(0.6 * mebibyte)).dlqId);
  const { messages, ...rest } = await dlq.list(filter({ dlqIds }));
  expect(rest).toEqual({});
  expect(messages.map(({ dlqId }) => dlqId)).toEqual(dlqIds);
  expect(messages.map(({ body, bodyTruncated }) => [body !== undefined, bodyTruncated])).toEqual([
    [true, undefined],
    [false, true],
    [false, true],
  ]);
}, 60_000);

describe('the last response', () => {
  const keyOf = (id: string) => `{d${shards.shardOf(id) ?? 0}}:answer:${id}`;
  const historyOf = (id: string) => `{d${shards.shardOf(id) ?? 0}}:history:${id}`;
  afterEach(() => redis.config('SET', 'maxmemory', '0'));

  test.each([0, 1, 512, 513, 64 * 1024])('of %i bytes is shown whole, with why the attempt failed', async (size) => {
    const { dlqId } = await bury('a', 500, 'x'.repeat(size));
    const entry = await dlq.get(dlqId);
    expect(entry).toMatchObject({ responseStatus: 500, state: 'FAILED', attempts: 3, error: 'no', errorKind: 'http' });
    expect(entry?.responseBody ?? '').toBe('x'.repeat(size));
    expect(entry).not.toHaveProperty('responseBodyTruncated');
  });

  test('is in Redis once, as it is', async () => {
    const { id } = await bury('a', 500, 'x'.repeat(mebibyte));
    expect(await redis.strlen(keyOf(id))).toBe(mebibyte + '2:'.length);
    const [entry = ''] = await redis.hvals(`{d${shards.shardOf(id) ?? 0}}:dlq:entries`);
    expect(entry.length).toBeLessThan(600);
  });

  test('that was cut says so', async () => {
    const { id, shard } = shards.newId(0);
    const kept = cutResponse({ status: 500, header: {}, body: Buffer.from('grüße') }, 3);
    const dlqId = await dlq.bury({ id, shard, message: message('a'), retried: 0 }, { error: 'no', response: kept });
    expect(await dlq.get(dlqId)).toMatchObject({ responseBody: 'gr', responseBodyTruncated: true });
  });

  test('goes with its entry, or with the log if that shows it longer', async () => {
    const [alone, logged] = [await bury('a', 500, 'x'.repeat(999)), await bury('a', 500, 'x'.repeat(999))];
    expect(await redis.pttl(keyOf(alone.id))).toBeGreaterThan(590_000);
    await redis.hset(historyOf(logged.id), 'a', 'b');
    await redis.pexpire(historyOf(logged.id), 5000);
    await dlq.remove([alone.dlqId, logged.dlqId]);
    expect(await redis.exists(keyOf(alone.id))).toBe(0);
    expect(await redis.pttl(keyOf(logged.id))).toBeLessThanOrEqual(5000);
    expect(await redis.exists(keyOf(logged.id))).toBe(1);
  });

  test('is refused by a Redis without memory, in which a message is buried nevertheless', async () => {
    const working = connectForWork(server.url);
    await eventually(() => working.status === 'ready');
    const parts = { redis: working, shards, bodies, responses: createResponseStore(working, shards) };
    const { bury: buryFull } = createDlq({ ...parts, retentionMs: 600_000, logRetentionMs: 600_000 });
    await redis.config('SET', 'maxmemory', '1');
    const { id, shard } = shards.newId(0);
    const dlqId = await buryFull({ id, shard, message: message('a'), retried: 0 }, failure(500, 'x'.repeat(mebibyte)));
    expect(await redis.exists(keyOf(id))).toBe(0);
    const entry = await dlq.get(dlqId);
    expect(entry).toMatchObject({ error: 'no', responseStatus: 500, responseBodyTruncated: true });
    expect(entry).not.toHaveProperty('responseBody');
    working.disconnect();
  });

  test('of an entry from before responses lay beside their entries is shown', async () => {
    const letter = { messageId: 'msg_a', message: message('a'), status: 503, header: {}, bodyBase64: 'bm8=' };
    await redis.zadd('{d0}:dlq', Date.now(), `${Date.now()}-0`);
    const dlqId = `${Date.now()}-8`;
    await redis.hset(`{d${8 % shards.count}}:dlq:entries`, dlqId, JSON.stringify(letter));
    expect(await dlq.get(dlqId)).toMatchObject({ responseStatus: 503, responseBody: 'no' });
  });
});

describe('many large entries', () => {
  afterEach(() => redis.config('SET', 'maxmemory', '0'));

  test.each([
    ['all', {}],
    ['those with a label', { label: ['a'] }],
    ['those with a status', { responseStatus: [500] }],
    ['those of a time', { toDate: Date.now() + 60_000 }],
  ])(
    '%s are found and removed in one call, and no body is read',
    async (_, fields) => {
      for (let n = 0; n < 20; n++) await buryLarge(mebibyte);
      const read = jest.spyOn(bodies, 'read');
      const { ids, cursor } = await dlq.find(filter(fields));
      expect(ids).toHaveLength(20);
      expect(cursor).toBeUndefined();
      expect(await dlq.remove(ids)).toBe(20);
      expect(read).not.toHaveBeenCalled();
      expect(await redis.keys('*:dlq*')).toEqual([]);
      expect(await redis.keys('*:body:*')).toEqual([]);
    },
    60_000,
  );

  test('entries of before, with large responses inside, are removed in one call, too', async () => {
    const letter = { message: message('a'), status: 500, header: {}, bodyBase64: 'x'.repeat(mebibyte) };
    const now = Date.now();
    for (let n = 0; n < 30; n++) {
      await redis.zadd('{d0}:dlq', now, `${now}-${n * 3}`);
      await redis.hset('{d0}:dlq:entries', `${now}-${n * 3}`, JSON.stringify({ messageId: `msg_${n}`, ...letter }));
    }
    expect(await dlq.find(filter({ label: ['b'] }))).toEqual({ ids: [] });
    const { ids } = await dlq.find(filter({ label: ['a'] }));
    expect(await dlq.remove(ids)).toBe(30);
  }, 60_000);

  test('a Redis without memory lets entries and their bodies be removed', async () => {
    const { dlqId, id } = await buryLarge(mebibyte);
    await redis.config('SET', 'maxmemory', '1');
    expect(await dlq.remove([dlqId])).toBe(1);
    expect(await redis.exists(`{d${shards.shardOf(id) ?? 0}}:body:${id}`)).toBe(0);
  });

  test('entries past their retention go even when nothing fails any more, and Redis is full', async () => {
    const brief = createDlq({ redis, shards, bodies, responses, retentionMs: 1, logRetentionMs: 1 });
    for (let n = 0; n < 250; n++) await bury('a');
    await redis.config('SET', 'maxmemory', '1');
    await eventually(async () => (await brief.expire()) >= 0 && (await redis.keys('*:dlq*')).length === 0);
  }, 60_000);
});
