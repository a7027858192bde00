// `npm run test:hostile`, second stage: what hundreds of origins that accept and never answer do to those that answer, at
// once or after a while, with the default settings of one dispatcher; one line of JSON.
import { eventually, startApi, startDispatcher, startRedis } from '@posthorn/testkit';
import { onRequest, startSink } from './sink.ts';

const seconds = Number(process.argv[2] ?? 10);
const hangingOrigins = 500;
const honestHosts = 150;
const honestMs = 10_000;
const healthyPerSecond = 40;
const limitP95Ms = 2000;

const redis = await startRedis();
const api = await startApi(redis.url);
const dispatcher = await startDispatcher(redis.url, { LOG_LEVEL: 'warn' });

let latencies: number[] = [];
const healthy = await startSink((socket) => {
  onRequest(socket, (path) => {
    latencies.push(Date.now() - Number(path.slice(1)));
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  });
});
let honestRequests = 0;
const honest = await startMany(honestHosts, (socket) => {
  onRequest(socket, () => {
    honestRequests++;
    setTimeout(() => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), honestMs);
  });
});
const hanging = await startMany(hangingOrigins, (socket) => void socket.resume());

function startMany(count: number, connected: Parameters<typeof startSink>[0]) {
  return Promise.all(Array.from({ length: count }, () => startSink(connected)));
}

async function publishAll(urls: string[]): Promise<string[]> {
  const items = urls.map((destination) => ({ destination, body: 'x', headers: { 'Upstash-Retries': '0' } }));
  const answer = await api.call('/v2/batch', { method: 'POST', body: JSON.stringify(items) });
  return ((await answer.json()) as { messageId: string }[]).map(({ messageId }) => messageId);
}

/** Latencies of healthy deliveries, in milliseconds from publish to arrival. */
async function measure(): Promise<{ p50: number; p95: number; of: number }> {
  latencies = [];
  const count = healthyPerSecond * seconds;
  for (let index = 0; index < count; index++) {
    await api.publish(`http://127.0.0.1:${healthy.port}/${Date.now()}`);
    await new Promise((resolve) => setTimeout(resolve, 1000 / healthyPerSecond));
  }
  await eventually(() => latencies.length >= count, 60_000).catch(() => undefined);
  // What has not arrived took for ever.
  const sorted = [...latencies, ...Array<number>(count - latencies.length).fill(Infinity)].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(count * share)] ?? NaN;
  return { p50: at(0.5), p95: at(0.95), of: count };
}

async function readSlow(): Promise<{ status: number; slowAttempts: number }> {
  const response = await fetch(`${dispatcher.url}/ready`);
  const { slowAttempts } = (await response.json()) as { slowAttempts: number };
  return { status: response.status, slowAttempts };
}

const urlsOf = (sinks: { port: number }[], path: string) => sinks.map(({ port }) => `http://127.0.0.1:${port}/${path}`);

await measure(); // The first one is for the just-in-time compiler.
const undisturbed = await measure();
await publishAll(urlsOf(hanging, ''));
const atOnce = await measure();
const honestIds = await publishAll(urlsOf(honest, ''));
const later = await measure();
const room = await readSlow();
let honestDelivered = 0;
for (const id of honestIds) {
  const isDelivered = async () => (await api.states(id)).at(-1) === 'DELIVERED';
  if (await eventually(isDelivered, 3 * honestMs).catch(() => false)) honestDelivered++;
}
// Far more than there is room for.
for (const path of ['a', 'b', 'c']) await publishAll(urlsOf(hanging, path));
const crowded = await measure();
const crowdedRoom = await readSlow();

const isGood =
  [atOnce, later, crowded].every(({ p95 }) => p95 <= limitP95Ms) &&
  room.slowAttempts >= hangingOrigins &&
  honestDelivered === honestHosts &&
  honestRequests === honestHosts &&
  crowdedRoom.status === 503;
console.log(
  JSON.stringify({
    ...{ hangingOrigins, undisturbed, atOnce, later, room, honestHosts, honestDelivered, honestRequests },
    ...{ hangingMessages: 4 * hangingOrigins, crowded, crowdedRoom, isGood },
  }),
);

await Promise.all([api.end('SIGKILL'), dispatcher.end('SIGKILL')]);
await Promise.all([healthy, ...honest, ...hanging].map((sink) => sink.stop()));
await redis.stop();
process.exit(isGood ? 0 : 1);
