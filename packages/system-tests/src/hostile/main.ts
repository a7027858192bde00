// `npm run test:hostile`: what destinations that misbehave do to those that do not, in one run; one line of JSON.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, startApi, startRedis } from '@posthorn/testkit';
import { faults } from './faults.ts';
import { measureReaders } from './measure-readers.ts';
import { readRssBytes, startMeasuredDispatcher, startNames } from './processes.ts';
import { onRequest, startSink } from './sink.ts';

const seconds = Number(process.argv[2] ?? 15);
const healthyPerSecond = 40;
const healthyHosts = 10;
const hostilePerSecond = 10;
const timeoutMs = 3000;
const concurrency = 200;
const maxResponseBytes = 1_000_000;
const drainMs = 60_000;
/** The handshakes that hang fill all worker slots at once, and each leaves its slot after a quarter of a second. */
const maxWaitMs = 1000;

const folder = await mkdtemp(join(tmpdir(), 'posthorn-hostile-'));
const redis = await startRedis();
const names = await startNames(folder);
const api = await startApi(redis.url, { BURST_RATE_LIMIT: '0' });
const dispatcher = await startMeasuredDispatcher(names, {
  REDIS_URL: redis.url,
  DISPATCHER_CONCURRENCY: String(concurrency),
  MAX_RESPONSE_BYTES: String(maxResponseBytes),
});

let latencies: number[] = [];
const healthy = await startSink((socket) => {
  onRequest(socket, (path) => {
    latencies.push(Date.now() - Number(path.slice(1)));
    // Each delivery has to connect, and to look its host up.
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
});
const hostile = fork(new URL('destinations.js', import.meta.url));
const [hostilePort] = (await once(hostile, 'message')) as [number];
for (let host = 0; host < healthyHosts; host++) names.server.answer(`healthy-${host}.test`, ['127.0.0.1']);

/** Calls at a rate, whether or not the earlier calls have ended. */
async function steadily(perSecond: number, act: (index: number) => Promise<unknown>): Promise<void> {
  const startedAt = Date.now();
  const running: Promise<unknown>[] = [];
  for (let index = 0; index < perSecond * seconds; index++) {
    const waitMs = startedAt + (index * 1000) / perSecond - Date.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    running.push(act(index));
  }
  await Promise.all(running);
}

/** Destinations that accept a connection for TLS and then say nothing, all at once. */
const hangingHandshakes = 300;

async function sendHandshakes(): Promise<void> {
  const items = Array.from({ length: hangingHandshakes }, (_, index) => {
    const host = `handshake-${index}.test`;
    names.server.answer(host, ['127.0.0.1']);
    const headers = { 'Upstash-Timeout': `${timeoutMs / 1000}s`, 'Upstash-Retries': '0' };
    return { destination: `https://${host}:${hostilePort}/`, headers };
  });
  const response = await api.call('/v2/batch', { method: 'POST', body: JSON.stringify(items) });
  for (const { messageId } of (await response.json()) as { messageId: string }[]) hostileIds.push(messageId);
}

const sendHealthy = (index: number) =>
  api.publish(`http://healthy-${index % healthyHosts}.test:${healthy.port}/${Date.now()}`, { body: 'x'.repeat(200) });

const hostileIds: string[] = [];
const slowName = 'has a slow name server';
const manyAddresses = 'has a name with thousands of addresses';
const thousands = Array.from({ length: 2000 }, (_, index) => `127.0.${index >> 8}.${(index & 255) + 1}`);
// Looking a name up is what a process has the least of, so a good part of all have one that is slow.
const kinds = [...Object.keys(faults), manyAddresses, ...Array<string>(6).fill(slowName)];

async function sendHostile(index: number): Promise<void> {
  const kind = kinds[index % kinds.length] ?? '';
  // Each has a host of its own, as the destinations of many publishers have.
  const host = `hostile-${index}.test`;
  names.server.answer(host, kind === slowName ? 'silence' : kind === manyAddresses ? thousands : ['127.0.0.1']);
  const headers = {
    'Upstash-Timeout': `${timeoutMs / 1000}s`,
    'Upstash-Retries': '1',
    'Upstash-Retry-Delay': '1000',
    'Upstash-Callback': `http://127.0.0.1:${hostilePort}/${encodeURIComponent('sends no length and closes')}`,
  };
  hostileIds.push(await api.publish(`http://${host}:${hostilePort}/${encodeURIComponent(kind)}`, { headers }));
}

/** How much longer than its limit an attempt took, at most, and how many messages have not ended. */
async function readAttempts(): Promise<{ overshootMs: number; unfinished: number }> {
  let overshootMs = 0;
  let unfinished = 0;
  for (const id of hostileIds) {
    const { events } = (await (await api.call(`/v2/events?messageId=${id}`)).json()) as {
      events: { state: string; time: number }[];
    };
    if (!events.some(({ state }) => state === 'DELIVERED' || state === 'FAILED')) unfinished++;
    const steps = events.filter(({ state }) => ['ACTIVE', 'ERROR', 'DELIVERED'].includes(state)).reverse();
    steps.forEach(({ state, time }, index) => {
      const next = steps[index + 1];
      if (state === 'ACTIVE' && next) overshootMs = Math.max(overshootMs, next.time - time - timeoutMs);
    });
  }
  return { overshootMs, unfinished };
}

/** Latencies of the healthy deliveries of one phase, in milliseconds from publish to arrival. */
async function measure(beside: Promise<unknown> = Promise.resolve()): Promise<{ p50: number; p99: number }> {
  latencies = [];
  await Promise.all([steadily(healthyPerSecond, sendHealthy), beside]);
  await eventually(() => latencies.length >= healthyPerSecond * seconds, drainMs);
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

await measure(); // The first one is for the just-in-time compiler.
const undisturbed = await measure();
const rssBefore = await readRssBytes(dispatcher);
let rssMost = rssBefore;
const watch = setInterval(() => {
  void readRssBytes(dispatcher).then((rss) => (rssMost = Math.max(rssMost, rss)));
}, 50);
const disturbed = await measure(Promise.all([sendHandshakes(), steadily(hostilePerSecond, sendHostile)]));
await eventually(async () => (await readAttempts()).unfinished === 0, drainMs).catch(() => undefined);
clearInterval(watch);

const { overshootMs, unfinished } = await readAttempts();
const rssRiseMb = Math.round((rssMost - rssBefore) / 1e6);
const rssLimitMb = (2 * maxResponseBytes * concurrency) / 1e6;
const isAlive = dispatcher.exitCode === null;
const readers = await measureReaders();
const isGood =
  readers.isGood &&
  isAlive &&
  unfinished === 0 &&
  disturbed.p99 <= Math.max(maxWaitMs, 2 * undisturbed.p99) &&
  overshootMs <= 1000 &&
  rssRiseMb <= rssLimitMb;
console.log(
  JSON.stringify({
    healthy: healthyPerSecond * seconds,
    hostile: hostileIds.length,
    kinds: new Set(kinds).size,
    p50UndisturbedMs: undisturbed.p50,
    p99UndisturbedMs: undisturbed.p99,
    p50Ms: disturbed.p50,
    p99Ms: disturbed.p99,
    overshootMs,
    unfinished,
    rssRiseMb,
    rssLimitMb,
    readers,
    isAlive,
    isGood,
  }),
);

const ended = [dispatcher, hostile].map((child) => once(child, 'exit'));
dispatcher.kill('SIGKILL');
hostile.kill('SIGKILL');
await Promise.all([...ended, api.end('SIGKILL'), healthy.stop(), names.server.stop()]);
await redis.stop();
await rm(folder, { recursive: true });
process.exit(isGood ? 0 : 1);
