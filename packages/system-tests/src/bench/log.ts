// `npm run bench:log`: pages of the log and of the dead letter queue, with a million entries and 100,000 dead letters.
// `npm run bench:console`: the same for what the console reads, the sizes of its files, and the speed of its pages.
import {
  activeEntry,
  connectForWork,
  createBroker,
  createdEntry,
  deliveredEntry,
  failedEntries,
  type BrokerParts,
} from '@posthorn/broker/parts';
import { openLog } from '@posthorn/process';
import type { Message } from '@posthorn/shared';
import {
  consoleBudgets,
  measureConsole,
  startApi,
  startRedis,
  type ConsoleSizes,
  type TestApi,
  type TestRedis,
} from '@posthorn/testkit';
import { measurePages } from './console-pages.ts';

const messages = 333_000;
const deadLetters = 100_000;
/** One message of so many has the rare label; so about a hundred entries and a hundred dead letters do. */
const rareEvery = 10_000;
const rareEntryEvery = 1000;
const failedEvery = 100;
const rounds = process.argv[2] === 'console' ? 20 : 40;
const spanMs = 6 * 3_600_000;

const response = {
  status: 503,
  header: { 'Content-Type': ['text/plain'] },
  body: Buffer.from('Service Unavailable'),
  isCut: false,
};

function createMessage(n: number, createdAt: number, rare: boolean): Message {
  return {
    url: `https://host-${n % 50}.example/hooks/${n % 5000}`,
    method: 'POST',
    header: { 'Content-Type': ['application/json'] },
    body: { kind: 'text', text: `{"n":${n},"text":"${'x'.repeat(100)}"}` },
    createdAt,
    notBefore: createdAt,
    maxRetries: 0,
    timeoutMs: 30_000,
    callerIp: '10.0.0.1',
    labels: [`label-${n % 100}`, `customer-${n % 7919}`, ...(rare ? ['rare'] : [])],
    ...(n % 3 === 0 ? { queueName: `queue-${n % 20}` } : {}),
  };
}

/** Writes the log as the API and the dispatchers do, a message after the other. */
async function fillLog(
  { logs, shards, stats }: BrokerParts,
  startAt: number,
): Promise<{ oneId: string; entries: number }> {
  let oneId = '';
  let entries = 0;
  for (let n = 0; n < messages; n++) {
    const now = Math.round(startAt + (spanMs * n) / messages);
    const message = createMessage(n, now, n % rareEvery === 0);
    const { id } = shards.newId(now);
    if (n === messages >> 1) oneId = id;
    const end =
      n % failedEvery === 0 ? failedEntries(0, now + 20, { error: '503', response }) : [deliveredEntry(now + 20)];
    logs.list(id, [createdEntry(message)], message);
    logs.ended(id, [activeEntry(0, now + 5), ...end], message);
    stats.accepted(message);
    stats.settled(id, message, {
      kind: 'delivered',
      response: { status: 200, header: {}, body: response.body, durationMs: n % 500 },
    });
    entries += 2 + end.length;
    if (n % 1000 === 999) await logs.entries.flush();
  }
  if (logs.lost() > 0) throw new Error(`${logs.lost()} entries were lost while the log was filled`);
  return { oneId, entries };
}

async function fillDlq({ dlq, shards }: BrokerParts): Promise<void> {
  for (let n = 0; n < deadLetters; n += 200) {
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const now = Date.now();
        const message = createMessage(n + index, now, (n + index) % rareEntryEvery === 0);
        const last = { ...response, status: 500 + ((n + index) % 4) };
        return dlq.bury({ ...shards.newId(now), message, retried: 0 }, { error: '503', response: last });
      }),
    );
  }
}

interface Figures {
  p50: number;
  p95: number;
  max: number;
  found: number;
}

async function measure(api: TestApi, path: string): Promise<Figures> {
  const times: number[] = [];
  let found = 0;
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now();
    const response = await api.call(path);
    const text = await response.text();
    times.push(performance.now() - startedAt);
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    const reply = JSON.parse(text) as { events?: unknown[]; messages?: unknown[] };
    found = (reply.events ?? reply.messages ?? []).length;
  }
  return { ...summarize(times), found };
}

function summarize(times: number[]) {
  times.sort((a, b) => a - b);
  const at = (part: number) =>
    Math.round((times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? NaN) * 10) / 10;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

/** Asks Redis for a sign of life all the time, over a connection of its own, and remembers how long it took. */
function watch(redis: TestRedis): { stop(): Promise<number[]> } {
  const times: number[] = [];
  const end = new AbortController();
  const done = (async () => {
    while (!end.signal.aborted) {
      const startedAt = performance.now();
      await redis.client.ping();
      times.push(performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  return {
    async stop() {
      end.abort();
      await done;
      return times;
    },
  };
}

if (process.argv[2] === 'console') {
  for (const [name, bytes] of Object.entries(measureConsole(process.cwd())) as [keyof ConsoleSizes, number][]) {
    const budget = consoleBudgets[name];
    console.log(`${name}: ${bytes} bytes of gzip, ${budget} allowed`);
    if (bytes > budget) throw new Error(`The ${name} of the console are larger than allowed.`);
  }
}

const redis = await startRedis({ durability: 'everysec' });
const connection = connectForWork(redis.url);
const broker = createBroker({
  redis: connection,
  log: openLog('bench', 'fatal').log,
  shards: 8,
  graceMs: 60_000,
  logRetentionMs: 604_800_000,
  maxLogLines: 3_000_000,
  dlqRetentionMs: 604_800_000,
  destinations: { allowPrivate: true, allow: [], deny: [] },
});
await redis.client.ping();
while (connection.status !== 'ready') await new Promise((resolve) => setTimeout(resolve, 10));
const startAt = Date.now() - spanMs;
const filledAt = performance.now();
const { oneId, entries } = await fillLog(broker, startAt);
const logBytes = Number(/used_memory:(\d+)/.exec(await redis.client.info('memory'))?.[1]);
await fillDlq(broker);
console.log(
  `${entries} entries and ${deadLetters} dead letters in ${Math.round((performance.now() - filledAt) / 1000)} s`,
);

const api = await startApi(redis.url);
await redis.client.config('SET', 'slowlog-log-slower-than', '10000');
await redis.client.slowlog('RESET');

const middle = startAt + spanMs / 2;
const paths: Record<string, string> = {
  'one message': `/v2/events?messageId=${oneId}`,
  'newest page': '/v2/logs',
  'rare label': '/v2/events?label=rare',
  'rare label, newest 10': '/v2/events?label=rare&count=10',
  url: '/v2/logs?url=https://host-7.example/hooks/7',
  state: '/v2/logs?state=FAILED',
  'state that nothing has': '/v2/logs?state=CANCELED',
  dates: `/v2/logs?fromDate=${Math.round(middle)}&toDate=${Math.round(middle + 60_000)}`,
  'label and dates': `/v2/logs?label=rare&fromDate=${Math.round(middle)}`,
  'oldest first': '/v2/logs?order=earliestFirst&queueName=queue-3',
  'matches nothing': '/v2/logs?label=none',
  'by message': '/v2/logs?groupBy=messageId&label=label-5',
  'dlq: first page': '/v2/dlq',
  'dlq: rare label': '/v2/dlq?label=rare',
  'dlq: url': '/v2/dlq?url=https://host-7.example/hooks/7',
  'dlq: status': '/v2/dlq?responseStatus=503&label=customer-9',
  'dlq: matches nothing': '/v2/dlq?label=none',
};

const consolePaths: Record<string, string> = {
  'messages: newest': '/v2/messages',
  'messages: rare label': '/v2/messages?label=rare',
  'messages: host': '/v2/messages?host=host-7.example',
  'messages: failed': '/v2/messages?state=FAILED',
  'messages: state of none': '/v2/messages?state=CANCELED',
  'messages: waiting': '/v2/messages?state=CREATED,ACTIVE,RETRY',
  timeline: `/v2/messages/${oneId}/timeline`,
  stats: '/v2/stats',
  'stats: by host': '/v2/stats?groupBy=host',
  'stats: by label': '/v2/stats?groupBy=label&top=50',
  destinations: '/v2/destinations',
  overview: '/v2/overview',
  'causes of dead letters': '/v2/dlq/summary',
  'causes, by label': '/v2/dlq/summary?label=rare',
  'dead letters, newest': '/v2/dlq?order=latestFirst',
  'find: an id': `/v2/find?q=${oneId}`,
  'find: a name': '/v2/find?q=host',
  cron: '/v2/cron?expression=0%204%20*%20*%20*',
};
const isConsole = process.argv[2] === 'console';
const wantedPaths = isConsole ? consolePaths : paths;
/** What the console reads takes at most so long, in 95 of 100 requests. */
const maxP95Ms = 300;

const idle = watch(redis);
await new Promise((resolve) => setTimeout(resolve, 1000));
const idlePing = summarize(await idle.stop());
const pages: Record<string, Figures> = {};
await measure(api, '/v2/logs?label=none');
const watcher = watch(redis);
console.log(`${'page, ms'.padEnd(26)}   p50    p95    max   found`);
for (const [name, path] of Object.entries(wantedPaths)) {
  const figures = await measure(api, path);
  pages[name] = figures;
  const row = [figures.p50, figures.p95, figures.max, figures.found]
    .map((value) => String(value).padStart(6))
    .join(' ');
  console.log(`${name.padEnd(24)}${row}`);
}
const ping = summarize(await watcher.stop());
/** Commands that took more than 10 ms: each has its duration in microseconds, and its words. */
const slow = ((await redis.client.slowlog('GET', 20)) as [number, number, number, string[]][]).map(
  ([, , us, [name]]) => `${name} ${Math.round(us / 1000)} ms`,
);
console.log(
  `PING beside the pages: p95 ${ping.p95} ms, max ${ping.max} ms (idle max ${idlePing.max} ms); ${slow.length} commands over 10 ms ${slow.join(', ')}`,
);
console.log(
  JSON.stringify({
    lines: entries,
    deadLetters,
    node: process.versions.node,
    bytesPerLine: Math.round(logBytes / entries),
    pages,
    ping,
    idlePing,
    slow,
  }),
);

if (isConsole) {
  const { coldStartMs, floorMs, pageChangeMs } = await measurePages(api.url);
  console.log(`cold start, processor slowed 4 times: ${coldStartMs.join(', ')} ms (goal: 1000)`);
  console.log(`the same for an empty page with the style of the console: ${floorMs.join(', ')} ms`);
  const changes = Object.entries(pageChangeMs).map(([name, ms]) => `${name} ${ms}`);
  console.log(`page to page, processor slowed 4 times: ${changes.join(', ')} ms (goal: 100)`);
}

await api.end('SIGKILL');
await broker.close();
await redis.stop();
const late = Object.entries(pages).filter(([, { p95 }]) => isConsole && p95 > maxP95Ms);
if (late.length > 0) console.error(`over ${maxP95Ms} ms at p95: ${late.map(([name]) => name).join(', ')}`);
process.exit(late.length > 0 ? 1 : 0);
