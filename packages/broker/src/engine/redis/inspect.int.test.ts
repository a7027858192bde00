import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startCluster, startRedis, type TestRedis } from '@posthorn/testkit';
import { connectForRequests, connectForWork, type RedisConnection } from './connect.ts';
import { agreeOnData, inspectRedis, type RedisFacts } from './inspect.ts';
import { neededCommands } from './rights.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.client.flushall();
});

const longMs = 20_000;

/** What a process with this URL finds, or the sentence with which it ends; and how long that took. */
async function start(url: string, connect = connectForRequests): Promise<RedisFacts | string> {
  const connection = connect(url);
  connection.on('error', () => undefined);
  try {
    const facts = await inspectRedis(connection, longMs);
    await agreeOnData(connection, 8);
    return facts;
  } catch (error) {
    return (error as Error).message;
  } finally {
    connection.disconnect();
  }
}

/** The same for both kinds of processes. */
const startBoth = async (url: string) => [await start(url), await start(url, connectForWork)];

async function withUser(name: string, ...rules: string[]): Promise<string> {
  await redis.client.call('ACL', 'SETUSER', name, 'reset', 'on', '>secret', ...rules);
  return redis.url.replace('//', `//${name}:secret@`);
}

test('a Redis that runs, is empty and allows everything gives no warning', async () => {
  expect(await startBoth(redis.url)).toEqual(
    Array(2).fill({ version: expect.stringMatching(/^\d+\.\d+/) as string, warnings: [] }),
  );
});

test.each([connectForRequests, connectForWork])(
  'a proxy that divides the keys gets no call for several shards',
  async (connect) => {
    const connections: RedisConnection[] = [];
    const open = (url: string) => {
      const connection = connect(url);
      connections.push(connection);
      return connection;
    };
    await start(redis.url, open);
    await start(redis.url, (url) => {
      const connection = open(url);
      connection.eval = () => Promise.reject(new Error("CROSSSLOT Keys in request don't hash to the same slot"));
      return connection;
    });
    expect(connections.map(({ joinsShards }) => joinsShards)).toEqual([true, false]);
  },
);

test('a database number is used, and nothing lies elsewhere', async () => {
  expect(await startBoth(`${redis.url}/3`)).toEqual(Array(2).fill(expect.objectContaining({ warnings: [] })));
  expect(await redis.client.dbsize()).toBe(0);
  expect(await redis.client.info('keyspace')).toContain('db3:keys=1');
});

test.each(['99', '16', '9999'])('database %s does not exist: that is said, and nothing is written', async (db) => {
  for (const outcome of await startBoth(`${redis.url}/${db}`)) {
    expect(outcome).toMatch(/^REDIS_URL: Redis does not let posthorn use this database number \(ERR DB index/);
  }
  expect(await redis.client.info('keyspace')).not.toContain('keys=');
});

test.each([
  'redis://127.0.0.1/x',
  'redis://127.0.0.1/-1',
  'redis://127.0.0.1/1/2',
  'redis://127.0.0.1/0?db=3',
  'redis://127.0.0.1#3',
  'redis://user:%zz@127.0.0.1',
  'redis://127.0.0.1:99999',
  'http://127.0.0.1',
  'unix:relative',
  'unix:/socket?db=x',
  'redis+sentinel://a,b/main/1/2',
  'redis+sentinel://a,b/main/x',
  'redis+sentinel://a,b',
])('REDIS_URL=%s is refused with what is allowed', (url) => {
  expect(() => connectForRequests(url)).toThrow(/^Wrong environment: REDIS_URL: use redis:/);
});

test.each(['redis://a:1/2,b:2', 'a:1,b:2/3'])('a cluster has no databases: %s', (url) => {
  expect(() => connectForRequests(url)).toThrow('a cluster has neither database numbers nor sockets');
});

test('keys of other programs: a warning at the first start, and none later', async () => {
  await redis.client.mset('theirs', 1, 'too', 2);
  const [first, second] = await startBoth(redis.url);
  expect(first).toMatchObject({
    warnings: [expect.stringMatching(/Database 0 of Redis already holds 2 keys of other programs/)],
  });
  expect(second).toMatchObject({ warnings: [] });
});

test('a key of posthorn that belongs to another program', async () => {
  await redis.client.set('posthorn:settings', 'theirs');
  for (const outcome of await startBoth(redis.url)) {
    expect(outcome).toMatch(/^REDIS_URL: the key posthorn:settings in Redis belongs to another program/);
  }
});

test('another number of shards', async () => {
  await start(redis.url);
  await redis.client.hset('posthorn:settings', 'shards', 4);
  expect(await start(redis.url)).toMatch(/^SHARDS is 8, but the data in Redis was written with 4; set SHARDS to 4/);
});

test.each([
  ['no password', '//', /^REDIS_URL: Redis wants a password \(NOAUTH\)/],
  ['a wrong password', '//:wrong@', /^REDIS_URL: Redis refuses the user name or the password \(WRONGPASS\)/],
  ['a user that does not exist', '//nobody:secret@', /WRONGPASS/],
  ['a wrong password of a user', '//limited:wrong@', /WRONGPASS/],
])('%s is said at once', async (_, where, sentence) => {
  await withUser('limited', '~*', '&*', '+@all');
  await redis.client.config('SET', 'requirepass', 'the right one');
  const startedAt = performance.now();
  for (const outcome of await startBoth(redis.url.replace('//', where))) {
    expect(outcome).toMatch(sentence);
    expect(outcome).not.toMatch(/wrong@|secret/);
  }
  // It is not waited for as a Redis that does not run is.
  expect(performance.now() - startedAt).toBeLessThan(longMs);
  expect(await start(redis.url.replace('//', '//:the%20right%20one@'))).toMatchObject({ warnings: [] });
  await redis.client.config('SET', 'requirepass', '');
});

test('what is not Redis is named at once', async () => {
  const server = createServer((_, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const outcome of await startBoth(`redis://127.0.0.1:${port}`)) {
    expect(outcome).toMatch(/^REDIS_URL: what answers there is not Redis/);
  }
  server.closeAllConnections();
  server.close();
});

test('one node of a cluster, and a cluster that is none', async () => {
  const cluster = await startCluster();
  const node = cluster.nodes[0]?.url ?? '';
  for (const outcome of await startBoth(node)) expect(outcome).toMatch(/^REDIS_URL: Redis is a node of a cluster/);
  expect(await startBoth(cluster.url)).toEqual(Array(2).fill(expect.objectContaining({ warnings: [] })));
  await cluster.stop();
  for (const outcome of await startBoth(`${redis.url},${redis.url}`)) {
    expect(outcome).toMatch(/^REDIS_URL: Redis is no cluster/);
  }
}, 60_000);

const all = ['~*', '&*', '+@all'];

test.each([
  ['run INFO', [...all, '-info']],
  ['run EVALSHA', [...all, '-evalsha']],
  ['run EVAL', [...all, '-eval']],
  ['run EVAL, run EVALSHA', [...all, '-@scripting']],
  ['run BZPOPMIN', [...all, '-bzpopmin']],
  ['run MULTI', [...all, '-multi']],
  ['run DISCARD', [...all, '-discard']],
  ['run PUBLISH', [...all, '-publish']],
  ['run SUBSCRIBE', [...all, '-subscribe']],
  ['run PUBLISH, run SUBSCRIBE', [...all, '-@pubsub']],
  ['use channel posthorn:signing-keys-changed', ['~*', 'resetchannels', '+@all']],
  ['use keys {d*}:*', ['~posthorn:*', '~{log}:*', '~{schedules}:*', '&*', '+@all']],
  ['use keys {log}:*, use keys {schedules}:*', ['~posthorn:*', '~{d*}:*', '&*', '+@all']],
  [/run APPEND, .*, run GET, \d\d more;/, ['+info', '+ping', '+multi', '+discard']],
])('a user without the right to %s is told so, with the line that grants all', async (missing, rules) => {
  const url = await withUser('limited', ...rules);
  for (const outcome of await startBoth(url)) {
    expect(outcome).toMatch(
      /^REDIS_URL: the Redis user 'limited' lacks the right to .*; grant what posthorn needs: ACL/,
    );
    if (typeof missing === 'string') expect(outcome).toContain(missing);
    else expect(outcome).toMatch(missing);
    // The line does what it says.
    const [, line = ''] = (outcome as string).split('needs: ACL ');
    await redis.client.call('ACL', ...line.split(' '));
    expect(await start(url)).toMatchObject({ warnings: [] });
    await withUser('limited', ...rules);
  }
  expect(await redis.client.keys('*probe*')).toEqual([]);
});

test('without CONFIG and CLIENT it starts', async () => {
  const url = await withUser('limited', ...all, '-config', '-client');
  expect(await startBoth(url)).toEqual(Array(2).fill(expect.objectContaining({ warnings: [] })));
});

test('every command that is needed exists', async () => {
  const answers = (await redis.client.call('COMMAND', 'INFO', ...neededCommands)) as unknown[];
  expect(neededCommands.filter((_, index) => answers[index] === null)).toEqual([]);
});
