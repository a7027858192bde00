// `npm run bench:workflows`: what a step of a workflow costs the server, beside a plain message in the same run.
import { spawn } from 'node:child_process';
import { findFreePort, startApi, startDispatcher, startRedis } from '@posthorn/testkit';
import { readCpuUs } from './cpu.ts';
import { publishMany } from './load.ts';

const stepsPerRun = 10;
const runs = 300;
const rounds = 3;

const file = (path: string) => new URL(path, import.meta.url).pathname;
const redis = await startRedis();
const api = await startApi(redis.url, { QSTASH_TOKEN: 'bench' });
const dispatcher = await startDispatcher(redis.url);
const [endpointPort, receiverPort] = [await findFreePort(), await findFreePort()];
const start = (program: string, ...args: (string | number)[]) =>
  spawn(process.execPath, [file(program), ...args.map(String)], { stdio: ['ignore', 'ignore', 'inherit'] });
const children = [
  start('workflow-endpoint.js', endpointPort, api.url, stepsPerRun),
  start('receiver.js', receiverPort),
];
const endpoint = `http://127.0.0.1:${endpointPort}`;
const receiver = `http://127.0.0.1:${receiverPort}`;

const readCount = async (url: string) => ((await (await fetch(`${url}/count`)).json()) as { count: number }).count;
const untilCount = async (url: string, count: number) => {
  while ((await readCount(url).catch(() => -1)) < count) await new Promise((resolve) => setTimeout(resolve, 20));
};

async function startRuns(count: number, prefix: string): Promise<void> {
  const headers = { Authorization: 'Bearer bench', 'Content-Type': 'application/json' };
  for (let from = 0; from < count; from += 50) {
    const items = Array.from({ length: 50 }, (_, index) => ({
      destination: `${endpoint}/w`,
      headers: {
        'upstash-workflow-runid': `wfr_${prefix}-${from + index}`,
        'upstash-workflow-init': 'true',
        'upstash-feature-set': 'LazyFetch,InitialBody,WF_DetectTrigger,WF_TriggerOnConfig',
      },
      body: 'payload',
    }));
    const response = await fetch(`${api.url}/v2/batch`, { method: 'POST', headers, body: JSON.stringify(items) });
    if (!response.ok) throw new Error(`batch answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }
}

type Cost = Record<'api' | 'dispatcher' | 'redis', number> & { perSecond: number };

/** CPU per unit, in microseconds. */
async function measure(count: number, work: () => Promise<void>): Promise<Cost> {
  const pids = { api: api.pid, dispatcher: dispatcher.pid, redis: redis.pid() };
  const read = () => ({
    api: readCpuUs(pids.api),
    dispatcher: readCpuUs(pids.dispatcher),
    redis: readCpuUs(pids.redis),
  });
  const before = read();
  const startedAt = performance.now();
  await work();
  const perSecond = count / ((performance.now() - startedAt) / 1000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const after = read();
  return {
    api: (after.api - before.api) / count,
    dispatcher: (after.dispatcher - before.dispatcher) / count,
    redis: (after.redis - before.redis) / count,
    perSecond,
  };
}

let messages = 0;
let finished = 0;
const plain = (count: number) =>
  measure(count, async () => {
    await publishMany(api.url, `${receiver}/m`, count);
    await untilCount(receiver, (messages += count));
  });
const workflow = (count: number, prefix: string) =>
  measure(count * (stepsPerRun + 1), async () => {
    await startRuns(count, prefix);
    await untilCount(endpoint, (finished += count));
  });

await untilCount(receiver, 0);
await untilCount(endpoint, 0);
await plain(2000);
await workflow(100, 'warm');
const costs = { message: [] as Cost[], step: [] as Cost[] };
for (let round = 0; round < rounds; round++) {
  costs.message.push(await plain(runs * (stepsPerRun + 1)));
  costs.step.push(await workflow(runs, `round-${round}`));
}
const average = (list: Cost[]) => {
  const of = (key: keyof Cost) => Math.round(list.reduce((sum, cost) => sum + cost[key], 0) / list.length);
  const cost = { api: of('api'), dispatcher: of('dispatcher'), redis: of('redis'), perSecond: of('perSecond') };
  return { ...cost, total: cost.api + cost.dispatcher + cost.redis };
};
const result = { message: average(costs.message), step: average(costs.step) };
const ratio = Math.round((result.step.total / result.message.total) * 100) / 100;
console.log('CPU per unit, us          api  dispatcher  redis  total   per second');
for (const name of ['message', 'step'] as const) {
  const { api, dispatcher, redis, total, perSecond } = result[name];
  const row = [
    String(api).padStart(6),
    String(dispatcher).padStart(11),
    String(redis).padStart(6),
    String(total).padStart(6),
  ];
  console.log(`${name.padEnd(22)}${row.join(' ')}   ${String(perSecond).padStart(10)}`);
}
console.log(`step / message: ${ratio}`);
console.log(JSON.stringify({ ...result, ratio, stepsPerRun, runs: runs * rounds }));
for (const child of children) child.kill('SIGKILL');
await Promise.all([api.end('SIGKILL'), dispatcher.end('SIGKILL')]);
await redis.stop();
process.exit(0);
