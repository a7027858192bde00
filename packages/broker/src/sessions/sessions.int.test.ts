import { startRedis, type TestRedis } from '@posthorn/testkit';
import { connectForWork, type RedisConnection } from '../engine/redis/connect.ts';
import { createSessions, type KnownToken, type Sessions } from './sessions.ts';

const reader: KnownToken = { token: 'read-only-token', scope: 'read' };
const writer: KnownToken = { token: 'full-token', scope: 'write' };

let server: TestRedis;
let redis: RedisConnection;
let sessions: Sessions;
beforeAll(async () => {
  server = await startRedis();
  redis = connectForWork(server.url);
  sessions = createSessions(redis, [reader, writer]);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => server.client.flushall());

const count = async (pattern: string) => (await server.client.keys(pattern)).length;

test('sessions of a scope are bounded: the oldest ends, and those of another scope stay', async () => {
  const mine = await sessions.open(writer);
  const first = await sessions.open(reader);
  // As if it had been opened earlier.
  await server.client.zincrby('posthorn:sessions:read', -1000, first.session.caller.replace('session:', ''));
  for (let n = 0; n < 1004; n++) await sessions.open(reader);
  const last = await sessions.open(reader);
  expect(await count('posthorn:session:*')).toBe(1001);
  expect(await sessions.read(first.cookie)).toBeUndefined();
  expect(await sessions.read(last.cookie)).toMatchObject({ scope: 'read' });
  expect(await sessions.read(mine.cookie)).toMatchObject({ scope: 'write' });
});

test('codes are bounded in the same way, and one that was used makes room', async () => {
  for (let n = 0; n < 105; n++) await sessions.createCode(reader);
  expect(await count('posthorn:sign-in-code:*')).toBe(100);
  const { code } = await sessions.createCode(writer);
  expect(await sessions.redeem(code)).toEqual(writer);
  expect(await server.client.exists('posthorn:sign-in-codes:write')).toBe(0);
});

test('a session that was closed or has ended takes no room, and its list ends with the last session', async () => {
  const { cookie } = await sessions.open(reader);
  await sessions.close(cookie);
  expect(await server.client.exists('posthorn:sessions:read')).toBe(0);
  await server.client.zadd('posthorn:sessions:read', Date.now() - 1, 'ended');
  await sessions.open(reader);
  expect(await server.client.zcard('posthorn:sessions:read')).toBe(1);
  const left = await server.client.pttl('posthorn:sessions:read');
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(12 * 3_600_000);
});
