import { readDlqFilter, type Message, type MessageFilter, type Outcome, type State } from '@posthorn/shared';
import { eventually, type TestRedis } from '@posthorn/testkit';
import { Queue } from 'bullmq';
import { startTestBroker, testOptions } from '../../broker.fixture.ts';
import type { BrokerParts } from '../../broker.ts';
import { createBroker } from '../../create-broker.ts';
import { connectForWork } from '../redis/connect.ts';
import { bullmqQueue, keyspace } from '../redis/keyspace.ts';
import type { Delivery } from '../shards/shard.ts';
import { rowBytes } from './pending-rows.ts';

const shardCount = 2;
const url = 'https://a.example/hooks';

let server: TestRedis;
let broker: BrokerParts;
const others: BrokerParts[] = [];
beforeAll(async () => {
  ({ server, broker } = await startTestBroker(shardCount));
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(others.splice(0).map((other) => other.close()));
  await server.client.flushall();
});
afterAll(async () => {
  await broker.close();
  await server.stop();
});

/** A second process on the same data. */
async function startOther(): Promise<BrokerParts> {
  const redis = connectForWork(server.url);
  await eventually(() => redis.status === 'ready');
  const other = createBroker({ ...testOptions, redis, shards: shardCount });
  others.push(other);
  return other;
}

const allShards = Array.from({ length: shardCount }, (_, shard) => shard);
const cancel = (filter: MessageFilter, count?: number) => broker.messages.cancelMatching(filter, count);
const day = { 'Upstash-Delay': '1d' };

function request(headers: Record<string, string> = {}, more: object = {}) {
  return {
    destination: { kind: 'url', url } as const,
    headers: Object.entries(headers).flat(),
    tokenInQuery: false,
    body: Buffer.from('x'),
    callerIp: '::1',
    ...more,
  };
}

/** Everything in the index becomes due, as if time had passed. */
async function makeDue(): Promise<void> {
  for (const shard of allShards) {
    const head = keyspace.pendingHead(shard);
    for (const [field, value] of Object.entries(await broker.redis.hgetall(head))) {
      const [first = '', , ...others] = value.split(' ');
      if (field.startsWith('segment:'))
        await broker.redis.setField(head, field, field, [first, 0, ...others].join(' '));
      if (field === 'gap') await broker.redis.setField(head, field, field, `${first} 0`);
    }
  }
}

/** Bytes of all rows, in whatever form. */
async function countBytes(): Promise<number> {
  const keys = await server.client.keys('{d*}:pending:*');
  const lengths = await Promise.all(keys.map((key) => server.client.strlen(key)));
  return lengths.reduce((total, length) => total + length, 0);
}

/** Rows in the index, whether they are sorted by columns or not. */
async function countRows(): Promise<number> {
  const counts = allShards.map(async (shard) => {
    const head = keyspace.pendingHead(shard);
    const fields = Object.entries(await server.client.hgetall(head)).filter(([field]) => field.startsWith('segment:'));
    const sorted = fields.map(([, value]) => Number(value.split(' ')[0])).filter((rows) => rows > 0);
    const newest = (await server.client.strlen(keyspace.pendingRows(shard))) / rowBytes;
    return sorted.reduce((sum, rows) => sum + rows, newest);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** Calls of commands that Redis carries out meanwhile, those of scripts included. */
async function countCalls(work: () => Promise<unknown>): Promise<(command: string) => number> {
  const read = async () => {
    const text = await server.client.info('commandstats');
    return new Map([...text.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].map(([, name, calls]) => [name, Number(calls)]));
  };
  // These counts are written later, with some commands for each label.
  await broker.stats.flush();
  const before = await read();
  await work();
  const after = await read();
  return (command) => (after.get(command) ?? 0) - (before.get(command) ?? 0);
}

/** Starts a dispatcher that makes of each attempt what is said. */
function deliver(outcome: (delivery: Delivery) => Promise<Outcome>): () => Promise<void> {
  const deliverer = broker.createDeliverer({ maxStoredResponseBytes: 0 });
  const workers = allShards.map((shard) =>
    deliverer.work({
      shard,
      concurrency: 10,
      maxDetached: 10,
      stalledAfterMs: 15_000,
      failed: () => undefined,
      async process(delivery) {
        const begun = await deliverer.begin(delivery);
        if (!begun.has) return { kind: 'deferred', delayMs: begun.waitMs, inLane: true };
        return deliverer.finish(delivery, await outcome(delivery));
      },
    }),
  );
  return async () => {
    await Promise.all(workers.map((worker) => worker.leave()));
    deliverer.close();
  };
}

const response = { status: 200, header: {}, body: Buffer.alloc(0) };
const countPending = async () => {
  const counts = await Promise.all(allShards.map((shard) => broker.shards.at(shard).count(Date.now())));
  return counts.reduce((sum, { waiting, delayed, inFlight }) => sum + waiting + delayed + inFlight, 0);
};
/** The index has all messages: a search reads no list of BullMQ. */
async function requireComplete(): Promise<void> {
  const calls = await countCalls(() => cancel({ label: ['no message has this'] }));
  expect([calls('lrange'), calls('zscan')]).toEqual([0, 0]);
}

/** Stores three messages which the filter means, and others beside them. */
const ways: [name: string, store: () => Promise<unknown>, filter: MessageFilter][] = [
  [
    'published',
    async () => {
      for (const label of ['a', 'b', 'a', 'a']) await broker.publish(request({ 'Upstash-Label': label }));
    },
    { label: ['a'] },
  ],
  [
    'published in a batch',
    () =>
      broker.publishBatch(['a', 'b', 'a,b', 'a', 'c'].map((labels) => request({ ...day, 'Upstash-Label': labels }))),
    { label: ['a'] },
  ],
  [
    'sent to a URL',
    async () => {
      const other = { destination: { kind: 'url', url: 'https://a.example/other' } as const };
      for (const more of [{}, {}, other, {}]) await broker.publish(request(day, more));
    },
    { url: [url] },
  ],
  [
    'of a URL group',
    async () => {
      const endpoints = [1, 2, 3].map((n) => ({ url: `https://a.example/${n}` }));
      await broker.urlGroups.addEndpoints('group', endpoints);
      await broker.publish(request(day, { destination: { kind: 'urlGroup', name: 'group' } }));
      await broker.publish(request(day));
    },
    { topicName: ['group'] },
  ],
  [
    'waiting in a queue',
    async () => {
      for (let n = 0; n < 3; n++) await broker.publish(request({}, { queueName: 'q' }));
      await broker.publish(request({}, { queueName: 'other' }));
    },
    { queueName: ['q'] },
  ],
  [
    'waiting for a flow-control key',
    async () => {
      const flow = (key: string) => ({
        'Upstash-Flow-Control-Key': key,
        'Upstash-Flow-Control-Value': 'parallelism=1',
      });
      for (const key of ['k', 'k', 'other', 'k']) await broker.publish(request(flow(key)));
    },
    { flowControlKey: ['k'] },
  ],
  [
    'retried from the dead letter queue',
    async () => {
      const message = { ...createMessage(), labels: ['a'] };
      for (const labels of [['a'], ['a'], ['b'], ['a']]) {
        const delivery = { ...broker.shards.newId(Date.now()), message: { ...message, labels }, retried: 0 };
        await broker.dlq.bury(delivery, { error: 'no', response: { ...response, isCut: false } });
      }
      const { ids } = await broker.dlq.find(readDlqFilter({}));
      await broker.retryDeadLetters(ids, []);
    },
    { label: ['a'] },
  ],
  [
    'callbacks',
    async () => {
      const callback = { url, method: 'POST', header: {}, maxRetries: 0, timeoutMs: 1000, delayMs: 0 } as const;
      for (let n = 0; n < 3; n++) {
        const delivery = { ...broker.shards.newId(Date.now()), message: { ...createMessage(), callback }, retried: 0 };
        await broker.callbacks.storeCallback({ ...delivery, crashes: 0 }, { kind: 'delivered', response });
      }
      await broker.publish(request({}, { destination: { kind: 'url', url: 'https://a.example/other' } }));
    },
    { url: [url] },
  ],
  [
    'of a schedule',
    async () => {
      const headers = ['Upstash-Cron', '0 0 1 1 *', 'Upstash-Schedule-Id', 's'];
      await broker.schedules.create({ ...request(), headers });
      for (let n = 0; n < 3; n++) await broker.runSchedule('s');
      await broker.publish(request(day));
    },
    { scheduleId: ['s'] },
  ],
  [
    'waiting for a retry',
    async () => {
      for (const label of ['a', 'b', 'a', 'a']) await broker.publish(request({ 'Upstash-Label': label }));
      const retry: Outcome = { kind: 'retry', delayMs: 3_600_000, error: 'no', response };
      const stop = deliver(() => Promise.resolve(retry));
      await eventually(async () => {
        const counts = await Promise.all(allShards.map((shard) => broker.shards.at(shard).count(Date.now())));
        return counts.reduce((sum, { delayed }) => sum + delayed, 0) === 4;
      });
      await stop();
    },
    { label: ['a'] },
  ],
  [
    'left by a dispatcher that was killed',
    async () => {
      for (const label of ['a', 'b', 'a', 'a']) await broker.publish(request({ 'Upstash-Label': label }));
      let begun = 0;
      const stop = deliver(() => {
        begun++;
        return new Promise(() => undefined);
      });
      await eventually(() => begun === 4);
      await stop();
    },
    { label: ['a'] },
  ],
];

function createMessage(): Message {
  return {
    url,
    method: 'POST',
    header: {},
    body: { kind: 'empty' },
    createdAt: Date.now(),
    notBefore: Date.now(),
    maxRetries: 3,
    timeoutMs: 1000,
    callerIp: '::1',
  };
}

describe.each([
  ['in new rows', () => Promise.resolve()],
  ['in tidied segments', () => broker.upkeep.tidyIndex()],
  [
    'in segments that were merged',
    async () => {
      for (let n = 0; n < 3; n++) {
        await broker.upkeep.tidyIndex();
        await makeDue();
      }
    },
  ],
])('%s', (_, prepare) => {
  test.each(ways)('messages %s are found by a filter, and no others are canceled', async (_name, store, filter) => {
    await store();
    await prepare();
    await requireComplete();
    expect(await cancel(filter)).toBe(3);
    expect(await cancel(filter)).toBe(0);
    expect(await cancel({})).toBeGreaterThan(0);
  });
});

test('a search reads no message that does not match', async () => {
  const labels = Array.from({ length: 2000 }, (_, n) => (n % 1000 === 0 ? 'rare' : `customer-${n % 50}`));
  await broker.publishBatch(labels.map((label) => request({ ...day, 'Upstash-Label': label })));
  for (const prepare of [() => undefined, () => broker.upkeep.tidyIndex()]) {
    await prepare();
    const calls = await countCalls(() => cancel({ label: ['rare'] }, 1));
    // Once to compare it, once to cancel it; and other messages whose digests are the same by chance.
    expect(calls('hget')).toBeGreaterThanOrEqual(2);
    expect(calls('hget')).toBeLessThanOrEqual(6);
    expect([calls('lrange'), calls('zscan')]).toEqual([0, 0]);
  }
  expect(await countPending()).toBe(1998);
});

test('a list of few messages that have not ended is complete, and reads none that does not match', async () => {
  const labels = Array.from({ length: 1000 }, (_, n) => (n % 250 === 0 ? 'rare' : 'common'));
  await broker.publishBatch(labels.map((label) => request({ ...day, 'Upstash-Label': label })));
  const list = (filter: MessageFilter, state: State[], count = 10) =>
    broker.views.messages.list({ ...filter, state, count });
  await broker.upkeep.tidyIndex();
  const calls = await countCalls(async () => {
    const page = await list({ label: ['rare'] }, ['CREATED', 'RETRY']);
    expect(page.messages).toHaveLength(4);
    expect(page).not.toHaveProperty('cursor');
  });
  expect(calls('hgetall')).toBeLessThan(20);
  await cancel({ label: ['rare'] }, 1);
  expect((await list({ label: ['rare'] }, ['CREATED'])).messages).toHaveLength(3);
  expect((await list({ label: ['rare'] }, ['CANCELED'])).messages).toHaveLength(1);
  expect((await list({ label: ['rare'] }, ['CREATED', 'CANCELED'])).messages).toHaveLength(4);
  expect((await list({ label: ['rare'] }, ['CREATED'], 2)).messages).toHaveLength(2);
  expect((await list({ label: ['common'] }, ['CREATED'])).messages).toHaveLength(10);
});

test('many messages that match are canceled page by page', async () => {
  await broker.publishBatch(Array.from({ length: 1500 }, () => request({ ...day, 'Upstash-Label': 'a' })));
  expect(await cancel({ label: ['a'] }, 700)).toBe(700);
  await broker.upkeep.tidyIndex();
  expect(await cancel({ label: ['a'] })).toBe(800);
});

test('rows go with their messages', async () => {
  await broker.publishBatch(['a', 'b', 'b', 'b'].map((label) => request({ ...day, 'Upstash-Label': label })));
  expect(await countRows()).toBe(4);
  await broker.upkeep.tidyIndex();
  expect(await countRows()).toBe(4);
  await cancel({ label: ['b'] });
  await makeDue();
  // A shard without any message is emptied at once.
  await broker.upkeep.tidyIndex();
  expect(await countRows()).toBe(1);
  await cancel({ label: ['a'] });
  await broker.upkeep.tidyIndex();
  expect(await server.client.keys('{d*}:pending:*')).toEqual([]);
  await broker.publish(request({ 'Upstash-Label': 'a' }));
  await requireComplete();
});

test('a segment whose number another one has after a failover is left alone', async () => {
  await broker.publishBatch(Array.from({ length: 20 }, () => request(day)));
  const claims = await Promise.all(allShards.map((shard) => broker.shards.at(shard).claimTidying()));
  // Redis has lost the claims, and its segments have other rows.
  await makeDue();
  const segments = await server.client.keys('{d*}:pending:[0-9]*');
  for (const key of segments) await server.client.append(key, Buffer.alloc(rowBytes));
  const before = await countBytes();
  for (const tidy of claims) await tidy?.();
  expect(await countBytes()).toBe(before);
});

test('messages that are delivered soon leave nothing after the index was tidied once', async () => {
  await broker.publish(request(day));
  await broker.publishBatch(Array.from({ length: 200 }, () => request()));
  const stop = deliver(() => Promise.resolve({ kind: 'delivered', response }));
  await eventually(async () => (await countPending()) === 1);
  await broker.upkeep.tidyIndex();
  expect(await countRows()).toBe(1);
  await stop();
});

test('a message needs the same memory in the index, whatever labels there are', async () => {
  const count = 5000;
  const headers = (n: number) => ({ ...day, 'Upstash-Label': `label-${n}` });
  await broker.publishBatch(Array.from({ length: count }, (_, n) => request(headers(n))));
  await broker.upkeep.tidyIndex();
  const keys = await server.client.keys('{d*}:pending*');
  let bytes = 0;
  for (const key of keys) bytes += (await server.client.memory('USAGE', key)) ?? 0;
  expect(bytes / count).toBeLessThan(rowBytes * 1.3);
});

describe('messages that a version without the index has stored', () => {
  const storeWithout = async (label: string, delay = 86_400_000) => {
    const { id, shard } = broker.shards.newId(Date.now());
    const queue = new Queue(bullmqQueue, { connection: broker.redis, prefix: keyspace.shard(shard) });
    const message = { ...createMessage(), labels: [label] };
    await queue.add('m', message, { jobId: id, attempts: 4, delay });
    await queue.close();
  };

  test('are found, and after a minute without more of them by the index', async () => {
    await broker.publish(request({ ...day, 'Upstash-Label': 'a' }));
    for (const label of ['a', 'b', 'a', 'b']) await storeWithout(label, label === 'a' ? 0 : 86_400_000);
    const first = await countCalls(async () => expect(await cancel({ label: ['a'] }, 1)).toBe(1));
    expect(first('zscan')).toBeGreaterThan(0);

    await broker.upkeep.tidyIndex();
    await broker.upkeep.tidyIndex();
    expect((await countCalls(() => cancel({ label: ['none'] })))('zscan')).toBeGreaterThan(0);
    await makeDue();
    await broker.upkeep.tidyIndex();
    await requireComplete();
    const [a, b] = [await cancel({ label: ['a'] }), await cancel({ label: ['b'] })];
    expect([a, b]).toEqual([2, 2]);
  });

  test('are looked for again if more of them come in the meantime', async () => {
    for (let n = 0; n < 8; n++) await storeWithout('a');
    await broker.upkeep.tidyIndex();
    await makeDue();
    const claims = await Promise.all(allShards.map((shard) => broker.shards.at(shard).claimTidying()));
    for (let n = 0; n < 8; n++) await storeWithout('a');
    // What was found last is an earlier number.
    await broker.upkeep.tidyIndex();
    for (const tidy of claims) await tidy?.();
    expect(await cancel({ label: ['a'] }, 1)).toBe(1);
    expect((await countCalls(() => cancel({ label: ['none'] })))('zscan')).toBeGreaterThan(0);
    await makeDue();
    await broker.upkeep.tidyIndex();
    await requireComplete();
    expect(await cancel({ label: ['a'] })).toBe(15);
  });

  test('are forgotten with the last message', async () => {
    await storeWithout('a');
    await storeWithout('a');
    await cancel({});
    await broker.upkeep.tidyIndex();
    await broker.publish(request(day));
    await requireComplete();
  });
});

test('the index has all messages beside those of runs, which filters leave alone', async () => {
  const headers = {
    'Upstash-Workflow-RunId': 'run',
    'Upstash-Workflow-Init': 'true',
    'Upstash-Feature-Set': 'InitialBody',
  };
  await broker.publishBatch([request(headers)]);
  await broker.publish(request(day));
  await requireComplete();
  expect(await cancel({ url: [url] })).toBe(1);
  expect(await countPending()).toBe(1);
});

test('a process that starts later, and one after a restart of Redis, search the same index', async () => {
  await broker.publishBatch(['a', 'b', 'a'].map((label) => request({ ...day, 'Upstash-Label': label })));
  await broker.upkeep.tidyIndex();
  await server.kill();
  await server.start();
  const other = await startOther();
  const calls = await countCalls(async () => expect(await other.messages.cancelMatching({ label: ['a'] })).toBe(2));
  expect(calls('zscan')).toBe(0);
});

test('a search finds all messages while others are added and several processes tidy', async () => {
  const other = await startOther();
  await broker.publishBatch(Array.from({ length: 300 }, () => request({ ...day, 'Upstash-Label': 'wanted' })));
  let isOver = false;
  const busy = async (work: () => Promise<unknown>) => {
    while (!isOver) await work();
  };
  const add = () => broker.publishBatch(Array.from({ length: 50 }, () => request({ 'Upstash-Label': 'other' })));
  const background = [
    busy(add),
    busy(makeDue),
    busy(() => broker.upkeep.tidyIndex()),
    busy(() => other.upkeep.tidyIndex()),
  ];
  for (let round = 0; round < 40; round++) {
    const found = new Set<string>();
    for (const shard of allShards) {
      for await (const page of broker.shards.at(shard).search({ label: ['wanted'] })) {
        for (const { id, message } of page) if (message.labels?.includes('wanted')) found.add(id);
      }
    }
    expect(found.size).toBe(300);
  }
  isOver = true;
  await Promise.all(background);
  await requireComplete();
}, 60_000);
