import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { eventually, findFreePort, startApp, startDispatcher, testToken } from '@posthorn/testkit';
import { useApi } from './system.fixture.ts';

const stage = useApi('file');

const askReady = async (url: string) => {
  const response = await fetch(`${url}/ready`);
  return { ...((await response.json()) as { error?: string; durability?: string }), status: response.status };
};

/** A way to Redis on which bytes stop to flow, while the connections stay open. */
async function startProxy(port: number) {
  /** A connection on which this text was seen says nothing any more. */
  let frozenText: string | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    let seen = '';
    let isFrozen = false;
    const check = () => (isFrozen ||= frozenText !== undefined && seen.includes(frozenText));
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => (near.destroy(), far.destroy()));
    }
    near.on('data', (data) => {
      seen = (seen + data.toString('latin1')).slice(-2000);
      if (!check()) far.write(data);
    });
    far.on('data', (data) => {
      if (!check()) near.write(data);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    freeze: (text: string) => (frozenText = text),
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

test('a process that is ready says what Redis promises', async () => {
  const dispatcher = await startDispatcher(stage.redis.url);
  const facts = { status: 200, durability: 'always', shards: 8 };
  expect(await askReady(stage.api.url)).toEqual(facts);
  expect(await askReady(dispatcher.url)).toEqual({ ...facts, slowAttempts: 0, maxSlowAttempts: 1000 });
  // It is read again and again.
  await stage.redis.client.config('SET', 'appendfsync', 'everysec');
  for (const url of [stage.api.url, dispatcher.url]) {
    await eventually(async () => (await askReady(url)).durability === 'everysec');
  }
  await stage.redis.client.config('SET', 'appendfsync', 'always');
  await dispatcher.end('SIGKILL');
});

test('a Redis that may evict messages, or whose snapshot has failed: not ready, with the reason', async () => {
  await stage.redis.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const { error } = await eventually(async () => {
    const answer = await askReady(stage.api.url);
    return answer.status === 503 ? answer : undefined;
  });
  expect(error).toMatch(/set maxmemory-policy to noeviction, it is 'allkeys-lru'/);
  await stage.redis.client.config('SET', 'maxmemory-policy', 'noeviction');
  await eventually(async () => (await askReady(stage.api.url)).status === 200);

  const [, folder = ''] = await stage.redis.client.config('GET', 'dir');
  await mkdir(`${folder}/dump.rdb`);
  await stage.redis.client.config('SET', 'save', '1 1');
  const failed = await eventually(async () => {
    await stage.redis.client.set('{other}', 'changed').catch(() => undefined);
    const answer = await askReady(stage.api.url);
    return answer.status === 503 ? answer : undefined;
  });
  expect(failed.error).toMatch(/The last snapshot of Redis \(BGSAVE\) failed, and Redis refuses writes/);
  expect((await stage.api.call(`/v2/publish/${stage.receiver.url}/refused`, { method: 'POST' })).status).toBe(503);
  await rm(`${folder}/dump.rdb`, { recursive: true });
  await stage.redis.client.config('SET', 'save', '');
  await stage.redis.client.bgsave();
  await eventually(async () => (await askReady(stage.api.url)).status === 200);
}, 90_000);

test('a Redis that became a replica: not ready, with what to do; again when it is a primary', async () => {
  await stage.redis.client.replicaof('127.0.0.1', 1);
  const { status, error } = await eventually(async () => {
    const answer = await askReady(stage.api.url);
    return answer.status === 503 ? answer : undefined;
  });
  expect(status).toBe(503);
  expect(error).toMatch(/replica and read-only; set REDIS_URL to the primary/);
  await stage.redis.client.replicaof('NO', 'ONE');
  await eventually(async () => (await askReady(stage.api.url)).status === 200);
  await eventually(() => stage.api.publish(`${stage.receiver.url}/primary`));
});

test('a dispatcher that fetches nothing: not ready, then it ends with status 1 and says why; the next one delivers', async () => {
  const proxy = await startProxy(stage.redis.port);
  const dispatcher = await startDispatcher(proxy.url, { FETCH_TIMEOUT_SECONDS: '2', SHUTDOWN_GRACE_SECONDS: '1' });
  // Workers wait with this command; its connection and each that comes after it hang, all others go on.
  proxy.freeze('bzpopmin');
  const published: string[] = [];
  const { error } = await eventually(async () => {
    published.push(await stage.api.publish(`${stage.receiver.url}/not-fetched`));
    const answer = await askReady(dispatcher.url);
    return answer.status === 503 ? answer : undefined;
  });
  expect(error).toMatch(/Messages wait and none was fetched for \d+ s/);
  expect(await dispatcher.exited).toBe(1);
  expect(dispatcher.output().match(/dispatcher\.not-fetching/g)).toHaveLength(1);
  proxy.stop();

  const next = await startDispatcher(stage.redis.url);
  await eventually(() => {
    const arrived = new Set(stage.receiver.at('/not-fetched').map(({ headers }) => headers['upstash-message-id']));
    return published.every((id) => arrived.has(id));
  });
  await next.end('SIGKILL');
}, 60_000);

test('a dispatcher that has nothing to do, or no slot free, is not taken for one that fetches nothing', async () => {
  stage.receiver.reply('/long', { status: 200, afterMs: 2500 });
  const dispatcher = await startDispatcher(stage.redis.url, {
    FETCH_TIMEOUT_SECONDS: '1',
    DISPATCHER_CONCURRENCY: '8',
  });
  const published = Array.from({ length: 16 }, () => stage.api.publish(`${stage.receiver.url}/long`));
  await Promise.all(published);
  await eventually(() => stage.receiver.at('/long').length >= 16);
  expect(dispatcher.output()).not.toContain('dispatcher.not-fetching');
  await dispatcher.end('SIGKILL');
}, 60_000);

/** Node.js runs this before the program: its clock is so many milliseconds ahead until SIGUSR2 comes. */
const ahead = (ms: number) => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(
    `let ahead = ${ms}; const now = Date.now; Date.now = () => now() + ahead; process.on('SIGUSR2', () => (ahead = 0));`,
  )}`,
});

test('a clock that is wrong by a minute: not ready; by some seconds: told once', async () => {
  const variables = { REDIS_URL: stage.redis.url, QSTASH_TOKEN: testToken };
  const port = String(await findFreePort());
  const wrong = startApp('api', { ...variables, ...ahead(90_000), PORT: port });
  const { error } = await eventually(async () => {
    const answer = await askReady(`http://127.0.0.1:${port}`);
    return answer.status === 503 ? answer : undefined;
  });
  expect(error).toMatch(/The clock of this machine is (89|90)(\.\d+)? s ahead of that of Redis; set both by NTP/);
  const refused = await fetch(`http://127.0.0.1:${port}/v2/publish/${stage.receiver.url}/early`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${testToken}`, 'Upstash-Delay': '1m' },
  });
  expect(refused.status).toBe(503);
  expect(await refused.json()).toEqual({ error: expect.stringContaining('set both by NTP') as string });
  await wrong.end('SIGKILL');

  const dispatcher = await startDispatcher(stage.redis.url, ahead(5000));
  await eventually(() => dispatcher.output().includes('trouble.started'));
  expect((await askReady(dispatcher.url)).status).toBe(200);
  await eventually(async () => Math.round((await dispatcher.metric('posthorn_clock_offset_seconds')) ?? 0) === 5);
  expect(dispatcher.output().match(/trouble\.started/g)).toHaveLength(1);
  await dispatcher.end('SIGKILL');
});

test('a dispatcher with a wrong clock takes nothing, and delivers when it is right', async () => {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const variables = { REDIS_URL: stage.redis.url, PROBE_PORT: String(port), FETCH_TIMEOUT_SECONDS: '1' };
  const dispatcher = startApp('dispatcher', { ...variables, ...ahead(3_600_000) });
  await eventually(() => fetch(`${url}/health`));
  const publishedAt = Date.now();
  await stage.api.publish(`${stage.receiver.url}/delayed`, { headers: { 'Upstash-Delay': '4s' } });
  await stage.api.publish(`${stage.receiver.url}/at-once`);
  expect((await askReady(url)).status).toBe(503);
  // Twice the time after which it would not be ready.
  await eventually(() => Date.now() > publishedAt + 3000);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/^posthorn_messages_fetched_total 0$/m);
  expect(stage.receiver.at('/at-once')).toEqual([]);

  dispatcher.kill('SIGUSR2');
  await eventually(() => stage.receiver.at('/at-once').length === 1 && stage.receiver.at('/delayed').length === 1);
  expect(Date.now()).toBeGreaterThanOrEqual(publishedAt + 4000);
  expect((await askReady(url)).status).toBe(200);
  expect(dispatcher.output().match(/clock-wrong/g)).toHaveLength(2);
  await dispatcher.end('SIGKILL');
}, 60_000);
