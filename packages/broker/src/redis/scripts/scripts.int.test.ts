import { startRedis, type TestRedis } from '@posthorn/testkit';
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

describe('release-body', () => {
  test('the bytes expire when the last message has ended, at the latest instant that was asked for', async () => {
    await redis.hset('body', { bytes: 'x', keepUntil: '0', 'message:a': '1', 'message:b': '1' });
    const late = Date.now() + 100_000;
    expect(await redis.releaseBody('body', 'a', late)).toBe(1);
    expect(await redis.releaseBody('body', 'a', late)).toBe(1);
    expect(await redis.pttl('body')).toBe(-1);
    expect(await redis.releaseBody('body', 'b', Date.now() + 1000)).toBe(0);
    expect(await redis.pttl('body')).toBeGreaterThan(90_000);
    expect(await redis.hget('body', 'bytes')).toBe('x');
  });
  test('a body that is gone is no fault', async () => {
    expect(await redis.releaseBody('none', 'a', Date.now())).toBe(0);
    expect(await redis.exists('none')).toBe(0);
  });
});

describe('bury-message', () => {
  const bury = (id: string, retentionMs = 60_000) =>
    redis.buryMessage('dlq', 'entries', 'ids', id, `{"messageId":"${id}"}`, 3, 8, retentionMs);

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
  test('entries past their retention are forgotten', async () => {
    await redis.zadd('dlq', 1, '1-3');
    await redis.hset('entries', '1-3', '{"messageId":"msg_old"}');
    await redis.hset('ids', 'msg_old', '1-3');
    await bury('msg_new');
    expect(await redis.zcard('dlq')).toBe(1);
    expect(await redis.hkeys('entries')).not.toContain('1-3');
    expect(await redis.hkeys('ids')).toEqual(['msg_new']);
  });
});
