import type { Message } from '@posthorn/shared';
import { startRedis, type TestRedis } from '@posthorn/testkit';
import { Queue, Worker } from 'bullmq';
import { pino } from 'pino';
import { connectForRequests, connectForWork, type RedisConnection } from '../redis/connect.ts';
import { bullmqQueue } from '../redis/keyspace.ts';
import { createAddMessages, type AddMessages, type NewDelivery } from './add-messages.ts';
import { openShard, type Shard } from './shard.ts';
import { formatMessage } from './stored-message.ts';

let server: TestRedis;
let redis: RedisConnection;
let shard: Shard;
let addMessages: AddMessages;
beforeAll(async () => {
  server = await startRedis();
  redis = connectForRequests(server.url);
  await new Promise((resolve) => redis.once('ready', resolve));
  addMessages = createAddMessages(redis);
  shard = openShard(redis, 0, pino({ level: 'fatal' }), addMessages);
});
afterAll(async () => {
  await shard.close();
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());

const message = (delayMs: number): Message => ({
  url: 'https://a.example/ü?"',
  method: 'POST',
  header: {},
  body: { kind: 'text', text: 'ü "quoted" %s' },
  createdAt: 1_790_000_000_123,
  notBefore: 1_790_000_000_123 + delayMs,
  maxRetries: 3,
  timeoutMs: 1000,
  callerIp: '::1',
});
const job = (id: string, delayMs = 0, once?: string): NewDelivery => ({
  id,
  message: message(delayMs),
  ...(once ? { once: { key: once, forMs: 60_000 } } : {}),
});

/** Everything in Redis, but what a queue writes when it is opened, the index, and fields of jobs that are not stored. */
async function dump(): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const key of (await redis.keys('*')).sort()) {
    if (key.endsWith(':meta') || key.startsWith('{d0}:pending')) continue;
    const type = await redis.type(key);
    if (type === 'hash') all[key] = await redis.hgetall(key);
    else if (type === 'zset') all[key] = await redis.zrangebyscore(key, '-inf', '+inf', 'WITHSCORES');
    else if (type === 'list') all[key] = await redis.lrange(key, 0, -1);
    else if (type === 'string') all[key] = [await redis.get(key), (await redis.pttl(key)) > 0];
    else all[key] = (await redis.xrange(key, '-', '+')).map(([, fields]) => fields);
    if (!key.includes(':msg_')) continue;
    const { name: _n, opts: _o, timestamp: _t, delay: _d, priority: _p, ...rest } = all[key] as Record<string, string>;
    all[key] = rest;
  }
  return all;
}

test.each([
  ['due now', [job('msg_1'), job('msg_2')]],
  ['delayed', [job('msg_1', 1000), job('msg_2', 86_400_000)]],
  ['once only', [job('msg_1', 0, 'k'), job('msg_2', 0, 'k'), job('msg_3', 1000, 'l'), job('msg_4', 0, 'l')]],
  ['again', [job('msg_1'), job('msg_1')]],
])('messages that are %s are stored as BullMQ itself stores jobs, without their options', async (_, jobs) => {
  const queue = new Queue(bullmqQueue, { connection: redis, prefix: '{d0}' });
  const wantedIds: string[] = [];
  for (const { id, message, once } of jobs) {
    const options = {
      jobId: id,
      timestamp: message.createdAt,
      delay: message.notBefore - message.createdAt,
      ...(once ? { deduplication: { id: once.key, ttl: once.forMs } } : {}),
    };
    wantedIds.push((await queue.add('m', JSON.parse(formatMessage(message)), options)).id ?? '');
  }
  await queue.close();
  const wanted = await dump();
  await redis.flushall();
  expect(await shard.add(jobs)).toEqual(wantedIds);
  expect(await dump()).toEqual(wanted);
  for (const id of wantedIds) {
    const isOnce = jobs.some((one) => one.id === id && one.once);
    expect((await redis.hkeys(`{d0}:deliver:${id}`)).sort()).toEqual(isOnce ? ['data', 'deid'] : ['data']);
  }
  await redis.flushall();
  const alone = await Promise.all(jobs.map((job) => shard.add([job])));
  expect(alone).toEqual(wantedIds.map((id) => [id]));
  expect(await dump()).toEqual(wanted);
});

test('many messages keep their order', async () => {
  const ids = Array.from({ length: 250 }, (_, n) => `msg_${n}`);
  expect(await shard.add(ids.map((id) => job(id)))).toEqual(ids);
  expect((await redis.lrange('{d0}:deliver:wait', 0, -1)).reverse()).toEqual(ids);
});

describe('cancel', () => {
  const pending = async () => {
    const all: string[] = [];
    for await (const page of shard.search({})) all.push(...page.map(({ id }) => id));
    return all;
  };

  test('takes a delayed message out, and leaves of a waiting one what tells the worker to drop it', async () => {
    await shard.add([job('msg_1'), job('msg_2', 1000), job('msg_3')]);
    expect(await pending()).toEqual(['msg_2', 'msg_3', 'msg_1']);
    const canceled = { message: expect.objectContaining({ callerIp: '::1' }) as Message, isInFlight: false };
    expect(await shard.cancel(['msg_1', 'msg_2', 'msg_4'], 7, 1000)).toEqual([canceled, canceled, undefined]);
    expect(await shard.cancel(['msg_1', 'msg_2'], 8, 1000)).toEqual([undefined, undefined]);
    expect(await pending()).toEqual(['msg_3']);
    expect(await shard.get('msg_1')).toBeUndefined();
    expect(await redis.exists('{d0}:deliver:msg_2')).toBe(0);
    const log = await redis.hgetall('{d0}:history:msg_2');
    expect(log).toMatchObject({ 'cancel-requested': '7', canceled: '7' });
    expect(JSON.parse(log['created'] ?? '')).toEqual(message(1000));
    expect(await redis.pttl('{d0}:history:msg_2')).toBeGreaterThan(0);
  });

  test('a message that an earlier version stored is found and canceled like others', async () => {
    const queue = new Queue(bullmqQueue, { connection: redis, prefix: '{d0}' });
    const stored = { ...message(1000), timeoutMs: 7_200_000 };
    await queue.add('m', stored, { jobId: 'msg_1', delay: 1000, attempts: 4 });
    await queue.close();
    expect(await shard.get('msg_1')).toEqual({ id: 'msg_1', shard: 0, message: stored, retried: 0, crashes: 0 });
    expect(await pending()).toEqual(['msg_1']);
    expect(await shard.cancel(['msg_1'], 7, 1000)).toEqual([{ message: stored, isInFlight: false }]);
    expect(await pending()).toEqual([]);
  });

  test('gives back the message as it was', async () => {
    const key = 'msg_00000000000000000000000000';
    const stored: NewDelivery = { id: 'msg_1', message: { ...message(0), body: { kind: 'stored', key } } };
    await shard.add([stored, job('msg_2', 60_000)]);
    expect(await shard.cancel(['msg_1', 'msg_2'], 7, 1000)).toEqual([
      { message: stored.message, isInFlight: false },
      { message: job('msg_2', 60_000).message, isInFlight: false },
    ]);
  });
});

test('a message sleeps longer only as long as it sleeps as it was stored', async () => {
  const parked = { ...job('msg_1'), parkedMs: 10_000 };
  const { createdAt } = parked.message;
  await shard.add([parked]);
  await shard.sleepUntil(parked, createdAt + 60_000);
  expect(await shard.count(createdAt + 59_999)).toMatchObject({ delayed: 1, due: 0 });
  expect(await shard.count(createdAt + 60_000)).toMatchObject({ delayed: 1, due: 1 });

  // In the meantime it was woken, and waits for a retry.
  await redis.zadd('{d0}:deliver:delayed', (createdAt + 20_000) * 4096, 'msg_1');
  await shard.sleepUntil(parked, createdAt + 90_000);
  expect(await shard.count(createdAt + 20_000)).toMatchObject({ due: 1 });
  await shard.wake(['msg_1']);
  await shard.sleepUntil(parked, createdAt + 90_000);
  expect(await shard.count(createdAt)).toMatchObject({ waiting: 1, delayed: 0 });
});

test("a message leaves nothing in BullMQ's stream of events", async () => {
  const connection = connectForWork(server.url);
  const worker = new Worker(bullmqQueue, null, { connection, prefix: '{d0}' });
  await shard.add([job('msg_1')]);
  const taken = await worker.getNextJob('token');
  await taken.moveToCompleted(undefined, 'token', false);
  await worker.close();
  connection.disconnect();
  expect(await redis.keys('*:events')).toEqual([]);
});

test('crashes count for a message that was delivered alone, as long as its attempt has not ended', async () => {
  await shard.add([job('msg_1')]);
  const { loneAttempts } = shard;
  const at = (crashes: number, retried = 0) => ({ id: 'msg_1', crashes, retried });
  // It was only fetched when these dispatchers ended.
  expect(await loneAttempts.countCrashes(at(3))).toBe(0);
  await loneAttempts.note(at(3));
  expect(await loneAttempts.countCrashes(at(3))).toBe(0);
  expect(await loneAttempts.countCrashes(at(4))).toBe(1);
  // However many crashes come before it begins again, they are not its own.
  expect(await loneAttempts.countCrashes(at(6))).toBe(1);
  await loneAttempts.note(at(6));
  expect(await loneAttempts.countCrashes(at(7))).toBe(2);
  expect(await loneAttempts.countCrashes(at(7, 1))).toBe(0);
});

test('a message that has ended does not come back by a note', async () => {
  await shard.loneAttempts.note({ id: 'msg_gone', crashes: 3, retried: 0 });
  expect(await redis.keys('*msg_gone*')).toEqual([]);
});

test('messages of a turn of the event loop go to all shards with one call, and a shard that is damaged stops no other', async () => {
  const others = [1, 2].map((n) => openShard(redis, n, pino({ level: 'fatal' }), addMessages));
  await redis.lpush('{d1}:deliver:id', 'no counter');
  await redis.config('RESETSTAT');
  const stored = await Promise.allSettled(
    [shard, ...others, shard].map((each, index) => each.add([job(`msg_${index}`), job(`msg_${index}b`)])),
  );
  const results = stored.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason)));
  expect(results).toEqual([
    ['msg_0', 'msg_0b'],
    expect.stringMatching(/^ReplyError: WRONGTYPE /),
    ['msg_2', 'msg_2b'],
    ['msg_3', 'msg_3b'],
  ]);
  expect(await redis.lrange('{d0}:deliver:wait', 0, -1)).toEqual(['msg_3b', 'msg_3', 'msg_0b', 'msg_0']);
  expect(await redis.lrange('{d2}:deliver:wait', 0, -1)).toEqual(['msg_2b', 'msg_2']);
  // The call for all, one for the damaged shard, and one for those after it.
  const calls = (await redis.info('commandstats')).matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm);
  expect([...calls].reduce((sum, [, count]) => sum + Number(count), 0)).toBe(3);
  await Promise.all(others.map((each) => each.close()));
});
