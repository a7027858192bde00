import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import { pino } from 'pino';
import { connectForRequests, connectForWork, type RedisConnection } from './connect.ts';
import { watchRedis, type RedisWatch } from './watch.ts';

interface Line {
  msg: string;
  level: number;
  kind: string;
  reason?: string;
}

let redis: TestRedis;
let connection: RedisConnection;
let watch: RedisWatch;
let lines: Line[];

async function start(connect = connectForRequests, url = redis.url): Promise<void> {
  lines = [];
  // What is visible at the default level of `npm start`.
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line) as Line) });
  connection = connect(url);
  connection.on('error', () => undefined);
  await eventually(() => connection.status === 'ready');
  watch = watchRedis(connection, log, {
    fullAtPercent: 85,
    durability: 'always',
    fatal: ['unavailable', 'denied', 'full', 'read-only', 'refuses-writes', 'disk-failed', 'evicting'],
    data: '',
    emptied: async () => '',
  });
  await watch.hasLooked;
}
beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(() => start());
afterEach(() => {
  watch.stop();
  connection.disconnect();
});
afterAll(() => redis.stop());

const set = (name: string, value: string) => redis.client.config('SET', name, value);

/** The lines of this kind, without those of others. */
const of = (kind: string) => lines.filter((line) => line.kind === kind).map(({ msg, level }) => [msg, level]);
const both = [
  ['trouble.started', 40],
  ['trouble.ended', 40],
];

test('nothing is wrong with a Redis that is as it should be', async () => {
  expect(await watch.findTrouble()).toBeUndefined();
  expect(watch.state()).toMatchObject({ answers: true, durability: 'always' });
  expect(lines).toEqual([]);
});

test.each([
  ['appendfsync', 'everysec', 'always', 'everysec', /appendfsync everysec: a power cut can take/],
  ['appendfsync', 'no', 'always', 'no', /appendfsync no: a power cut can take/],
  ['appendonly', 'no', 'yes', 'none', /no append-only file/],
])('%s is set to %s while the process runs: told, and shown', async (name, value, before, durability, reason) => {
  await set(name, value);
  await eventually(() => watch.state().durability === durability);
  await eventually(() => of('less-durable').length === 1);
  expect(lines[0]?.reason).toMatch(reason);
  // Work goes on.
  expect(await watch.findTrouble()).toBeUndefined();
  await set(name, before);
  await eventually(() => of('less-durable').length === 2);
  expect(of('less-durable')).toEqual(both);
  expect(watch.state().durability).toBe('always');
});

test.each(['allkeys-lru', 'volatile-ttl', 'allkeys-random'])(
  'a Redis that may evict (%s) must not store messages',
  async (policy) => {
    await set('maxmemory-policy', policy);
    await eventually(() => watch.findTrouble().then((trouble) => trouble?.includes(`it is '${policy}'`)));
    await set('maxmemory-policy', 'noeviction');
    await eventually(async () => (await watch.findTrouble()) === undefined);
    expect(of('evicting')).toEqual(both);
  },
);

test.each([
  ['that of requests', connectForRequests],
  ['that of a worker', connectForWork],
])('too few replicas: writes are refused, which the connection finds out (%s)', async (_, connect) => {
  watch.stop();
  connection.disconnect();
  await start(connect);
  await set('min-replicas-to-write', '1');
  await eventually(() => watch.findTrouble().then((trouble) => trouble?.match(/refuses writes \(.*NOREPLICAS/)));
  await set('min-replicas-to-write', '0');
  await eventually(async () => (await watch.findTrouble()) === undefined);
  expect(of('refuses-writes')).toEqual(both);
});

test('writes that are paused: Redis answers questions alone', async () => {
  await redis.client.call('CLIENT', 'PAUSE', '60000', 'WRITE');
  await eventually(() => watch.findTrouble().then((trouble) => trouble?.includes('does not answer')));
  await redis.client.call('CLIENT', 'UNPAUSE');
  await eventually(async () => (await watch.findTrouble()) === undefined);
});

describe('a snapshot that fails', () => {
  let obstacle: string;
  /** Redis notices the end of one snapshot late, and makes no two at once. */
  const snapshot = () => eventually(() => redis.client.bgsave().catch(() => undefined));
  beforeEach(async () => {
    const [, folder = ''] = await redis.client.config('GET', 'dir');
    obstacle = join(folder, 'dump.rdb');
    await rm(obstacle, { recursive: true, force: true });
    await mkdir(obstacle);
  });
  afterEach(async () => {
    await rm(obstacle, { recursive: true, force: true });
    await set('save', '');
    await set('stop-writes-on-bgsave-error', 'yes');
    await snapshot();
    await eventually(async () => (await redis.client.info('persistence')).includes('rdb_last_bgsave_status:ok'));
  });
  const fail = async () => {
    await redis.client.set('x', 1);
    await snapshot();
    await eventually(async () => (await redis.client.info('persistence')).includes('rdb_last_bgsave_status:err'));
  };

  test('makes Redis refuse writes: not ready, with the reason, until one succeeds', async () => {
    // Redis must not make one by itself.
    await set('save', '3600 1');
    await fail();
    await expect(redis.client.set('x', 2)).rejects.toThrow(/^MISCONF/);
    await eventually(() =>
      watch.findTrouble().then((trouble) => trouble?.match(/snapshot .* failed, and Redis refuses writes/)),
    );
    await rm(obstacle, { recursive: true });
    await snapshot();
    await eventually(async () => (await watch.findTrouble()) === undefined);
    expect(of('disk-failed')).toEqual(both);
  });

  test.each([
    ['save', ''],
    ['stop-writes-on-bgsave-error', 'no'],
  ])('is only told when Redis goes on (%s is "%s")', async (name, value) => {
    await set('save', '3600 1');
    await set(name, value);
    await fail();
    await eventually(() => of('snapshot-failed').length === 1);
    expect(await redis.client.set('x', 3)).toBe('OK');
    expect(await watch.findTrouble()).toBeUndefined();
    expect(of('disk-failed')).toEqual([]);
  });
});

test('settings that changed while Redis was away are seen when it is back', async () => {
  await redis.kill();
  await eventually(async () => (await watch.findTrouble())?.includes('does not answer'));
  await redis.start();
  await set('appendfsync', 'everysec');
  await eventually(() => watch.state().durability === 'everysec');
  expect(of('unavailable')).toEqual(both);
  await set('appendfsync', 'always');
});

test.each([
  ['requests', connectForRequests],
  ['work', connectForWork],
])('rights that are withdrawn from a connection for %s: the reason, and no storm of commands', async (_, connect) => {
  watch.stop();
  connection.disconnect();
  const rules = ['on', '>secret', '~*', '&*', '+@all'];
  const setUser = (...more: string[]) => redis.client.call('ACL', 'SETUSER', 'limited', 'reset', ...rules, ...more);
  await setUser();
  await start(connect, redis.url.replace('//', '//limited:secret@'));
  await setUser('-info');
  const { client } = redis;
  await eventually(async () => (await watch.findTrouble())?.includes('a right was withdrawn from the Redis user'));
  expect(await watch.findTrouble()).toContain('+info');
  expect(watch.state().answers).toBe(false);
  const calls = async () => Number(/cmdstat_info:.*rejected_calls=(\d+)/.exec(await client.info('commandstats'))?.[1]);
  const before = await calls();
  const startedAt = performance.now();
  await eventually(async () => (await calls()) - before >= 3);
  const perSecond = ((await calls()) - before) / ((performance.now() - startedAt) / 1000);
  expect(perSecond).toBeLessThan(10);
  await setUser();
  await eventually(async () => (await watch.findTrouble()) === undefined);
  expect(of('denied')).toEqual(both);
});

test('without CONFIG: durability is unknown, which is logged once', async () => {
  watch.stop();
  connection.disconnect();
  await redis.client.call('ACL', 'SETUSER', 'limited', 'reset', 'on', '>secret', '~*', '&*', '+@all', '-config');
  await start(connectForRequests, redis.url.replace('//', '//limited:secret@'));
  expect(watch.state().durability).toBe('unknown');
  await watch.findTrouble();
  await watch.findTrouble();
  expect(of('less-durable')).toEqual([['trouble.started', 40]]);
  expect(lines[0]?.reason).toContain('+config|get');
  // Each refusal is an entry in the log of Redis.
  const stats = await redis.client.info('commandstats');
  expect(Number(/cmdstat_config\|get:.*rejected_calls=(\d+)/.exec(stats)?.[1])).toBeLessThanOrEqual(3);
});

test('a password that is changed while the process runs', async () => {
  await set('requirepass', 'new');
  await redis.client.auth('new');
  await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await eventually(async () => (await watch.findTrouble())?.includes('NOAUTH'));
  await set('requirepass', '');
  await eventually(async () => (await watch.findTrouble()) === undefined);
  expect(of('denied')).toEqual(both);
});

describe('a process without work', () => {
  /** How often Redis was asked for its time. */
  const countLooks = async () => Number(/cmdstat_time:calls=(\d+)/.exec(await redis.client.info('commandstats'))?.[1]);
  /** The seconds between two looks. */
  const measurePeriod = async () => {
    const next = async () => {
      const before = await countLooks();
      await eventually(async () => (await countLooks()) > before, 10_000);
      return performance.now();
    };
    const first = await next();
    return Math.round(((await next()) - first) / 1000);
  };

  test('looks at Redis every five seconds, and every second while it works or something is wrong', async () => {
    let work = 0;
    watch.followWork(() => work);
    expect(await measurePeriod()).toBe(5);
    const working = setInterval(() => work++, 100);
    expect(await measurePeriod()).toBe(1);
    clearInterval(working);
    await set('appendfsync', 'everysec');
    await watch.findTrouble();
    expect(await measurePeriod()).toBe(1);
    await set('appendfsync', 'always');
  }, 60_000);

  test('notices within a second that its own clock was set', async () => {
    watch.followWork(() => 0);
    const { now } = Date;
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000);
    const before = performance.now();
    try {
      while (watch.trouble('clock-wrong') === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    } finally {
      clock.mockRestore();
    }
    expect(performance.now() - before).toBeLessThan(2000);
  }, 60_000);
});
