import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import type { Message, Schedule } from '@posthorn/shared';
import { testOptions } from '../broker.fixture.ts';
import type { BrokerParts } from '../broker.ts';
import { createBroker } from '../create-broker.ts';
import { connectForWork, type RedisConnection } from '../engine/redis/connect.ts';
import { keyspace } from '../engine/redis/keyspace.ts';

const catchUpMs = 60_000;
const minuteMs = 60_000;

let server: TestRedis;
let brokers: { broker: BrokerParts; redis: RedisConnection }[];
let first: BrokerParts;
let second: BrokerParts;
let noRoom: string | undefined;
beforeAll(async () => {
  server = await startRedis({ durability: 'everysec' });
  brokers = [start(), start()];
  [first, second] = brokers.map(({ broker }) => broker) as [BrokerParts, BrokerParts];
});
afterAll(async () => {
  await Promise.all(brokers.map(({ broker }) => broker.close()));
  await server.stop();
});
beforeEach(() => {
  noRoom = undefined;
  return server.client.flushall();
});
afterEach(() => jest.restoreAllMocks());

function start(): { broker: BrokerParts; redis: RedisConnection } {
  const redis = connectForWork(server.url);
  const broker = createBroker({ ...testOptions, redis, shards: 4, findNoRoom: () => noRoom });
  return { broker, redis };
}

async function create(options: Record<string, string> = {}, to = 'https://a.example', body = 'hello'): Promise<string> {
  return first.schedules.create({
    destination: to.includes(':') ? { kind: 'url', url: to } : { kind: 'urlGroup', name: to },
    // Nothing comes by itself while a test runs: they make it due.
    headers: Object.entries({ 'Upstash-Cron': '0 0 1 1 *', ...options }).flat(),
    tokenInQuery: false,
    body: Buffer.from(body),
    callerIp: '192.0.2.1',
  });
}

const read = async (id: string): Promise<Schedule> => {
  const schedule = await first.schedules.get(id);
  if (!schedule) throw new Error(`there is no schedule ${id}`);
  return schedule;
};

/** Makes the schedule due for so long without a look at it; gives that time. */
async function makeDue(id: string, agoMs = 0): Promise<number> {
  const tickAt = (await now()) - agoMs;
  await server.client.hset(keyspace.schedule(id), 'next', tickAt);
  await server.client.zadd(keyspace.dueSchedules, tickAt, id);
  return tickAt;
}

async function now(): Promise<number> {
  const [seconds, microseconds] = await server.client.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

/** The time of a claim is over. */
const endClaims = async () => {
  for (const id of await server.client.zrange(keyspace.dueSchedules, 0, '-1')) {
    const next = await server.client.hget(keyspace.schedule(id), 'next');
    await server.client.zadd(keyspace.dueSchedules, String(next), id);
  }
};

interface Pending {
  id: string;
  message: Message;
}

async function pending(): Promise<Pending[]> {
  const all: Pending[] = [];
  for (let shard = 0; shard < 4; shard++) {
    for await (const page of first.shards.at(shard).search({})) {
      for (const { id, message } of page) if (!all.some((one) => one.id === id)) all.push({ id, message });
    }
  }
  return all;
}

/** The next call of this script is carried out, and the process dies before it hears of it. */
function dieAfter(script: 'beginTrigger' | 'advanceSchedule', isCarriedOut: boolean): void {
  const { redis } = brokers[0] as { redis: RedisConnection };
  const original = redis[script].bind(redis) as (...args: unknown[]) => Promise<0 | 1>;
  jest.spyOn(redis, script).mockImplementationOnce(async (...args: unknown[]) => {
    if (isCarriedOut) await original(...args);
    throw new Error('the process died');
  });
}

test('many schedules and two dispatchers: one message for each schedule and time', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 250; n++) ids.push(await create());
  const ticks = new Map<string, number>();
  for (const id of ids) ticks.set(id, await makeDue(id));
  await Promise.all(
    [first, second, first, second].map(async ({ schedules }) => {
      while ((await schedules.fireDue(catchUpMs)) === 0);
    }),
  );
  const messages = await pending();
  expect(messages.map(({ message }) => message.scheduleId).sort()).toEqual(ids.sort());
  for (const { message } of messages) expect(message.createdAt).toBe(ticks.get(message.scheduleId ?? ''));
  const next = (await read(ids[0] ?? '')).nextScheduleTime;
  expect(next % minuteMs).toBe(0);
  expect(next).toBeGreaterThan(await now());
});

test('the trigger of a schedule says what it was made with', async () => {
  const id = await create({
    'Upstash-Schedule-Id': 'all',
    'Upstash-Delay': '10s',
    'Upstash-Queue-Name': 'q',
    'Upstash-Label': 'a,b',
    'Upstash-Deduplication-Id': 'once',
    'Upstash-Not-Before': '9999999999',
    'Upstash-Callback': 'https://callback.example',
  });
  for (const agoMs of [2000, 1000]) {
    const tickAt = await makeDue(id, agoMs);
    await second.schedules.fireDue(catchUpMs);
    expect((await pending()).map(({ message }) => message)).toContainEqual(
      expect.objectContaining({
        url: 'https://a.example',
        scheduleId: 'all',
        createdAt: tickAt,
        notBefore: tickAt + 10_000,
        queueName: 'q',
        labels: ['a', 'b'],
        callerIp: '192.0.2.1',
        body: { kind: 'text', text: 'hello' },
        callback: expect.objectContaining({ url: 'https://callback.example' }) as unknown,
      }),
    );
  }
  expect(await pending()).toHaveLength(2);
});

describe('a dispatcher that dies', () => {
  test.each([
    ['before it has stored the messages', () => dieAfter('beginTrigger', true)],
    ['after it has stored the messages', () => dieAfter('advanceSchedule', false)],
    ['after all is done', () => dieAfter('advanceSchedule', true)],
  ])('%s: another one ends its work, and there is one message', async (_when, arrange) => {
    const id = await create();
    const tickAt = await makeDue(id);
    arrange();
    await first.schedules.fireDue(catchUpMs);
    expect(await second.schedules.fireDue(catchUpMs)).toBeGreaterThan(0);
    await endClaims();
    await second.schedules.fireDue(catchUpMs);
    const messages = await pending();
    expect(messages).toHaveLength(1);
    expect(await read(id)).toMatchObject({
      lastScheduleTime: tickAt,
      lastScheduleStates: { [messages[0]?.id ?? '']: 'IN_PROGRESS' },
    });
  });

  test('for long: what was missed for more than the time to catch up is skipped, and the rest fires once', async () => {
    const minutely = { 'Upstash-Cron': '* * * * *' };
    const id = await create(minutely);
    const everyMinute = await create(minutely);
    const skipped = await makeDue(id, catchUpMs + 2000);
    const before = await now();
    await makeDue(everyMinute, 10 * minuteMs);
    await eventually(async () => {
      await first.schedules.fireDue(catchUpMs);
      return (await read(everyMinute)).nextScheduleTime > before;
    });
    const times = (await pending()).map(({ message }) => message.createdAt);
    expect(times).not.toContain(skipped);
    // Both are due every minute, and the last minute was missed for less than that.
    expect(times).toHaveLength(2);
    for (const time of times) expect(time).toBeGreaterThanOrEqual(before - catchUpMs);
  });
});

describe('a pause', () => {
  test('lets the times pass without messages, for every dispatcher, and resuming makes nothing up', async () => {
    const id = await create();
    expect(await first.schedules.setPaused(id, true)).toBe(true);
    await makeDue(id, 1000);
    await second.schedules.fireDue(catchUpMs);
    expect(await read(id)).toMatchObject({ isPaused: true });
    expect((await read(id)).nextScheduleTime).toBeGreaterThan(await now());

    // Due while it was paused, and no dispatcher was there to see it.
    await makeDue(id, 1000);
    await first.schedules.setPaused(id, false);
    await second.schedules.fireDue(catchUpMs);
    expect(await pending()).toHaveLength(0);
    expect(await read(id)).toMatchObject({ isPaused: false });

    await makeDue(id);
    await second.schedules.fireDue(catchUpMs);
    expect(await pending()).toHaveLength(1);
  });

  test('that comes while a dispatcher is at it holds, and so do a removal and a replacement', async () => {
    const { redis } = brokers[0] as { redis: RedisConnection };
    const begin = redis.beginTrigger.bind(redis);
    for (const change of [
      (id: string) => first.schedules.setPaused(id, true),
      (id: string) => first.schedules.remove(id),
      (id: string) => create({ 'Upstash-Schedule-Id': id, 'Upstash-Cron': '0 0 1 1 *' }),
    ]) {
      const id = await create();
      await makeDue(id);
      jest.spyOn(redis, 'beginTrigger').mockImplementationOnce(async (...args) => {
        await change(id);
        return begin(...args);
      });
      await first.schedules.fireDue(catchUpMs);
    }
    expect(await pending()).toHaveLength(0);
  });

  test('resuming what is not paused changes nothing', async () => {
    const id = await create();
    await makeDue(id);
    await first.schedules.setPaused(id, false);
    await first.schedules.fireDue(catchUpMs);
    expect(await pending()).toHaveLength(1);
    expect(await first.schedules.setPaused('unknown', true)).toBe(false);
    expect(await first.schedules.setPaused('unknown', false)).toBe(false);
    expect(await server.client.exists(keyspace.schedule('unknown'))).toBe(0);
  });
});

test('a dispatcher whose clock is wrong neither fires early nor skips', async () => {
  const early = await create();
  const due = await create();
  await makeDue(due);
  for (const wrongMs of [3_600_000, -3_600_000]) {
    const real = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(real + wrongMs);
    await first.schedules.fireDue(catchUpMs);
    expect((await pending()).map(({ message }) => message.scheduleId)).toEqual([due]);
  }
  expect((await read(early)).lastScheduleTime).toBeUndefined();
});

describe('the states of the messages of the last trigger', () => {
  test('are those of their ends, also of one that ends before the schedule goes on, and go with the next trigger', async () => {
    const { redis } = brokers[0] as { redis: RedisConnection };
    const advance = redis.advanceSchedule.bind(redis);
    const id = await create();
    await makeDue(id, 1000);
    jest.spyOn(redis, 'advanceSchedule').mockImplementationOnce(async (...args) => {
      for (const { id: messageId, message } of await pending()) {
        await second.schedules.tellEnd(messageId, message, 'SUCCESS');
      }
      return advance(...args);
    });
    await first.schedules.fireDue(catchUpMs);
    expect(Object.values((await read(id)).lastScheduleStates ?? {})).toEqual(['SUCCESS']);

    await makeDue(id);
    await first.schedules.fireDue(catchUpMs);
    expect(Object.values((await read(id)).lastScheduleStates ?? {})).toEqual(['IN_PROGRESS']);
    await first.messages.cancelMatching({ scheduleId: [id] });
    expect(Object.values((await read(id)).lastScheduleStates ?? {})).toEqual(['FAIL']);
  });
});

test('a group that is gone is the error of the schedule until it publishes again', async () => {
  const add = () => first.urlGroups.addEndpoints('group', [{ url: 'https://a.example' }, { url: 'https://b.example' }]);
  await add();
  const id = await create({}, 'group');
  await first.urlGroups.remove('group');
  await makeDue(id, 1000);
  await second.schedules.fireDue(catchUpMs);
  expect(await read(id)).toMatchObject({ error: 'topic group not found' });
  expect((await read(id)).lastScheduleTime).toBeUndefined();
  await add();
  await makeDue(id);
  await second.schedules.fireDue(catchUpMs);
  expect((await read(id)).error).toBeUndefined();
  expect((await pending()).map(({ message }) => message.url).sort()).toEqual([
    'https://a.example',
    'https://b.example',
  ]);
});

describe('a large body', () => {
  const body = 'x'.repeat(100_000);
  const bodyKeys = () => server.client.keys('*:body:*');

  test('is left out of the list, which says so', async () => {
    await create({ 'Upstash-Schedule-Id': 'large' }, 'https://a.example', body);
    await create({ 'Upstash-Schedule-Id': 'small' });
    await create({ 'Upstash-Schedule-Id': 'empty' }, 'https://a.example', '');
    await create({ 'Upstash-Schedule-Id': 'redacted', 'Upstash-Redact-Fields': 'body' }, 'https://a.example', body);
    const shown: Record<string, unknown> = {};
    for await (const schedule of first.schedules.list()) {
      shown[schedule.scheduleId] = [schedule.body?.slice(0, 8), schedule.bodyTruncated];
    }
    expect(shown).toEqual({
      large: [undefined, true],
      small: ['hello', undefined],
      empty: [undefined, undefined],
      redacted: ['REDACTED', undefined],
    });
    expect(await read('large')).toMatchObject({ body });
    expect(await read('large')).not.toHaveProperty('bodyTruncated');
  });

  test('lies in Redis once, for the schedule and its messages, and goes with the last of them', async () => {
    const id = await create({}, 'https://a.example', body);
    for (const agoMs of [2000, 1000]) {
      await makeDue(id, agoMs);
      await second.schedules.fireDue(catchUpMs);
    }
    const [one, two] = (await pending()) as [Pending, Pending];
    const [key = '', ...more] = await bodyKeys();
    expect(more).toEqual([]);
    expect((await read(id)).body).toBe(body);
    const listed: object[] = [];
    for await (const schedule of first.schedules.list()) listed.push(schedule);
    expect(listed).toEqual([expect.objectContaining({ scheduleId: id })]);
    expect(listed[0]).not.toHaveProperty('body');

    await first.bodies.release(one.message.body, one.id, 0);
    await first.schedules.remove(id);
    expect(await server.client.pttl(key)).toBe(-1);
    expect((await first.bodies.read(two.message.body))?.toString()).toBe(body);
    await first.messages.cancel([two.id]);
    expect(await server.client.pttl(key)).toBeGreaterThan(0);
  });

  test('that is replaced goes', async () => {
    await create({ 'Upstash-Schedule-Id': 'large' }, 'https://a.example', body);
    await create({ 'Upstash-Schedule-Id': 'large' });
    expect((await read('large')).body).toBe('hello');
    const [key = ''] = await bodyKeys();
    expect(await server.client.pttl(key)).toBeGreaterThan(0);
  });

  test('is not kept for a message that ended before its trigger was done again', async () => {
    const id = await create({}, 'https://a.example', body);
    await makeDue(id);
    dieAfter('advanceSchedule', false);
    await first.schedules.fireDue(catchUpMs);
    await first.messages.cancelMatching({});
    await endClaims();
    await second.schedules.fireDue(catchUpMs);
    expect((await read(id)).lastScheduleTime).toBeDefined();
    // After this one the schedule knows nothing more of the message.
    await makeDue(id);
    await second.schedules.fireDue(catchUpMs);
    await first.messages.cancelMatching({});
    await second.schedules.remove(id);
    const [key = ''] = await bodyKeys();
    expect(await server.client.pttl(key)).toBeGreaterThan(0);
  });

  test('is not kept for messages that never came to be', async () => {
    const id = await create({}, 'https://a.example', body);
    await makeDue(id);
    for (let shard = 0; shard < 4; shard++) {
      jest.spyOn(first.shards.at(shard), 'add').mockRejectedValueOnce(new Error('the process died'));
    }
    await first.schedules.fireDue(catchUpMs);
    await endClaims();
    await second.schedules.fireDue(0);
    expect(await pending()).toHaveLength(0);
    await second.schedules.remove(id);
    const [key = ''] = await bodyKeys();
    expect(await server.client.pttl(key)).toBeGreaterThan(0);
  });

  test('of a schedule that Redis does not store expires, and so does one of a schedule above the limit', async () => {
    const { redis } = brokers[0] as { redis: RedisConnection };
    jest.spyOn(redis, 'putSchedule').mockRejectedValueOnce(new Error('OOM command not allowed'));
    await expect(create({}, 'https://a.example', body)).rejects.toThrow('OOM');
    const [key = ''] = await bodyKeys();
    expect(await server.client.pttl(key)).toBeGreaterThan(0);
    jest.spyOn(redis, 'putSchedule').mockResolvedValueOnce(-1);
    await expect(create({}, 'https://a.example', body)).rejects.toMatchObject({ code: 'limit_exceeded' });
    expect(await bodyKeys()).toEqual([key]);
  });

  test('is not kept for a message that a run by hand could not store, but for one that it did', async () => {
    const id = await create({ 'Upstash-Delay': '1h' }, 'https://a.example', body);
    const [key = ''] = await bodyKeys();
    for (let shard = 0; shard < 4; shard++) {
      jest.spyOn(first.shards.at(shard), 'add').mockRejectedValueOnce(new Error('OOM command not allowed'));
    }
    await expect(first.runSchedule(id)).rejects.toThrow('OOM');
    jest.restoreAllMocks();
    const [messageId = ''] = (await first.runSchedule(id)) ?? [];
    await second.schedules.remove(id);
    expect(await server.client.pttl(key)).toBe(-1);
    await first.messages.cancel([messageId]);
    expect(await server.client.pttl(key)).toBeGreaterThan(0);
  });

  test('that is gone makes no messages, and the schedule says so', async () => {
    const id = await create({}, 'https://a.example', body);
    await makeDue(id);
    await server.client.del(await bodyKeys());
    await first.schedules.fireDue(catchUpMs);
    expect(await pending()).toEqual([]);
    expect(await read(id)).toMatchObject({ error: 'the body of the schedule is not there any more' });
  });

  test('is there for a message that is stored while its schedule is removed', async () => {
    const id = await create({}, 'https://a.example', body);
    await makeDue(id);
    const hold = first.bodies.hold;
    jest.spyOn(first.bodies, 'hold').mockImplementationOnce(async (...args) => {
      const isThere = await hold(...args);
      await second.schedules.remove(id);
      return isThere;
    });
    await first.schedules.fireDue(catchUpMs);
    const [message] = await pending();
    expect(message?.message.scheduleId).toBe(id);
    const [key = ''] = await bodyKeys();
    expect(await server.client.pttl(key)).toBe(-1);
    await first.messages.cancelMatching({});
    expect(await server.client.pttl(key)).toBeGreaterThan(0);
  });
});

test('while Redis is full nothing is published; then what is not too old comes', async () => {
  const id = await create();
  const tickAt = await makeDue(id, 1000);
  noRoom = 'Redis is full';
  expect(await first.schedules.fireDue(catchUpMs)).toBeGreaterThan(0);
  expect(await pending()).toEqual([]);
  expect((await read(id)).nextScheduleTime).toBe(tickAt);
  noRoom = undefined;
  await first.schedules.fireDue(catchUpMs);
  expect((await pending()).map(({ message }) => message.createdAt)).toEqual([tickAt]);
});
