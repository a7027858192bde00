// `npm run bench:waiting [-- --count 1000000]`: a system in which so many messages of 1 KB wait for their time, beside an
// empty one: rates, memory of Redis, and pages of few messages among the many. Redis needs 1.7 KB of memory for each, and
// as much space in TMPDIR.
import { parseArgs } from 'node:util';
import { startApi, startDispatcher, startRedis } from '@posthorn/testkit';
import { parseWhole } from './arguments.ts';
import { batchItems, publishBatch, publishMany, repeat } from './load.ts';
import { measure, quantile, round } from './measure.ts';
import { startProgram } from './program.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    // As `npm start` sets it; 64 is what Redis does by itself.
    'max-hash-value': { type: 'string', default: '2048' },
  },
});
const batches = Math.ceil(parseWhole('count', values.count, 1000) / batchItems);
const count = batches * batchItems;
const rareEach = 100;
const messagesPerRound = Math.min(10_000, count);
const rounds = 5;
const pageRounds = 20;

const receiver = await startProgram(new URL('receiver.js', import.meta.url));

async function startSystem() {
  // Redis rewrites its file when it has grown by so much, which would slow down whatever is measured meanwhile.
  const args = ['--auto-aof-rewrite-percentage', '0', '--hash-max-ziplist-value', values['max-hash-value']];
  const redis = await startRedis({ args });
  const [api, dispatcher] = await Promise.all([
    startApi(redis.url, { QSTASH_TOKEN: 'bench' }),
    startDispatcher(redis.url),
  ]);
  return {
    url: api.url,
    pids: { api: [api.pid], dispatcher: [dispatcher.pid], redis: [redis.pid()] },
    usedBytes: async () => Number(/used_memory:(\d+)/.exec(await redis.client.info('memory'))?.[1]),
    /** Bytes of the index of pending messages. */
    async indexBytes() {
      const keys = await redis.client.keys('{d*}:pending*');
      const sizes = await Promise.all(keys.map((key) => redis.client.memory('USAGE', key)));
      return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    },
    async end() {
      await Promise.all([api.end('SIGKILL'), dispatcher.end('SIGKILL')]);
      await redis.stop();
    },
  };
}
type System = Awaited<ReturnType<typeof startSystem>>;

/** One message of the many, or one of the few with a label, a URL or a queue of their own. */
function createItem(n: number) {
  const place = n % Math.floor(count / rareEach);
  return {
    destination: place === 1 ? `${receiver.url}/rare` : `${receiver.url}/hooks/${n % 5000}`,
    headers: { 'Upstash-Delay': '7d', 'Upstash-Label': place === 0 ? 'rare' : `customer-${n % 1000}` },
    ...(place === 2 ? { queue: 'rare' } : {}),
    body: 'x'.repeat(1024),
  };
}

/** Publishes the messages that wait, and gives the memory that Redis needs for each. */
async function fill(system: System): Promise<number> {
  const before = await system.usedBytes();
  await repeat(batches, 2, async (batch) => {
    const items = Array.from({ length: batchItems }, (_, index) => createItem(batch * batchItems + index));
    await publishBatch(system.url, JSON.stringify(items));
  });
  return Math.round(((await system.usedBytes()) - before) / count);
}

interface Rates {
  publishedPerSecond: number;
  deliveredPerSecond: number;
  cpuUs: number;
}

async function measureRates(system: System): Promise<Rates> {
  let publishedPerSecond = NaN;
  const cost = await measure(system, receiver.url, messagesPerRound, async () => {
    const startedAt = performance.now();
    await publishMany(system.url, `${receiver.url}/m`, messagesPerRound);
    publishedPerSecond = Math.round((messagesPerRound / (performance.now() - startedAt)) * 1000);
  });
  return { publishedPerSecond, deliveredPerSecond: Math.round(cost.perSecond), cpuUs: Math.round(cost.total) };
}

const median = (numbers: number[]) =>
  quantile(
    numbers.toSorted((a, b) => a - b),
    0.5,
  );
const summarize = (measured: Rates[]): Rates => ({
  publishedPerSecond: median(measured.map(({ publishedPerSecond }) => publishedPerSecond)),
  deliveredPerSecond: median(measured.map(({ deliveredPerSecond }) => deliveredPerSecond)),
  cpuUs: median(measured.map(({ cpuUs }) => cpuUs)),
});

interface Page {
  p50: number;
  max: number;
  /** Messages on the page, or the number that it says. */
  found: number;
}

/** Times a call, which is made so often, and takes from its reply how many messages it has found. */
async function time(system: System, path: string, calls: number, init: RequestInit, find: (reply: Reply) => number) {
  const times: number[] = [];
  let found = 0;
  for (let call = 0; call < calls; call++) {
    const startedAt = performance.now();
    const response = await fetch(system.url + path, { ...init, headers: { Authorization: 'Bearer bench' } });
    const text = await response.text();
    times.push(performance.now() - startedAt);
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    found = find(JSON.parse(text) as Reply);
  }
  times.sort((a, b) => a - b);
  return { p50: quantile(times, 0.5), max: round(times.at(-1) ?? NaN), found };
}

/** What the replies say, each a part of it. */
interface Reply {
  messages?: unknown[];
  totals?: { accepted: number };
  lag?: number;
  delayed?: number;
  cancelled?: number;
}

const read = (system: System, path: string, find: (reply: Reply) => number | undefined) =>
  time(system, path, pageRounds, {}, (reply) => find(reply) ?? NaN);
const list = (system: System, filter: string) =>
  read(system, `/v2/messages?${filter}`, ({ messages }) => messages?.length);
/** Once: what it has found is gone. */
const cancel = (system: System, filter: string, calls = 1) =>
  time(system, `/v2/messages?${filter}`, calls, { method: 'DELETE' }, ({ cancelled }) => cancelled ?? NaN);

const rareUrl = `url=${encodeURIComponent(`${receiver.url}/rare`)}`;
async function readPages(system: System): Promise<Record<string, Page>> {
  return {
    'list, newest': await list(system, ''),
    'list by label': await list(system, 'label=rare'),
    'list by URL': await list(system, rareUrl),
    'list by queue': await list(system, 'queueName=rare'),
    'list waiting by label': await list(system, 'state=CREATED&label=rare'),
    'list waiting by URL': await list(system, `state=CREATED&${rareUrl}`),
    'list waiting by queue': await list(system, 'state=CREATED&queueName=rare'),
    'count by label': await read(system, '/v2/stats?label=rare', ({ totals }) => totals?.accepted),
    'count by queue': await read(system, '/v2/queues/rare', ({ lag }) => lag),
    'count of all': await read(system, '/v2/overview', ({ delayed }) => delayed),
  };
}

async function cancelRare(system: System): Promise<Record<string, Page>> {
  return {
    'cancel, nothing has it': await cancel(system, 'label=none', pageRounds),
    'cancel by label': await cancel(system, 'label=rare'),
    'cancel by URL': await cancel(system, rareUrl),
    'cancel by queue': await cancel(system, 'queueName=rare'),
  };
}

function printPages(pages: Record<string, Page>): void {
  console.log(`\n${'one page, ms'.padEnd(24)}       p50       max     found`);
  for (const [name, { p50, max, found }] of Object.entries(pages)) {
    console.log(`${name.padEnd(24)}${[p50, max, found].map((value) => String(value).padStart(10)).join('')}`);
  }
}

const [empty, filled] = await Promise.all([startSystem(), startSystem()]);
try {
  for (const system of [empty, filled]) await measureRates(system);
  const startedAt = performance.now();
  const bytesEach = await fill(filled);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`${count} messages of 1 KB wait, published in ${seconds} s: ${bytesEach} bytes of Redis memory each`);
  const firstPages = await readPages(filled);

  const measured = { empty: [] as Rates[], filled: [] as Rates[] };
  for (let n = 0; n < rounds; n++) {
    measured.empty.push(await measureRates(empty));
    measured.filled.push(await measureRates(filled));
  }
  const rates = { empty: summarize(measured.empty), filled: summarize(measured.filled) };
  const ratio = {
    published: round(rates.filled.publishedPerSecond / rates.empty.publishedPerSecond),
    delivered: round(rates.filled.deliveredPerSecond / rates.empty.deliveredPerSecond),
    cpu: round(rates.filled.cpuUs / rates.empty.cpuUs),
  };
  console.log(`\n${'median of rounds'.padEnd(24)} published/s  delivered/s   CPU per message, us`);
  for (const [name, { publishedPerSecond, deliveredPerSecond, cpuUs }] of Object.entries(rates)) {
    const row = [publishedPerSecond, deliveredPerSecond, cpuUs].map((value) => String(value).padStart(12));
    console.log(`${name.padEnd(24)}${row.join(' ')}`);
  }
  console.log(`filled / empty: published ${ratio.published}, delivered ${ratio.delivered}, CPU ${ratio.cpu}`);
  const indexBytesEach = Math.round((await filled.indexBytes()) / count);
  console.log(`${indexBytesEach} bytes of them are in the index`);
  const pages = { ...firstPages, ...(await cancelRare(filled)) };
  printPages(pages);
  console.log(
    JSON.stringify({ count, seconds, bytesEach, indexBytesEach, ...rates, ratio, pages, node: process.versions.node }),
  );
} finally {
  await Promise.all([empty.end(), filled.end(), receiver.end()]);
}
process.exit(0);
