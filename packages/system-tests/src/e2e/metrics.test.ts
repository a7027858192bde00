import { networkInterfaces } from 'node:os';
import { eventually, findFreePort, startApi, startSystem, testToken } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();

/** What users choose, in every place where they can: none of it may become a label. */
const canary = 'canary-7f3a';
const publish = (path: string, headers: Record<string, string> = {}) =>
  system.api.publish(`${system.receiver.url}/${canary}${path}`, { headers, body: canary });
const enqueue = (queue: string) =>
  system.api.call(`/v2/enqueue/${canary}-${queue}/${system.receiver.url}/${canary}`, { method: 'POST' });

async function scrape(url: string): Promise<(name: string) => number | undefined> {
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(200);
  const lines = (await response.text()).split('\n');
  return (name) => {
    const line = lines.find((text) => text.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  };
}

test('both processes tell what they did, and what lies in Redis', async () => {
  system.receiver.reply(`/${canary}/fails`, 500);
  await publish('/delivered', {
    'Upstash-Label': canary,
    'Upstash-Flow-Control-Key': canary,
    'Upstash-Flow-Control-Value': 'parallelism=9',
  });
  await publish('/fails', {
    'Upstash-Retries': '0',
    'Upstash-Failure-Callback': `${system.receiver.url}/${canary}/told`,
  });
  await publish('/later', { 'Upstash-Delay': '1h' });
  await publish('/once', { 'Upstash-Deduplication-Id': canary });
  await publish('/once', { 'Upstash-Deduplication-Id': canary });
  await enqueue('queue');
  await system.api.call('/v2/batch', {
    method: 'POST',
    body: JSON.stringify([{ destination: system.receiver.url }, { destination: system.receiver.url }]),
  });
  await system.api.call(`/v2/${canary}`);
  await system.api.call(`/v2/messages/${canary}`);

  await eventually(async () => {
    const api = await scrape(system.api.url);
    expect({
      publish: api('posthorn_messages_accepted_total{kind="publish"}'),
      enqueue: api('posthorn_messages_accepted_total{kind="enqueue"}'),
      batch: api('posthorn_messages_accepted_total{kind="batch"}'),
      delayed: api('posthorn_messages_delayed'),
      waiting: api('posthorn_messages_waiting'),
      inFlight: api('posthorn_messages_in_flight'),
      dead: api('posthorn_dlq_messages'),
      oldest: api('posthorn_oldest_waiting_seconds'),
      up: api('posthorn_redis_up'),
      published: api(
        'posthorn_http_request_duration_seconds_count{method="POST",route="/v2/publish/*destination",status="200"}',
      ),
      nowhere: api('posthorn_http_request_duration_seconds_count{method="any",route="none",status="404"}'),
      missing: api(
        'posthorn_http_request_duration_seconds_count{method="GET",route="/v2/messages/:messageId",status="404"}',
      ),
    }).toEqual({
      publish: 4,
      enqueue: 1,
      batch: 2,
      delayed: 1,
      waiting: 0,
      inFlight: 0,
      dead: 1,
      oldest: 0,
      up: 1,
      published: 4,
      nowhere: 1,
      missing: 1,
    });
    return true;
  });

  const dispatcher = await scrape(system.dispatcher.url);
  expect(dispatcher('posthorn_attempts_total{outcome="delivered"}')).toBe(6);
  expect(dispatcher('posthorn_attempts_total{outcome="failed"}')).toBe(1);
  expect(dispatcher('posthorn_attempt_duration_seconds_count')).toBe(7);
  expect(dispatcher('posthorn_delivery_delay_seconds_count')).toBe(7);
  expect(dispatcher('posthorn_messages_accepted_total{kind="callback"}')).toBe(1);
  expect(dispatcher('posthorn_dlq_messages')).toBe(1);
  expect(dispatcher('posthorn_log_lines_lost_total')).toBe(0);
  expect(dispatcher('process_cpu_seconds_total')).toBeGreaterThan(0);
  // Between two measurements of an idle process there is none: it has one a second.
  await eventually(async () => ((await system.dispatcher.metric('nodejs_eventloop_lag_p99_seconds')) ?? 0) > 0);
});

test('nothing that a user chose is a label', async () => {
  for (const url of [system.api.url, system.dispatcher.url]) {
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).not.toContain(canary);
    expect(text).not.toContain('msg_');
    expect(text).not.toContain(new URL(system.receiver.url).host);
  }
});

test('the message that waits longest says how long', async () => {
  const redisOfItsOwn = await startSystem();
  await redisOfItsOwn.dispatcher.end('SIGTERM');
  await redisOfItsOwn.api.publish(`${redisOfItsOwn.receiver.url}/waits`);
  await eventually(async () => {
    const read = await scrape(redisOfItsOwn.api.url);
    return read('posthorn_messages_waiting') === 1 && (read('posthorn_oldest_waiting_seconds') ?? 0) > 0.5;
  });
  await redisOfItsOwn.stop();
});

describe('without a token, 401 for', () => {
  const withToken = { Authorization: `Bearer ${testToken}` };

  test.each(['X-Forwarded-For', 'Forwarded', 'Via', 'X-Real-Ip'])(
    'a request that a proxy has passed on: %s; with the token 200',
    async (name) => {
      const headers = { [name]: '127.0.0.1' };
      expect((await fetch(`${system.api.url}/metrics`, { headers })).status).toBe(401);
      expect((await fetch(`${system.api.url}/metrics`, { headers: { ...headers, ...withToken } })).status).toBe(200);
    },
  );

  test('any request, where TRUST_PROXY declares a proxy: it may add no header', async () => {
    const api = await startApi(system.redis.url, { TRUST_PROXY: '127.0.0.1' });
    expect((await fetch(`${api.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${api.url}/metrics`, { headers: withToken })).status).toBe(200);
    await api.end('SIGKILL');
  });

  const [address] = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4');
  (address ? test : test.skip)(
    'a request from another address than loopback, unless METRICS_PORT opens it',
    async () => {
      const port = await findFreePort();
      const host = address?.address ?? '';
      const api = await startApi(system.redis.url, {
        HOST: '0.0.0.0',
        METRICS_PORT: String(port),
        METRICS_HOST: '0.0.0.0',
      });
      expect((await fetch(`http://${host}:${new URL(api.url).port}/metrics`)).status).toBe(401);
      expect((await fetch(`${api.url}/metrics`)).status).toBe(401);
      expect((await fetch(`http://${host}:${port}/metrics`)).status).toBe(200);
      expect((await fetch(`http://${host}:${port}/v2/queues`)).status).toBe(404);
      expect(await api.end('SIGTERM')).toBe(0);
    },
  );
});

test('without Redis both still answer, and leave out what they cannot know', async () => {
  await system.redis.kill();
  for (const url of [system.api.url, system.dispatcher.url]) {
    await eventually(async () => {
      const read = await scrape(url);
      return read('posthorn_redis_up') === 0 && read('posthorn_messages_waiting') === undefined;
    });
  }
  await system.redis.start();
  await eventually(async () => (await scrape(system.api.url))('posthorn_messages_delayed') === 1);
  expect((await scrape(system.api.url))('posthorn_redis_reconnects_total')).toBeGreaterThan(0);
});
