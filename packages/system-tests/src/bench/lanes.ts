// `npm run bench:lanes`: queues and flow-control keys in large numbers, beside the same messages without them.
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, startApi, startDispatcher, startReceiver, startRedis } from '@posthorn/testkit';

const queues = { count: 10_000, messagesEach: 10 };
const keys = 100_000;
const hot = { waiters: 20_000, others: 20_000 };

const redis = await startRedis({ durability: 'everysec' });
const receiver = await startReceiver();
const api = await startApi(redis.url, { MAX_QUEUES: '100000', LOG_RETENTION_SECONDS: '600' });
const dispatchers = await Promise.all([startDispatcher(redis.url), startDispatcher(redis.url)]);
const connections = async () => Number(/connected_clients:(\d+)/.exec(await redis.client.info('clients'))?.[1]);
const usedBytes = async () => Number(/used_memory:(\d+)/.exec(await redis.client.info('memory'))?.[1]);

interface Item {
  destination: string;
  queue?: string;
  headers?: Record<string, string>;
}

async function publish(items: Item[]): Promise<void> {
  for (let from = 0; from < items.length; from += 1000) {
    const body = JSON.stringify(items.slice(from, from + 1000));
    const response = await api.call('/v2/batch', { method: 'POST', body });
    if (!response.ok) throw new Error(`batch answered ${response.status}: ${await response.text()}`);
  }
}

/** Messages per second from the first publish to the last arrival. */
async function measure(path: string, items: Item[]): Promise<number> {
  const startedAt = performance.now();
  await publish(items);
  await eventually(() => count(path) >= items.length, 600_000);
  return Math.round((items.length / (performance.now() - startedAt)) * 1000);
}

let seen = 0;
const counts = new Map<string, number>();
function count(path: string): number {
  for (; seen < receiver.requests.length; seen++) {
    const begin = receiver.requests[seen]?.path.split('/', 2)[1] ?? '';
    counts.set(begin, (counts.get(begin) ?? 0) + 1);
  }
  return counts.get(path) ?? 0;
}
const url = (path: string) => `${receiver.url}/${path}`;

const plain = await measure(
  'plain',
  Array.from({ length: keys }, () => ({ destination: url('plain') })),
);
console.log(`plain messages: ${plain}/s`);

const headers = (n: number) => ({
  'Upstash-Flow-Control-Key': `key-${n}`,
  'Upstash-Flow-Control-Value': 'parallelism=1',
});
const keyed = await measure(
  'keyed',
  Array.from({ length: keys }, (_, n) => ({ destination: url('keyed'), headers: headers(n) })),
);
console.log(
  `${keys} flow-control keys with one message each: ${keyed}/s, ${Math.round((keyed / plain) * 100)}% of plain`,
);

const before = { connections: await connections(), bytes: await usedBytes() };
const items = Array.from({ length: queues.count * queues.messagesEach }, (_, n) => ({
  destination: url(`queued/${n % queues.count}/${Math.floor(n / queues.count)}`),
  queue: `queue-${n % queues.count}`,
}));
const queued = await measure('queued', items);
const order = new Map<string, number>();
let disorder = 0;
for (const { path } of receiver.requests) {
  const [, kind, queue = '', n] = path.split('/');
  if (kind !== 'queued') continue;
  if ((order.get(queue) ?? -1) >= Number(n)) disorder++;
  order.set(queue, Number(n));
}
console.log(
  `${queues.count} queues with ${queues.messagesEach} messages each: ${queued}/s, ${disorder} out of order, ` +
    `${before.connections} connections before and ${await connections()} after`,
);

const hotHeaders = { 'Upstash-Flow-Control-Key': 'hot', 'Upstash-Flow-Control-Value': 'parallelism=1' };
const alone = await measure(
  'alone',
  Array.from({ length: hot.others }, () => ({ destination: url('alone') })),
);
await publish(Array.from({ length: hot.waiters }, () => ({ destination: url('hot'), headers: hotHeaders })));
const beside = await measure(
  'beside',
  Array.from({ length: hot.others }, () => ({ destination: url('beside') })),
);
console.log(
  `beside a key with ${hot.waiters} waiters: ${beside}/s, ${Math.round((beside / alone) * 100)}% of ${alone}/s alone; ` +
    `${count('hot')} of the key were delivered meanwhile`,
);
await api.call('/v2/messages?flowControlKey=hot', { method: 'DELETE' });

await sleep(65_000);
const indexes = await Promise.all((await redis.client.keys('*:flow-keys')).map((index) => redis.client.zcard(index)));
const left = (await redis.client.keys('*:flow:*')).length + indexes.reduce((sum, size) => sum + size, 0);
const someQueue = await redis.client.memory('USAGE', (await redis.client.keys('*:queue:state:queue-1'))[0] ?? '');
console.log(
  `a minute later: ${left} keys in Redis of flow-control keys; an idle queue takes ${String(someQueue)} bytes`,
);
await Promise.all([api.end('SIGKILL'), ...dispatchers.map((each) => each.end('SIGKILL')), receiver.stop()]);
await redis.stop();
process.exit(0);
