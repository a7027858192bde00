import { roles, type Contender, type Contenders, type Role } from './contenders.ts';
import { bodyBytes, publishMany, publishSteadily } from './load.ts';
import { average, measure, printCosts, quantile, round, takeLatencies, type Cost } from './measure.ts';
import { countedCalls, countSystemCalls, type SystemCalls } from './system-calls.ts';

const seconds = 10;
const rounds = 3;
/** As many as a process has after a minute at 100 per second: until then its code is interpreted, not compiled. */
const warmUp = 6000;

/** What a message costs at a rate at which nothing is saturated: CPU, latency and system calls. */
export async function benchSteady({ product, floor, receiver }: Contenders, perSecond: number): Promise<void> {
  const count = perSecond * seconds;
  const destination = `${receiver}/timed`;
  const costs = { product: [] as Cost[], floor: [] as Cost[] };
  const latencies = { product: [] as number[], floor: [] as number[] };
  const send = ({ url }: Contender, forSeconds: number) => publishSteadily(url, destination, perSecond, forSeconds);

  for (const contender of [product, floor]) {
    await measure(contender, receiver, warmUp, () => publishMany(contender.url, destination, warmUp));
  }
  await takeLatencies(receiver);
  for (let n = 0; n < rounds; n++) {
    for (const contender of [product, floor]) {
      costs[contender.name].push(await measure(contender, receiver, count, () => send(contender, seconds)));
      latencies[contender.name].push(...(await takeLatencies(receiver)));
    }
  }
  const result = { product: average(costs.product), floor: average(costs.floor) };
  printCosts(result);
  for (const name of ['product', 'floor'] as const) {
    const sorted = latencies[name].sort((a, b) => a - b);
    console.log(`${name}: publish to arrival p50 ${quantile(sorted, 0.5)} ms, p99 ${quantile(sorted, 0.99)} ms`);
  }
  const ratio = round(result.product.total / result.floor.total);
  console.log(`product / floor at ${perSecond}/s: ${ratio}`);

  const calls = {
    product: await countCalls(product, count, () => send(product, seconds)),
    floor: await countCalls(floor, count, () => send(floor, seconds)),
  };
  printCalls(calls);
  const about = { perSecond, seconds: seconds * rounds, bodyBytes, node: process.versions.node };
  console.log(JSON.stringify({ ...about, ...result, ratio, calls }));
}

type Calls = Record<Role, SystemCalls>;

/** System calls per message of each process; `undefined` where strace is missing. */
async function countCalls({ pids }: Contender, messages: number, run: () => Promise<void>): Promise<Calls | undefined> {
  const pidList = roles.map((role) => pids[role]);
  const counts = await countSystemCalls(pidList, run);
  if (!counts) return undefined;
  const perMessage = (counted: SystemCalls | undefined) =>
    Object.fromEntries(Object.entries(counted ?? {}).map(([name, calls]) => [name, round(calls / messages)]));
  return Object.fromEntries(roles.map((role, index) => [role, perMessage(counts[index])])) as Calls;
}

function printCalls(calls: Record<string, Calls | undefined>): void {
  if (Object.values(calls).includes(undefined)) {
    console.log('strace is not installed: system calls were not counted');
    return;
  }
  const columns = [...countedCalls, 'all'] as const;
  console.log(`calls per message     ${columns.map((name) => name.padStart(12)).join('')}`);
  for (const [name, byRole] of Object.entries(calls)) {
    for (const role of roles) {
      const row = columns.map((column) => String(byRole?.[role][column] ?? '').padStart(12));
      console.log(`${`${name} ${role}`.padEnd(22)}${row.join('')}`);
    }
  }
}
