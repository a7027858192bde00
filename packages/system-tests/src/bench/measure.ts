import { roles, type Contender, type Role } from './contenders.ts';
import { readCpuUs } from './cpu.ts';

/** CPU per message in microseconds, and messages per second. */
export type Cost = Record<Role, number> & { total: number; perSecond: number };

/** Publishes with `publish`, waits until all have arrived, and says what a message cost. */
export async function measure(
  { pids }: Pick<Contender, 'pids'>,
  receiver: string,
  count: number,
  publish: () => Promise<void>,
): Promise<Cost> {
  const readAll = () => roles.map((role) => pids[role].reduce((sum, pid) => sum + readCpuUs(pid), 0));
  const before = readAll();
  const arrivedBefore = await readCount(receiver);
  const startedAt = performance.now();
  await publish();
  await untilArrived(receiver, arrivedBefore + count);
  const seconds = (performance.now() - startedAt) / 1000;
  // The last messages still have to end.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const [api = 0, dispatcher = 0, redis = 0] = readAll().map((us, index) => (us - (before[index] ?? 0)) / count);
  return { api, dispatcher, redis, total: api + dispatcher + redis, perSecond: count / seconds };
}

/** The times from publish to arrival, in ms and sorted, since they were last asked for. */
export async function takeLatencies(receiver: string): Promise<number[]> {
  const latencies = (await (await fetch(`${receiver}/latencies`)).json()) as number[];
  return latencies.sort((a, b) => a - b);
}

async function readCount(receiver: string): Promise<number> {
  return (await (await fetch(`${receiver}/count`)).json()) as number;
}

async function untilArrived(receiver: string, count: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((await readCount(receiver)) < count) {
    if (Date.now() > deadline) throw new Error('not every message arrived within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The mean of several rounds, in whole microseconds. */
export function average(costs: readonly Cost[]): Cost {
  const mean = (key: keyof Cost) => Math.round(costs.reduce((sum, cost) => sum + cost[key], 0) / costs.length);
  const cost = { api: mean('api'), dispatcher: mean('dispatcher'), redis: mean('redis') };
  return { ...cost, total: cost.api + cost.dispatcher + cost.redis, perSecond: mean('perSecond') };
}

export function quantile(sorted: readonly number[], part: number): number {
  return round(sorted[Math.floor(sorted.length * part)] ?? NaN);
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export function printCosts(costs: Record<string, Cost>): void {
  console.log('CPU per message, us       api  dispatcher  redis  total   messages/s');
  for (const [name, { api, dispatcher, redis, total, perSecond }] of Object.entries(costs)) {
    const columns = [api, dispatcher, redis, total].map((value, index) => String(value).padStart(index === 1 ? 11 : 6));
    console.log(`${name.padEnd(22)}${columns.join(' ')}   ${String(perSecond).padStart(10)}`);
  }
}
