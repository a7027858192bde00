import { readDlqFilter, type DlqFilter, type Message } from '@posthorn/shared';
import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import fc from 'fast-check';
import { createLog } from '../process/log.ts';
import { connectForWork, type RedisConnection } from '../redis/connect.ts';
import { createBodyStore, type BodyStore } from '../shards/body.ts';
import { openShards, type Shards } from '../shards/shards.ts';
import { createDlq, type Dlq } from './dlq.ts';

let server: TestRedis;
let redis: RedisConnection;
let shards: Shards;
let bodies: BodyStore;
let dlq: Dlq;
beforeAll(async () => {
  server = await startRedis({ durability: 'everysec' });
  redis = connectForWork(server.url);
  await eventually(() => redis.status === 'ready');
  shards = openShards(redis, 3, createLog('test', 'fatal'));
  bodies = createBodyStore(redis, shards.shardOf);
  dlq = createDlq(redis, shards, bodies, 600_000);
});
afterAll(async () => {
  await shards.close();
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());

const answer = (status: number, body = '') => ({ status, header: {}, body: Buffer.from(body) });
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
  const { id } = shards.newId(0);
  return { id, dlqId: await dlq.bury(id, message(label), answer(status, body)) };
};
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
      async (entries, labels, responseStatus, count) => {
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
        const found = await walk(filter({ label: labels, responseStatus, count }));
        expect([...found].sort()).toEqual(meant.sort());
        const times = found.map((id) => Number(id.split('-')[0]));
        expect(times).toEqual([...times].sort((a, b) => a - b));
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

test('a page ends when its entries are many megabytes', async () => {
  const body = 'x'.repeat(5 * 1024 * 1024);
  for (let n = 0; n < 5; n++) await bury('a', 500, body);
  const sizes: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await dlq.list(filter({ cursor }));
    sizes.push(page.messages.length);
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(sizes).toEqual([2, 2, 1]);
}, 60_000);

test('a page ends when the bodies of its messages are many megabytes', async () => {
  for (let n = 0; n < 3; n++) {
    const { id } = shards.newId(0);
    await bodies.put(id, Buffer.alloc(9 * 1024 * 1024, 'x'), [id]);
    await dlq.bury(id, { ...message('a'), body: { kind: 'stored', key: id } }, answer(500));
  }
  const { messages, cursor } = await dlq.list(filter());
  expect(messages).toHaveLength(2);
  const rest = await dlq.list(filter({ cursor }));
  expect(rest.messages).toHaveLength(1);
  expect(rest).not.toHaveProperty('cursor');
}, 60_000);

test('a removed entry takes its body along, unless another message needs it', async () => {
  const [one, other] = [shards.newId(0).id, shards.newId(0).id];
  await bodies.put(one, Buffer.from('large'), [one, other]);
  const body = { kind: 'stored', key: one } as const;
  const dlqIds = await Promise.all([one, other].map((id) => dlq.bury(id, { ...message('a'), body }, answer(500))));
  expect(await dlq.remove(dlqIds.slice(0, 1))).toBe(1);
  expect(await bodies.exists(body)).toBe(true);
  expect(await dlq.remove(dlqIds)).toBe(1);
  expect(await bodies.exists(body)).toBe(false);
});

test('an entry that is too large for a page has one of its own', async () => {
  const body = 'x'.repeat(13 * 1024 * 1024);
  for (let n = 0; n < 2; n++) await bury('a', 500, body);
  const { messages, cursor } = await dlq.list(filter());
  expect(messages).toHaveLength(1);
  expect((await dlq.list(filter({ cursor }))).messages).toHaveLength(1);
}, 60_000);

test('of entries that are named, what is too much for one answer comes without its bodies', async () => {
  const dlqIds: string[] = [];
  for (let n = 0; n < 3; n++) {
    const { id } = shards.newId(0);
    await bodies.put(id, Buffer.alloc(5 * 1024 * 1024, 'x'), [id]);
    const letter: Message = { ...message('a'), body: { kind: 'stored', key: id } };
    dlqIds.push(await dlq.bury(id, letter, answer(500, 'y'.repeat(5 * 1024 * 1024))));
  }
  const { messages, ...rest } = await dlq.list(filter({ dlqIds }));
  expect(rest).toEqual({});
  expect(messages.map(({ dlqId }) => dlqId)).toEqual(dlqIds);
  expect(messages.map(({ body }) => body?.length ?? 0)).toEqual([5 * 1024 * 1024, 5 * 1024 * 1024, 0]);
  expect(messages.map(({ responseBody }) => responseBody?.length ?? 0)).toEqual([5 * 1024 * 1024, 5 * 1024 * 1024, 0]);
}, 60_000);
