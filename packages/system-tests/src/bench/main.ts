// `npm run bench`: what a message costs, beside the least that its parts could cost, measured in the same run.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { findFreePort, startRedis, type TestRedis } from '@posthorn/testkit';
import { readCpuUs } from './cpu.ts';
import { bodyBytes, publishBatches, publishMany, publishSteadily } from './load.ts';

const messagesPerRound = 10_000;
const rounds = 3;
const warmUp = 5000;
const steady = { perSecond: 100, seconds: 10 };

interface Contender {
  name: string;
  url: string;
  pids: { api: number; dispatcher: number; redis: number };
  redis: TestRedis;
}
interface Cost {
  api: number;
  dispatcher: number;
  redis: number;
}

const children: ChildProcess[] = [];
const file = (path: string) => new URL(path, import.meta.url).pathname;
const app = (name: string) => file(`../../../../apps/${name}/dist/main.js`);

function start(program: string, args: (string | number)[], env: Record<string, string> = {}): number {
  const child = spawn(process.execPath, [program, ...args.map(String)], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
  if (child.pid === undefined) throw new Error(`${program} did not start`);
  return child.pid;
}

async function startProduct(): Promise<Contender> {
  const redis = await startRedis();
  const port = await findFreePort();
  const env = { REDIS_URL: redis.url, QSTASH_TOKEN: 'bench', PORT: String(port), ALLOW_PRIVATE_DESTINATIONS: 'true' };
  const api = start(app('api'), [], env);
  const dispatcher = start(app('dispatcher'), [], env);
  return { name: 'product', url: `http://127.0.0.1:${port}`, pids: { api, dispatcher, redis: redis.pid() }, redis };
}

async function startFloor(): Promise<Contender> {
  const redis = await startRedis();
  const port = await findFreePort();
  const api = start(file('floor-api.js'), [port, redis.port]);
  const dispatcher = start(file('floor-worker.js'), [redis.port]);
  return { name: 'floor', url: `http://127.0.0.1:${port}`, pids: { api, dispatcher, redis: redis.pid() }, redis };
}

async function readReceiver(receiver: string): Promise<{ count: number; latencies: number[] }> {
  return (await (await fetch(`${receiver}/count`)).json()) as { count: number; latencies: number[] };
}

/** Publishes, waits until all have arrived, and gives CPU per message in microseconds and messages per second. */
async function measure(
  contender: Contender,
  receiver: string,
  count: number,
  publish = publishMany,
): Promise<Cost & { perSecond: number }> {
  const { pids, url } = contender;
  const before = { api: readCpuUs(pids.api), dispatcher: readCpuUs(pids.dispatcher), redis: readCpuUs(pids.redis) };
  const { count: arrivedBefore } = await readReceiver(receiver);
  const startedAt = performance.now();
  await publish(url, `${receiver}/m`, count);
  await untilArrived(receiver, arrivedBefore + count);
  const seconds = (performance.now() - startedAt) / 1000;
  // The last jobs still have to end.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return {
    api: (readCpuUs(pids.api) - before.api) / count,
    dispatcher: (readCpuUs(pids.dispatcher) - before.dispatcher) / count,
    redis: (readCpuUs(pids.redis) - before.redis) / count,
    perSecond: count / seconds,
  };
}

async function untilArrived(receiver: string, count: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((await readReceiver(receiver)).count < count) {
    if (Date.now() > deadline) throw new Error('not every message arrived within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function untilAnswers(url: string): Promise<void> {
  while (!(await fetch(url).catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 20));
}

function average(costs: (Cost & { perSecond: number })[]) {
  const of = (key: keyof Cost | 'perSecond') =>
    Math.round(costs.reduce((sum, cost) => sum + cost[key], 0) / costs.length);
  const cost = { api: of('api'), dispatcher: of('dispatcher'), redis: of('redis') };
  return { ...cost, total: cost.api + cost.dispatcher + cost.redis, perSecond: of('perSecond') };
}

function quantile(sorted: number[], part: number): number {
  return Math.round((sorted[Math.floor(sorted.length * part)] ?? NaN) * 100) / 100;
}

async function run(): Promise<void> {
  const receiverPort = await findFreePort();
  const receiver = `http://127.0.0.1:${receiverPort}`;
  start(file('receiver.js'), [receiverPort]);
  const [product, floor] = await Promise.all([startProduct(), startFloor()]);
  await Promise.all([untilAnswers(`${receiver}/count`), untilAnswers(`${product.url}/ready`), untilAnswers(floor.url)]);
  try {
    type Costs = (Cost & { perSecond: number })[];
    const costs = { product: [] as Costs, batch: [] as Costs, floor: [] as Costs };
    await measure(product, receiver, warmUp);
    await measure(floor, receiver, warmUp);
    for (let round = 0; round < rounds; round++) {
      costs.product.push(await measure(product, receiver, messagesPerRound));
      costs.batch.push(await measure(product, receiver, messagesPerRound, publishBatches));
      costs.floor.push(await measure(floor, receiver, messagesPerRound));
    }
    await readReceiver(receiver);
    await publishSteadily(product.url, `${receiver}/timed`, steady.perSecond, steady.seconds);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const latencies = (await readReceiver(receiver)).latencies.sort((a, b) => a - b);

    const result = {
      messages: messagesPerRound * rounds,
      bodyBytes,
      node: process.versions.node,
      product: average(costs.product),
      batch: average(costs.batch),
      floor: average(costs.floor),
      latencyMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), of: latencies.length },
    };
    const ratio = Math.round((result.product.total / result.floor.total) * 100) / 100;
    console.log('CPU per message, us       api  dispatcher  redis  total   messages/s');
    for (const name of ['product', 'batch', 'floor'] as const) {
      const { api, dispatcher, redis, total, perSecond } = result[name];
      const row = [
        String(api).padStart(6),
        String(dispatcher).padStart(11),
        String(redis).padStart(6),
        String(total).padStart(6),
      ];
      console.log(`${name.padEnd(22)}${row.join(' ')}   ${String(perSecond).padStart(10)}`);
    }
    console.log(
      `publish to arrival at ${steady.perSecond}/s: p50 ${result.latencyMs.p50} ms, p99 ${result.latencyMs.p99} ms`,
    );
    console.log(`product / floor: ${ratio}`);
    const batchRatio = Math.round((result.batch.api / result.product.api) * 100) / 100;
    console.log(`API, a message in a batch of 1,000 / a message published alone: ${batchRatio}`);
    console.log(JSON.stringify({ ...result, ratio, batchRatio }));
  } finally {
    for (const child of children) {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGKILL')) await ended;
    }
    await Promise.all([product.redis.stop(), floor.redis.stop()]);
  }
}

await run();
