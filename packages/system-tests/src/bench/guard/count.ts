import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type TestRedis, type TestSystem } from '@posthorn/testkit';
import { bodyBytes, publishMany, publishSteadily } from '../load.ts';
import { round } from '../measure.ts';
import { countSystemCalls } from '../system-calls.ts';
import type { Figures, Runs } from './compare.ts';

/** The token of the API under test, which the load of the benches uses. */
export const variables = { api: { QSTASH_TOKEN: 'bench' } };

const lone = 100;
const saturated = { messages: 2000, inFlight: 64 };
const steady = { perSecond: 100, seconds: 6 };
/** Until then a process loads scripts and interprets code that is compiled later. */
const warmUp = 2000;
const idleMs = 3000;

/** Commands that only this count sends, or that only go by time. */
const ownCommands = ['calls of keys', 'calls of info', 'calls of config resetstat'];

const file = new URL('../../../src/bench/guard/committed.json', import.meta.url);
export const readCommitted = () => JSON.parse(readFileSync(file, 'utf8')) as Runs;
export const writeCommitted = (runs: Runs) => writeFileSync(file, `${JSON.stringify(runs, null, 2)}\n`);

/**
 * What Redis is asked to do for a message: one at a time, where nothing is batched, and many at once. Needs a system that
 * has been warmed up.
 */
export async function countRedisWork(system: TestSystem): Promise<Runs> {
  const { messages, inFlight } = saturated;
  const publishAll = () => publishMany(system.api.url, system.receiver.url, messages, inFlight);
  return {
    ...(await countLoneMessages(system)),
    [`${inFlight} in flight`]: await countPerMessage(system, messages, () =>
      deliver(system, messages, publishAll).then(() => ({})),
    ),
  };
}

/** The first part of it, which depends on nothing but the code. */
export async function countLoneMessages(system: TestSystem): Promise<Runs> {
  return { 'one at a time': await countPerMessage(system, lone, () => deliverOneByOne(system)) };
}

/** Without what Redis is asked meanwhile when nothing is to be done. */
async function countPerMessage(
  { redis: { client } }: TestSystem,
  messages: number,
  work: () => Promise<Figures>,
): Promise<Figures> {
  const idle = await countInRedis(client, () => sleep(idleMs).then(() => ({})));
  const { counts, seconds } = await countInRedis(client, work);
  const all = Object.entries(counts).map(([name, count]) => {
    const byTime = ((idle.counts[name] ?? 0) / idle.seconds) * seconds;
    return [name, round((count - byTime) / messages)] as const;
  });
  return Object.fromEntries(all.filter(([, count]) => count >= 0.05));
}

/** System calls per message of each process, at a rate at which nothing is saturated; `undefined` without strace. */
export async function countProcessWork(system: TestSystem): Promise<Runs | undefined> {
  const { api, dispatcher, redis } = system;
  const pids = { api: api.pid, dispatcher: dispatcher.pid, redis: redis.pid() };
  const counts = await countSystemCalls(Object.values(pids), () => deliverSteadily(system));
  if (!counts) return undefined;
  const count = steady.perSecond * steady.seconds;
  const figures = Object.keys(pids).flatMap((process, index) =>
    Object.entries(counts[index] ?? {}).map(([name, calls]) => [`${process}: ${name}`, round(calls / count)] as const),
  );
  return { [`system calls, ${steady.perSecond} per second`]: Object.fromEntries(figures) };
}

export async function warm(system: TestSystem): Promise<void> {
  await deliver(system, warmUp, () => publishMany(system.api.url, system.receiver.url, warmUp));
}

const deliverSteadily = (system: TestSystem) =>
  deliver(system, steady.perSecond * steady.seconds, () =>
    publishSteadily(system.api.url, system.receiver.url, steady.perSecond, steady.seconds),
  );

/** Resolves when all have arrived and ended, so that nothing of them is left for the next run. */
async function deliver({ receiver, redis }: TestSystem, count: number, publish: () => Promise<void>): Promise<void> {
  const before = receiver.requests.length;
  await publish();
  await eventually(() => receiver.requests.length >= before + count);
  await eventually(async () => (await redis.client.keys('*:lock')).length === 0);
}

/**
 * Publishes a message when the one before has ended, so that a slow machine batches no more than a fast one. Gives what
 * looking for the end has asked of Redis, which is not the work of posthorn.
 */
async function deliverOneByOne({ api, receiver, redis }: TestSystem): Promise<Figures> {
  const own = { 'socket reads': 0, 'socket writes': 0, 'bytes received': 0, 'bytes sent': 0 };
  const listKeys = async (id: string) => {
    const pattern = `*${id}*`;
    const keys = await redis.client.keys(pattern);
    own['socket reads']++;
    own['socket writes']++;
    own['bytes received'] += formatArray(['keys', pattern]).length;
    own['bytes sent'] += formatArray(keys).length;
    return keys;
  };

  for (let n = 0; n < lone; n++) {
    const before = receiver.requests.length;
    const headers = { Authorization: 'Bearer bench' };
    const id = await api.publish(`${receiver.url}/m`, { headers, body: 'x'.repeat(bodyBytes) });
    await eventually(() => receiver.requests.length > before);
    // Until it has ended it has its delivery and a lock; then it has its log alone.
    await eventually(async () => (await listKeys(id)).length === 1);
  }
  return own;
}

/** An array of texts as the protocol of Redis has it. */
function formatArray(texts: readonly string[]): string {
  return `*${texts.length}\r\n${texts.map((text) => `$${text.length}\r\n${text}\r\n`).join('')}`;
}

interface Counted {
  counts: Figures;
  seconds: number;
}

/**
 * Counts what Redis does during a run, without what the run says that it has asked itself, and without the long responses
 * to INFO: a process looks at Redis by time, and more often while it works. Commands of scripts are counted beside the call
 * of the script.
 */
async function countInRedis(client: TestRedis['client'], run: () => Promise<Figures>): Promise<Counted> {
  await client.config('RESETSTAT');
  const startedAt = performance.now();
  const own = await run();
  const seconds = (performance.now() - startedAt) / 1000;
  const stats = await client.info('stats');
  const commands = await client.info('commandstats');
  // The first of these two is counted already.
  const looks = Number(/^cmdstat_info:calls=(\d+)/m.exec(commands)?.[1]) - 1;
  const lookBytes = (await client.info()).length;
  const stat = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(stats)?.[1]);
  const totals = {
    'socket reads': stat('total_reads_processed'),
    'socket writes': stat('total_writes_processed'),
    'bytes received': stat('total_net_input_bytes'),
    'bytes sent': stat('total_net_output_bytes') - looks * lookBytes,
  };
  const calls = Array.from(
    commands.matchAll(/^cmdstat_([\w|-]+):calls=(\d+)/gm),
    ([, name = '', count]): [string, number] => [`calls of ${name.replace('|', ' ')}`, Number(count)],
  );
  const counts = [...Object.entries(totals), ...calls.sort(([a], [b]) => (a < b ? -1 : 1))]
    .filter(([name]) => !ownCommands.includes(name))
    .map(([name, count]) => [name, count - (own[name] ?? 0)] as const);
  return { counts: Object.fromEntries(counts), seconds };
}
