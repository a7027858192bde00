import type { Socket } from 'node:net';
import { eventually, startDispatcher, startSystem, type TestSystem } from '@posthorn/testkit';
import { answerWell, onRequest, startSink, type Sink } from '../hostile/sink.ts';

let system: TestSystem;
let sinks: Sink[] = [];
afterEach(async () => {
  await system.stop();
  await Promise.all(sinks.map((sink) => sink.stop()));
  sinks = [];
});

/** Listeners, each an origin of its own. */
async function listen(count: number, connected: (socket: Socket) => void): Promise<string[]> {
  const started = await Promise.all(Array.from({ length: count }, () => startSink(connected)));
  sinks.push(...started);
  return started.map(({ port }) => `http://127.0.0.1:${port}/`);
}

const publishAll = (urls: string[], headers: Record<string, string> = {}) =>
  Promise.all(urls.map((url) => system.api.publish(url, { headers, body: 'x' })));

async function readMetric(name: string): Promise<number> {
  const text = await system.dispatcher.metrics();
  return Number(new RegExp(`^posthorn_${name} (.*)$`, 'm').exec(text)?.[1]);
}

async function askReady() {
  const response = await fetch(`${system.dispatcher.url}/ready`);
  const { slowAttempts, maxSlowAttempts, error } = (await response.json()) as Record<string, unknown>;
  return { status: response.status, slowAttempts, maxSlowAttempts, error };
}

/** In the connection, before the headers, after them, in the body; and one that answers, but late. */
const slowKinds: ((socket: Socket) => void)[] = [
  (socket) => void socket.resume(),
  (socket) => onRequest(socket, () => socket.write('HTTP/1.1 200 OK\r\nContent-Le')),
  (socket) => onRequest(socket, () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n')),
  (socket) => onRequest(socket, () => socket.write('HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n')),
];

test('more hanging origins than worker slots: a healthy destination is served, and so are slow honest ones', async () => {
  const variables = { DISPATCHER_CONCURRENCY: '16', MAX_SLOW_ATTEMPTS: '200', CONNECT_TIMEOUT_SECONDS: '120' };
  system = await startSystem({ dispatcher: variables });
  const hanging = (await Promise.all(slowKinds.map((kind) => listen(20, kind)))).flat();
  // A handshake that never ends hangs, too.
  const tls = (await listen(10, (socket) => void socket.resume())).map((url) => url.replace('http:', 'https:'));
  await publishAll([...hanging, ...tls]);
  await eventually(() => sinks.filter((sink) => sink.connections() > 0).length >= 16);
  await publishAll(Array.from({ length: 50 }, () => `${system.receiver.url}/healthy`));
  await eventually(() => system.receiver.at('/healthy').length === 50);
  await eventually(async () => (await readMetric('slow_attempts')) === 90);
  expect(await askReady()).toMatchObject({ status: 200, slowAttempts: 90, maxSlowAttempts: 200 });
  expect(await readMetric('slow_attempts_max')).toBe(200);

  const honest = await listen(20, (socket) =>
    onRequest(socket, () => setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), 1000)),
  );
  const slowIds = await publishAll(honest);
  for (const id of slowIds) {
    await system.api.untilState(id, 'DELIVERED');
    // One attempt each: none was put back.
    expect(await system.api.states(id)).toEqual(['CREATED', 'ACTIVE', 'DELIVERED']);
  }
  expect(await readMetric('slow_attempts')).toBe(90);
  expect(await readMetric('slow_attempts_ended_total')).toBe(0);
}, 60_000);

test('all room for slow attempts is used: healthy ones go on, the rest wait, and none loses an attempt', async () => {
  system = await startSystem({
    dispatcher: { SHARDS: '2', DISPATCHER_CONCURRENCY: '30', MAX_SLOW_ATTEMPTS: '10' },
    api: { SHARDS: '2' },
  });
  let isAnswering = false;
  const requests: Record<string, string[]> = {};
  const waiting = new Set<Socket>();
  const urls = await listen(30, (socket) => {
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    onRequest(socket, () => {
      const read = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(text)?.[1]?.trim() ?? '';
      (requests[read('upstash-message-id')] ??= []).push(read('upstash-retried'));
      waiting.add(socket.on('close', () => waiting.delete(socket)));
      if (isAnswering) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  const ids = await publishAll(urls, { 'Upstash-Retries': '0' });
  // An order that has to be kept.
  const queued: string[] = [];
  for (const path of ['1', '2', '3']) {
    const answer = await system.api.call(`/v2/enqueue/slow/${urls[0]}${path}`, { method: 'POST' });
    queued.push(((await answer.json()) as { messageId: string }).messageId);
  }
  await eventually(async () => (await readMetric('slow_attempts_ended_total')) >= 20);
  await publishAll(Array.from({ length: 30 }, () => `${system.receiver.url}/healthy`));
  await eventually(() => system.receiver.at('/healthy').length === 30);

  const { status, error } = await eventually(async () => {
    const ready = await askReady();
    return ready.status === 503 ? ready : undefined;
  });
  // One host never gets all places.
  expect([status, error]).toEqual([503, expect.stringMatching(/No room is left for slow attempts: 8 of 10 slots/)]);
  // They come back at half the worker slots in a second, and do not turn in circles.
  const fetchedBefore = await readMetric('messages_fetched_total');
  const since = Date.now();
  const fetched = await eventually(async () => {
    const count = (await readMetric('messages_fetched_total')) - fetchedBefore;
    return count >= 10 ? count : undefined;
  });
  expect(fetched).toBeLessThanOrEqual(15 * ((Date.now() - since) / 1000) + 15);

  isAnswering = true;
  for (const socket of waiting) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  for (const id of [...ids, ...queued]) {
    await system.api.untilState(id, 'DELIVERED');
    expect(await system.api.states(id)).not.toContain('ERROR');
    expect(new Set(requests[id])).toEqual(new Set(['0']));
  }
  const firsts = queued.map((id) => Object.keys(requests).indexOf(id));
  expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
  await eventually(async () => (await askReady()).status === 200);
}, 90_000);

test('a dispatcher that dies with slow attempts loses none of them', async () => {
  system = await startSystem({ dispatcher: { DISPATCHER_CONCURRENCY: '8', STALLED_AFTER_SECONDS: '3' } });
  let isHanging = true;
  const urls = await listen(20, (socket) => {
    if (isHanging) socket.resume();
    else answerWell(socket);
  });
  const ids = await publishAll(urls);
  await eventually(async () => (await readMetric('slow_attempts')) === 20);
  // Their locks, which last for two seconds, are renewed four times each: no other dispatcher takes them.
  const { client } = system.redis;
  await client.config('RESETSTAT');
  await eventually(async () => {
    const [, renewals = 0] = /^cmdstat_set:calls=(\d+)/m.exec(await client.info('commandstats')) ?? [];
    // Each of eight shards also marks once in a second that it was looked at.
    return Number(renewals) >= 4 * (20 + 8);
  });
  expect(await readMetric('messages_taken_back_total')).toBe(0);
  await system.dispatcher.end('SIGKILL');
  isHanging = false;
  const next = await startDispatcher(system.redis.url, { STALLED_AFTER_SECONDS: '3' });
  for (const id of ids) await system.api.untilState(id, 'DELIVERED');
  await next.end('SIGKILL');
}, 90_000);

test('large bodies for destinations that hang do not fill the memory of a dispatcher', async () => {
  system = await startSystem({ dispatcher: { DISPATCHER_CONCURRENCY: '16' } });
  const origins = await listen(30, (socket) => void socket.pause());
  const endpoints = ['a', 'b', 'c'].flatMap((path) =>
    origins.map((origin, n) => ({ name: `${path}${n}`, url: origin + path })),
  );
  const group = { method: 'POST', body: JSON.stringify({ endpoints }) };
  await system.api.call('/v2/topics/large/endpoints', group);
  // They are known to be slow, so that all of these start in places for slow attempts.
  await publishAll(origins);
  await eventually(async () => (await readMetric('slow_attempts')) === 30);
  const body = Buffer.alloc(10_000_000, 'x');
  for (let count = 0; count < 3; count++) {
    await system.api.call('/v2/publish/large', { method: 'POST', body, headers: { 'Upstash-Retries': '0' } });
  }
  const readRss = async () => {
    const text = await system.dispatcher.metrics();
    return Number(/^process_resident_memory_bytes (.*)$/m.exec(text)?.[1]);
  };
  let most = 0;
  await eventually(async () => {
    most = Math.max(most, await readRss());
    return (await readMetric('messages_fetched_total')) > 330;
  }, 60_000);
  // Places, not bytes, would allow four fifths of a thousand.
  expect(await readMetric('slow_attempts')).toBeLessThan(70);
  expect(most).toBeLessThan(600_000_000);
  await publishAll([`${system.receiver.url}/healthy`]);
  await eventually(() => system.receiver.at('/healthy').length === 1);
}, 120_000);
