// How BullMQ lays out its data: what posthorn reads by itself is what BullMQ's own worker has written. That posthorn
// stores jobs as BullMQ does is checked by shards/shard.int.test.ts.
import type { Message } from '@posthorn/shared';
import { startRedis, type TestRedis } from '@posthorn/testkit';
import { Worker } from 'bullmq';
import { pino } from 'pino';
import { connectForWork, type RedisConnection } from './redis/connect.ts';
import { findPending, samplePending } from './shards/pending.ts';
import { createAddMessages } from './shards/add-messages.ts';
import { openShard, type Shard } from './shards/shard.ts';
import { bullmqQueue } from './redis/keyspace.ts';

let server: TestRedis;
let redis: RedisConnection;
let shard: Shard;
let worker: Worker;
beforeAll(async () => {
  server = await startRedis();
  redis = connectForWork(server.url);
  shard = openShard(redis, 0, pino({ level: 'fatal' }), createAddMessages(redis));
  const removed = { count: 0 };
  worker = new Worker(bullmqQueue, null, { connection: redis, prefix: '{d0}', removeOnComplete: removed });
});
afterAll(async () => {
  await worker.close();
  await shard.close();
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());

const id = 'msg_1';
const message: Message = {
  url: 'https://a.example/',
  method: 'POST',
  header: {},
  body: { kind: 'text', text: 'a' },
  createdAt: 1_790_000_000_123,
  notBefore: 1_790_000_000_123,
  maxRetries: 3,
  timeoutMs: 1000,
  callerIp: '::1',
};

/** All that posthorn reads of the message by itself, without BullMQ. */
const readAll = async () => ({
  state: await findPending(redis, 0, id),
  sample: await samplePending(redis, 0),
  count: await shard.count(Date.now()),
  active: await shard.countActive(),
  exists: await shard.exists(id),
});
const sampled = { id, message, weight: 1, retried: 0, isInFlight: false, isAsleep: false };
const none = { waiting: 0, delayed: 0, due: 0, inFlight: 0 };

test('a waiting job, one in flight, one that is delayed for a retry, and one that has ended', async () => {
  await shard.add([{ id, message }]);
  expect(await readAll()).toEqual({
    state: { kind: 'waiting' },
    sample: [sampled],
    count: { ...none, waiting: 1 },
    active: 0,
    exists: true,
  });
  expect(await shard.next()).toMatchObject({ id, message, retried: 0 });

  const first = await worker.getNextJob('token');
  expect(await readAll()).toEqual({
    state: { kind: 'in-flight' },
    sample: [{ ...sampled, isInFlight: true }],
    count: { ...none, inFlight: 1 },
    active: 1,
    exists: true,
  });
  expect(await shard.standing({ id, token: 'token' })).toBe('ours');
  expect(await shard.standing({ id, token: 'another' })).toBe('lost');

  // A failed attempt counts as one; `moveToFailed` waits by the options of the job, which posthorn's worker sets.
  first.opts = { attempts: 2, backoff: { type: 'fixed', delay: 60_000 } };
  const failedAt = Date.now();
  await first.moveToFailed(new Error('no'), 'token');
  const { state, ...rest } = await readAll();
  expect(rest).toEqual({
    sample: [{ ...sampled, retried: 1, isAsleep: true }],
    count: { ...none, delayed: 1 },
    active: 0,
    exists: true,
  });
  const { wakesAt } = state as { wakesAt: number };
  expect(wakesAt).toBeGreaterThanOrEqual(failedAt + 60_000);
  expect(wakesAt).toBeLessThanOrEqual(Date.now() + 60_000);
  expect(await shard.standing({ id, token: 'token' })).toBe('lost');

  expect(await shard.wake([id])).toEqual(['woken']);
  const second = await worker.getNextJob('token');
  await second.moveToCompleted(undefined, 'token', false);
  expect(await readAll()).toEqual({ state: undefined, sample: [], count: none, active: 0, exists: false });
});

test('a job whose data was replaced by a cancellation is taken as such', async () => {
  await shard.add([{ id, message }]);
  const taken = await worker.getNextJob('token');
  expect(await shard.cancel([id], Date.now(), 1000)).toEqual([{ message, isInFlight: true }]);
  expect(await shard.standing({ id, token: 'token' })).toBe('canceled');
  await taken.moveToDelayed(Date.now(), 'token');
  await shard.wake([id]);
  expect(await worker.getNextJob('token')).toMatchObject({ id, data: { canceled: 'in flight' } });
});
