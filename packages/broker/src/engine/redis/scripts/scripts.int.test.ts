import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import { connectForWork, type RedisConnection } from '../connect.ts';

let server: TestRedis;
let redis: RedisConnection;
beforeAll(async () => {
  server = await startRedis();
  redis = connectForWork(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());

describe('replace-field', () => {
  test('replaces what was read, and tells who lost a race', async () => {
    expect(await redis.replaceField('h', 'f', '', 'one', 0)).toBe(1);
    expect(await redis.replaceField('h', 'f', '', 'two', 0)).toBe(0);
    expect(await redis.replaceField('h', 'f', 'one', 'two', 0)).toBe(1);
    expect(await redis.hget('h', 'f')).toBe('two');
    expect(await redis.replaceField('h', 'f', 'two', '', 0)).toBe(1);
    expect(await redis.exists('h')).toBe(0);
  });
  test('keeps to the limit for new fields only', async () => {
    expect(await redis.replaceField('h', 'a', '', '1', 1)).toBe(1);
    expect(await redis.replaceField('h', 'b', '', '1', 1)).toBe(-1);
    expect(await redis.replaceField('h', 'a', '1', '2', 1)).toBe(1);
  });
});

describe('keep-body', () => {
  const keep = (step: 'confirm' | 'hold' | 'release', ms: number, ...ids: string[]) =>
    redis.keepBody('body', 'bytes', 'message:', 'held:', step, ms, ...ids);
  const release = (id: string, keepMs: number) => keep('release', keepMs, id);
  const put = (...ids: string[]) =>
    redis.hset('body', { bytes: 'x', ...Object.fromEntries(ids.map((id) => [`message:${id}`, '0'])) });
  beforeEach(() => redis.del('body'));

  test('the bytes expire when the last message needs them no more, at the latest instant that was asked for', async () => {
    await put('a', 'b');
    expect(await release('a', 100_000)).toBe(1);
    expect(await release('a', 100_000)).toBe(1);
    expect(await redis.pttl('body')).toBe(-1);
    expect(await release('b', 1000)).toBe(1);
    expect(await redis.pttl('body')).toBeGreaterThan(90_000);
    expect(await redis.hget('body', 'bytes')).toBe('x');
  });
  test('the last step of a message counts, and without messages the bytes are removed at once', async () => {
    await put('a', 'b');
    await release('a', 100_000);
    await release('b', 100_000);
    await release('a', 0);
    expect((await redis.hkeys('body')).sort()).toEqual(['bytes', 'message:b']);
    expect(await release('b', 0)).toBe(0);
    expect(await redis.exists('body')).toBe(0);
  });
  test('a body that is gone is no fault', async () => {
    expect(await release('a', 0)).toBe(0);
    expect(await keep('confirm', 0, 'a')).toBe(0);
    expect(await keep('hold', 1000, 'a')).toBe(0);
    expect(await redis.exists('body')).toBe(0);
  });
  test('bytes that messages need no longer expire once they are confirmed, and more messages may need them', async () => {
    await put('a');
    await redis.pexpire('body', 10_000);
    expect(await keep('hold', 20_000, 'b', 'c')).toBe(1);
    expect(await redis.pttl('body')).toBeGreaterThan(10_000);
    expect(await keep('confirm', 0, 'b', 'c')).toBe(1);
    expect(await redis.pttl('body')).toBe(-1);
    expect((await redis.hkeys('body')).sort()).toEqual(['bytes', 'message:a', 'message:b', 'message:c']);
  });
  test('bytes that are not confirmed still expire when another message of theirs ends', async () => {
    await put('a', 'b');
    await redis.pexpire('body', 10_000);
    await release('a', 100_000);
    expect(await redis.pttl('body')).toBeLessThanOrEqual(10_000);
  });
  test('bytes of messages that have all ended expire, though they are confirmed afterwards', async () => {
    await put('a');
    await release('a', 10_000);
    expect(await keep('confirm', 0)).toBe(1);
    expect(await redis.pttl('body')).toBeGreaterThan(0);
  });
  test('bytes that are held for a message that never comes expire with that, once all others have ended', async () => {
    await put('a');
    await keep('hold', 5000, 'b');
    expect(await redis.pttl('body')).toBe(-1);
    expect(await release('a', 0)).toBe(1);
    expect(await redis.pttl('body')).toBeGreaterThan(0);
    expect(await redis.pttl('body')).toBeLessThanOrEqual(5000);
  });
  test('a message that ended before it was confirmed does not need its bytes for ever', async () => {
    await put('a');
    await keep('hold', 5000, 'b', 'c');
    await release('b', 0);
    await release('c', 10_000);
    expect(await keep('confirm', 0, 'b', 'c')).toBe(1);
    await release('a', 0);
    expect(await redis.pttl('body')).toBeGreaterThan(5000);
    expect(await release('c', 0)).toBe(0);
  });
});

describe('set-field', () => {
  test('sets a field only beside one that exists', async () => {
    await redis.hset('h', 'there', '1');
    expect(await redis.setField('h', 'there', 'new', '2')).toBe(1);
    expect(await redis.hgetall('h')).toEqual({ there: '1', new: '2' });
    expect(await redis.setField('none', 'there', 'new', '2')).toBe(0);
    expect(await redis.exists('none')).toBe(0);
  });
});

describe('schedules', () => {
  const fields = ['definition', 'createdAt', 'next', 'pausedUntil', 'last', 'error'] as const;
  const put = (id: string, definition: string, limit = 2) =>
    redis.putSchedule(`s:${id}`, 'due', ...fields, id, definition, 100, 200, limit);
  const claim = (max: number, claimMs: number) => redis.claimSchedules('due', ...fields, 's:', max, claimMs);

  test('put-schedule puts, replaces as a whole, keeps to the limit, removes', async () => {
    expect(await put('a', 'one')).toEqual([]);
    expect(await redis.hgetall('s:a')).toEqual({ definition: 'one', createdAt: '100', next: '200' });
    await redis.hset('s:a', 'error', 'x');
    expect(await put('a', 'two', 1)).toContain('x');
    expect(await redis.hgetall('s:a')).toEqual({ definition: 'two', createdAt: '100', next: '200' });
    expect(await put('b', 'one', 1)).toBe(-1);
    expect(await redis.exists('s:b')).toBe(0);
    expect(await put('a', '')).toContain('two');
    expect(await put('a', '')).toEqual([]);
    expect(await redis.exists('s:a', 'due')).toBe(0);
  });

  test('claim-schedules hands what is due to one, and again when the claim is over', async () => {
    await put('a', 'one');
    await put('b', 'one');
    await redis.hset('s:b', 'pausedUntil', 'inf');
    await redis.zadd('due', Date.now() + 60_000, 'c');
    const [, , ...claimed] = await claim(1, 20);
    expect(claimed).toEqual([['a', 'one', '100', '200', '']]);
    const [, waitMs, ...rest] = await claim(10, 60_000);
    expect(rest).toEqual([['b', 'one', '100', '200', 'inf']]);
    expect(waitMs).toBeLessThanOrEqual(20);
    await eventually(async () => (await claim(10, 60_000)).length === 3);
  });

  test('begin-trigger notes messages once, unless it is paused or another one', async () => {
    const begin = (createdAt: number, tick: number, ...messages: string[]) =>
      redis.beginTrigger('s:a', ...fields, createdAt, tick, 'inf', 'IN_PROGRESS', ...messages);
    await put('a', 'one');
    expect(await begin(100, 200, '200:m')).toBe(1);
    await redis.hset('s:a', '200:m', 'SUCCESS');
    expect(await begin(100, 200, '200:m', '200:n')).toBe(1);
    expect(await redis.hmget('s:a', '200:m', '200:n')).toEqual(['SUCCESS', 'IN_PROGRESS']);
    expect(await begin(101, 200, '200:o')).toBe(0);
    expect(await begin(100, 201, '200:o')).toBe(0);
    await redis.hset('s:a', 'pausedUntil', 'inf');
    expect(await begin(100, 200, '200:o')).toBe(0);
  });

  test('advance-schedule goes on once, and says what became of the trigger', async () => {
    const advance = (tick: number, next: number, result: 'published' | 'skipped' | 'failed', error = '') =>
      redis.advanceSchedule('s:a', 'due', ...fields, 'a', 100, tick, next, result, error, `${tick}:`);
    await put('a', 'one');
    await redis.hset('s:a', { '100:old': 'SUCCESS', '200:m': 'IN_PROGRESS' });
    expect(await advance(200, 300, 'failed', 'why')).toBe(1);
    expect(await redis.hmget('s:a', 'next', 'error', 'last')).toEqual(['300', 'why', null]);
    expect(await advance(200, 400, 'published')).toBe(0);
    await redis.hset('s:a', '300:m', 'IN_PROGRESS');
    expect(await advance(300, 400, 'published')).toBe(1);
    expect(await redis.hgetall('s:a')).toEqual({
      definition: 'one',
      createdAt: '100',
      next: '400',
      last: '300',
      '300:m': 'IN_PROGRESS',
    });
    expect(await redis.zscore('due', 'a')).toBe('400');
    await put('a', '');
    expect(await advance(400, 500, 'skipped')).toBe(-1);
    expect(await redis.exists('s:a', 'due')).toBe(0);
  });
});

describe('bury-message', () => {
  const bury = (id: string) =>
    redis.buryMessage('dlq', 'entries', 'ids', id, '{}', `${id} body`, Buffer.from([0, 255, 58]), 3, 8);

  test('a message is buried once, under an id that names the time and the shard', async () => {
    const id = await bury('msg_a');
    expect(id).toMatch(/^\d{13}-\d+$/);
    expect(Number(id.split('-')[1]) % 8).toBe(3);
    expect(await bury('msg_a')).toBe(id);
    expect(await redis.zcard('dlq')).toBe(1);
  });
  test('messages of one millisecond get different ids', async () => {
    const ids = await Promise.all(Array.from({ length: 50 }, (_, n) => bury(`msg_${n}`)));
    expect(new Set(ids).size).toBe(50);
    expect(await redis.hlen('entries')).toBe(50);
  });
  test('the owner of an entry is beside it', async () => {
    const id = await bury('msg_a');
    expect(await redis.hgetall('ids')).toEqual({ msg_a: id, [id]: 'msg_a body' });
  });
});

describe('remove-dead-letters', () => {
  test('removes entries with all that belongs to them, and no others', async () => {
    const bury = (id: string) => redis.buryMessage('dlq', 'entries', 'ids', id, '{}', id, Buffer.from(':'), 0, 1);
    const [first, second, third] = [await bury('a'), await bury('b'), await bury('c')];
    await redis.mset('answer:a', 'x', 'answer:b', 'x', 'answer:c', 'x', 'log:b', 'x');
    await redis.pexpire('log:b', 5000);
    const remove = () =>
      redis.removeDeadLetters('dlq', 'entries', 'ids', 'answer:', 'log:', first, 'a', '1-1', '', second, 'b');
    expect(await remove()).toEqual([1, 0, 1]);
    expect(await remove()).toEqual([0, 0, 0]);
    expect(await redis.hkeys('entries')).toEqual([third]);
    expect(await redis.hgetall('ids')).toEqual({ c: third, [third]: 'c' });
    expect(await redis.zrange('dlq', '0', '-1')).toEqual([`${third}::`]);
    expect(await redis.exists('answer:a')).toBe(0);
    expect(await redis.pttl('answer:b')).toBeGreaterThan(0);
    expect(await redis.pttl('answer:c')).toBe(-1);
  });
});

test('addExpiring lets a list expire with its last member, whatever comes in which order', async () => {
  const now = Date.now();
  await redis.addExpiring('z', 'late', now + 60_000, now);
  await redis.addExpiring('z', 'soon', now + 1000, now);
  expect(await redis.pttl('z')).toBeGreaterThan(50_000);
  await redis.addExpiring('z', 'later', now + 90_000, now + 2000);
  expect(await redis.zrange('z', '0', '-1')).toEqual(['late', 'later']);
});

describe('complete-jobs', () => {
  const prefix = '{d0}:deliver:';
  const put = async (shard: string, id: string) => {
    await redis.hset(`${shard}${id}`, 'data', '{}');
    await redis.lpush(`${shard}active`, id);
    await redis.set(`${shard}${id}:lock`, `lock-of-${id}`);
  };
  const complete = (...jobs: string[]) => redis.completeJobs(2, prefix, '{d1}:deliver:', 1000, ...jobs);

  test('ends jobs of several shards, and hands over the next job of each that wants one', async () => {
    await put(prefix, 'a');
    await put('{d1}:deliver:', 'b');
    for (const shard of [prefix, '{d1}:deliver:']) {
      await redis.hset(`${shard}next`, 'data', '{}');
      await redis.lpush(`${shard}wait`, 'next');
    }
    const [first, second] = await complete('1 5000 lock-of-a a', '2 0 lock-of-b b');
    expect(first).toEqual([['data', '{}'], 'next', 0, 11_000]);
    expect(second).toBe(0);
    expect(await redis.get(`${prefix}next:lock`)).toBe('lock-of-a');
    expect(await redis.pttl(`${prefix}next:lock`)).toBeGreaterThan(4000);
    expect(await redis.lrange('{d1}:deliver:wait', 0, -1)).toEqual(['next']);
    expect(await redis.exists(`${prefix}a`, `${prefix}a:lock`, '{d1}:deliver:b', '{d1}:deliver:b:lock')).toBe(0);
    expect(await redis.lrange('{d1}:deliver:active', 0, -1)).toEqual([]);
  });

  test('says of a job that is gone, or in other hands, what BullMQ says, and ends the others', async () => {
    await put(prefix, 'a');
    await put(prefix, 'b');
    await redis.set(`${prefix}a:lock`, 'of another worker');
    expect(await complete('1 0 lock-of-a a', '1 0 x gone', '1 0 lock-of-b b')).toEqual([-6, -1, 0]);
    expect(await redis.lrange(`${prefix}active`, 0, -1)).toEqual(['a']);
  });

  test('an error ends the call after the jobs before it, or fails it if there are none', async () => {
    await put(prefix, 'a');
    await put(prefix, 'c');
    await redis.lpush('{d1}:deliver:b:lock', 'no string');
    await redis.hset('{d1}:deliver:b', 'data', '{}');
    const jobs = ['1 0 lock-of-a a', '2 0 lock-of-b b', '1 0 lock-of-c c'];
    expect(await complete(...jobs)).toEqual([0]);
    expect(await redis.exists(`${prefix}c`)).toBe(1);
    await expect(complete(...jobs.slice(1))).rejects.toThrow(/^WRONGTYPE /);
  });
});
