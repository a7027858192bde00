import { roles, type Contender, type Contenders, type Role } from './contenders.ts';
import { bodyBytes, publishMany, publishSteadily } from './load.ts';
import { average, measure, printCosts, quantile, round, takeLatencies, type Cost } from './measure.ts';
import { countedCalls, countSystemCalls, type SystemCalls } from './system-calls.ts';

const seconds = 10;
const rounds = 3;
/** As many as a process has after a minute at 100 per second: until then its code is interpreted, not compiled. */
const warmUp = 6000;

/** What a message costs at a rate at which nothing is saturated: CPU, latency and system calls. */
export async function benchSteady({ counts, product, floor, receiver }: Contenders, perSecond: number): Promise<void> {
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
  const about = { perSecond, seconds: seconds * rounds, bodyBytes, ...counts, node: process.versions.node };
  console.log(JSON.stringify({ ...about, ...result, ratio, calls }));
}

type Calls = Record<Role, SystemCalls>;
const callNames = [...countedCalls, 'all'] as const;

/** System calls per message of each role; `undefined` where strace is missing. */
async function countCalls({ pids }: Contender, messages: number, run: () => Promise<void>): Promise<Calls | undefined> {
  const all = roles.flatMap((role) => pids[role].map((pid) => ({ role, pid })));
  const counted = await countSystemCalls(
    all.map(({ pid }) => pid),
    run,
  );
  if (!counted) return undefined;
  const perMessage = (role: Role) => {
    const ofRole = counted.filter((_, index) => all[index]?.role === role);
    const sum = (name: keyof SystemCalls) => ofRole.reduce((total, calls) => total + calls[name], 0);
    return Object.fromEntries(callNames.map((name) => [name, round(sum(name) / messages)]));
  };
  return Object.fromEntries(roles.map((role) => [role, perMessage(role)])) as Calls;
}

function printCalls(calls: Record<string, Calls | undefined>): void {
  if (Object.values(calls).includes(undefined)) {
    console.log('strace is not installed: system calls were not counted');
    return;
  }
  console.log(`calls per message     ${callNames.map((name) => name.padStart(12)).join('')}`);
  for (const [name, byRole] of Object.entries(calls)) {
    for (const role of roles) {
      const row = callNames.map((column) => String(byRole?.[role][column] ?? '').padStart(12));
      console.log(`${`${name} ${role}`.padEnd(22)}${row.join('')}`);
    }
  }
}
