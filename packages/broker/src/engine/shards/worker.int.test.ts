import { newMessageId, type Failure, type Message, type Outcome } from '@posthorn/shared';
import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import { LockManager, Queue } from 'bullmq';
import { pino } from 'pino';
import { connectForRequests, connectForWork, type RedisConnection } from '../redis/connect.ts';
import { bullmqQueue } from '../redis/keyspace.ts';
import { createCompleteJob } from './complete-jobs.ts';
import type { Delivery, Shard } from './shard.ts';
import { openShards, type Shards } from './shards.ts';
import { workShard, type ShardWorker } from './worker.ts';

const delivered: Outcome = { kind: 'delivered', response: { status: 200, header: {}, body: new Uint8Array() } };
const failed: Outcome & Failure = { ...delivered, kind: 'failed', error: 'no' };
const log = pino({ level: 'fatal' });

let server: TestRedis;
let redis: RedisConnection;
let shards: Shards;
let shard: Shard;
const workers: { worker: ShardWorker; connection: RedisConnection }[] = [];
const taken: string[] = [];
let finish: (id: string, delivery: Delivery) => Promise<Outcome>;

beforeAll(async () => {
  server = await startRedis();
  redis = connectForRequests(server.url);
  await eventually(() => redis.status === 'ready');
  shards = openShards(redis, 1, log);
  shard = shards.at(0);
});
afterAll(async () => {
  await shards.close();
  redis.disconnect();
  await server.stop();
});
beforeEach(() => {
  taken.length = 0;
  finish = () => Promise.resolve(delivered);
});
afterEach(async () => {
  for (const { worker, connection } of workers.splice(0)) {
    await worker.leave();
    connection.disconnect();
  }
  await redis.flushall();
});

async function startWorker(stalledAfterMs = 15_000): Promise<void> {
  const connection = connectForWork(server.url);
  const worker = workShard({
    redis: connection,
    shard: 0,
    concurrency: 10,
    maxDetached: 10,
    stalledAfterMs,
    log,
    completeJob: createCompleteJob(connection),
    shards,
    failed: () => undefined,
    process: (delivery) => {
      taken.push(delivery.id);
      return finish(delivery.id, delivery);
    },
    drop: () => Promise.resolve(),
    parked: () => Promise.resolve(),
    isAwaited: () => false,
    ended: () => Promise.resolve(),
  });
  workers.push({ worker, connection });
  await untilWaiting();
}

/** The attempt at one message lasts until the function that is returned is called; all others end at once. */
function holdBack(heldId: string): () => void {
  let end: () => void = () => undefined;
  const held = new Promise<Outcome>((resolve) => {
    end = () => {
      resolve(delivered);
    };
  });
  finish = (id) => (id === heldId ? held : Promise.resolve(delivered));
  return end;
}

/** All workers wait to be woken. */
const untilWaiting = () =>
  eventually(async () => Number(/blocked_clients:(\d+)/.exec(await redis.info('clients'))?.[1]) === workers.length);

const createMessage = (delayMs = 0): Message => {
  const now = Date.now();
  return {
    url: 'https://a.example',
    method: 'POST',
    header: {},
    body: { kind: 'text', text: 'a' },
    createdAt: now,
    notBefore: now + delayMs,
    maxRetries: 3,
    timeoutMs: 1000,
    callerIp: '::1',
  };
};
const add = (id: string, delayMs = 0) => shard.add([{ id, message: createMessage(delayMs) }]);
const hasEnded = async () => (await redis.keys('{d0}:deliver:msg_*')).length === 0;

/** How often commands were called since the last CONFIG RESETSTAT. */
async function countCalls(...names: string[]): Promise<number[]> {
  const stats = await redis.info('commandstats');
  return names.map((name) => Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0));
}

test('a message that comes alone is added, taken and ended with one script each', async () => {
  await startWorker();
  for (const id of ['msg_first', 'msg_second']) {
    await redis.config('RESETSTAT');
    await add(id);
    await eventually(hasEnded);
    await untilWaiting();
    // The first time a script is sent as a text.
    const [byHash = 0, asText = 0] = await countCalls('evalsha', 'eval');
    if (id === 'msg_second') expect(byHash + asText).toBe(3);
    expect(await redis.exists('{d0}:deliver:marker')).toBe(0);
  }
});

test('messages that come together are all taken, by all workers', async () => {
  await startWorker();
  await startWorker();
  const ids = Array.from({ length: 100 }, (_, n) => `msg_${n}`);
  await Promise.all(ids.map((id) => add(id)));
  await eventually(hasEnded);
  expect(taken.toSorted()).toEqual(ids.toSorted());
});

test('a message that comes while another is in work is taken at once', async () => {
  await startWorker();
  const end = holdBack('msg_long');
  await add('msg_long');
  await eventually(() => taken.includes('msg_long'));
  await untilWaiting();
  await add('msg_short');
  await eventually(async () => (await redis.exists('{d0}:deliver:msg_short')) === 0);
  end();
  await eventually(hasEnded);
});

test('a delayed message is taken when it is due, while a message before it is in work', async () => {
  await startWorker();
  const end = holdBack('msg_long');
  const startedAt = Date.now();
  await add('msg_later', 300);
  await add('msg_long');
  await eventually(() => taken.includes('msg_later'));
  // A worker that does not know of it asks again after ten seconds.
  expect(Date.now() - startedAt).toBeLessThan(4000);
  end();
  await eventually(hasEnded);
});

test('the checks for stalled messages write nothing while no message is in work, and find one whose worker died', async () => {
  await startWorker(300);
  await redis.config('RESETSTAT');
  // One question for all shards comes before the check of each.
  await eventually(async () => Number((await countCalls('exists'))[0]) >= 3);
  expect(await countCalls('evalsha', 'set', 'psetex', 'hset', 'del')).toEqual([0, 0, 0, 0, 0]);
  holdBack('msg_stalled');
  await add('msg_stalled');
  await eventually(() => taken.length === 1);
  const [died] = workers.splice(0);
  await died?.worker.leave();
  died?.connection.disconnect();
  await startWorker(300);
  await eventually(() => taken.length === 2);
  expect(taken).toEqual(['msg_stalled', 'msg_stalled']);
});

test('a worker that is not woken takes no script without a message, and finds one whose wake-up was lost', async () => {
  await add('msg_lost');
  const wait = '{d0}:deliver:wait';
  await redis.rename(wait, '{d0}:aside');
  await redis.del('{d0}:deliver:marker', '{d0}:pending:rows');
  await startWorker();
  await redis.config('RESETSTAT');
  await eventually(async () => Number((await countCalls('bzpopmin'))[0]) >= 1);
  expect(await countCalls('evalsha')).toEqual([0]);
  await redis.rename('{d0}:aside', wait);
  await eventually(() => taken.includes('msg_lost'));
});

test("BullMQ is given the time of the hand-over, by which it renews a message's lock", async () => {
  const track = jest.spyOn(LockManager.prototype, 'trackJob');
  const before = Date.now();
  await startWorker();
  await add('msg_timed');
  await eventually(() => taken.includes('msg_timed'));
  const [, , handedOverAt] = track.mock.calls.find(([id]) => id === 'msg_timed') ?? [];
  expect(handedOverAt).toBeGreaterThanOrEqual(before);
  expect(handedOverAt).toBeLessThanOrEqual(Date.now());
  track.mockRestore();
});

test.each([
  ['this version', (id: string, message: Message) => shard.add([{ id, message }])],
  [
    'an earlier version, which stored options with each,',
    async (id: string, message: Message) => {
      const queue = new Queue(bullmqQueue, { connection: redis, prefix: '{d0}' });
      const ended = { removeOnComplete: true, removeOnFail: true };
      const options = { ...ended, jobId: id, attempts: 4, delay: 1, backoff: { type: 'posthorn' } };
      await queue.add('m', message, options);
      await queue.close();
    },
  ],
])(
  'a message of %s is tried again after each wait, and is gone when it has failed or was delivered',
  async (_, store) => {
    const message = createMessage();
    const attempts: Delivery[] = [];
    finish = (id, delivery) => {
      attempts.push(delivery);
      const [end, failures] = id === 'msg_failed' ? [failed, 4] : [delivered, 2];
      return Promise.resolve(delivery.retried < failures ? { ...failed, kind: 'retry', delayMs: 10 } : end);
    };
    await startWorker();
    await store('msg_failed', message);
    await store('msg_delivered', message);
    await eventually(hasEnded);
    const wanted = (id: string, attempts: number) =>
      Array.from({ length: attempts }, (_, retried) => expect.objectContaining({ id, retried, message }) as Delivery);
    expect(attempts.filter(({ id }) => id === 'msg_failed')).toEqual(wanted('msg_failed', 5));
    expect(attempts.filter(({ id }) => id === 'msg_delivered')).toEqual(wanted('msg_delivered', 3));
    expect(await redis.exists('{d0}:deliver:completed', '{d0}:deliver:failed')).toBe(0);
  },
);

test.each([
  ['no JSON', '{"url":'],
  ['a list of nothing', '[]'],
  ['a message without a destination', '[{"body":"a","createdAt":1,"callerIp":"::1"}]'],
  [
    'a message of an earlier version without its retries',
    JSON.stringify({ ...createMessage(), maxRetries: undefined }),
  ],
])('data that is %s is handed over as unreadable, with its text', async (_, text) => {
  const createdAt = 1_790_000_000_123;
  const id = newMessageId(0, createdAt);
  await add(id, 60_000);
  await redis.hset(`{d0}:deliver:${id}`, 'data', text);
  let last: Delivery | undefined;
  finish = (_, delivery) => {
    last = delivery;
    if (delivery.isUnreadable) return Promise.resolve(failed);
    // As an attempt does, which fails.
    new URL(delivery.message.url);
    return Promise.resolve({ ...failed, kind: 'retry', delayMs: 10 });
  };
  await startWorker();
  await shard.wake([id]);
  await eventually(hasEnded);
  expect(last).toMatchObject({ id, isUnreadable: true, message: { createdAt, body: { kind: 'text', text } } });
});
