// `npm run bench:cores [-- --share 10 --processes 3]`: how the rate grows with the processes of posthorn when each may use a
// few percent of a core, which a control group enforces. So two cores are enough for Redis, the destination and the load,
// which are not limited. Each API process and each dispatcher stands for one more core.
import { parseArgs } from 'node:util';
import { startRedis } from '@posthorn/testkit';
import { parseWhole } from './arguments.ts';
import { readCpuUs } from './cpu.ts';
import { limitCpu, type CpuLimits } from './limit-cpu.ts';
import { publishMany } from './load.ts';
import { measure, round } from './measure.ts';
import { startProduct } from './product.ts';
import { startProgram } from './program.ts';

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '3' },
    share: { type: 'string', default: '10' },
    messages: { type: 'string', default: '1500' },
    rounds: { type: 'string', default: '2' },
  },
});
const maxProcesses = parseWhole('processes', values.processes, 1, 8);
const sharePercent = parseWhole('share', values.share, 1, 100);
const messages = parseWhole('messages', values.messages, 100);
const rounds = parseWhole('rounds', values.rounds, 1, 100);
/** Until the compiler of Node.js has nothing more to do. */
const warmUp = 2000;
/** For each process: with more, an API that gets so little of a core takes longer than its clients wait. */
const inFlight = 32;

interface Result {
  /** Messages per second. */
  published: number;
  delivered: number;
  /** CPU per message of the API process and of the dispatcher that used most of it, in microseconds. */
  api: number;
  dispatcher: number;
}

const counts = Array.from({ length: maxProcesses }, (_, index) => index + 1);
const all = counts.map((): Result[] => []);
for (let n = 0; n < rounds; n++) {
  for (const count of counts) all[count - 1]?.push(await run(count));
}
const [one, ...more] = all.map((results, index) => {
  const find = (choose: (...numbers: number[]) => number, key: keyof Result) =>
    choose(...results.map((each) => each[key]));
  return {
    count: index + 1,
    published: find(Math.max, 'published'),
    delivered: find(Math.max, 'delivered'),
    api: find(Math.min, 'api'),
    dispatcher: find(Math.min, 'dispatcher'),
  };
});
if (one) print(one, '');
for (const each of one ? more : []) {
  const scale = (key: 'published' | 'delivered') => round(each[key] / (one?.[key] ?? NaN) / each.count);
  const scaleByCpu = (key: 'api' | 'dispatcher') => round((one?.[key] ?? NaN) / each[key] / each.count);
  print(
    each,
    `; for each process, to one: published ${scale('published')}, delivered ${scale('delivered')}; by the CPU of the busiest: ` +
      `API ${scaleByCpu('api')}, dispatcher ${scaleByCpu('dispatcher')}`,
  );
}

function print({ count, published, delivered, api, dispatcher }: Result & { count: number }, more: string): void {
  console.log(
    `${count} API and ${count} dispatcher processes, ${sharePercent} % of a core each: published ${Math.round(published)}/s, ` +
      `delivered ${Math.round(delivered)}/s; CPU per message of the busiest, us: API ${Math.round(api)}, dispatcher ` +
      `${Math.round(dispatcher)}${more}`,
  );
}

/** Publishes and delivers with `count` processes of each program, the load growing with them. */
async function run(count: number): Promise<Result> {
  const [redis, receiver] = await Promise.all([startRedis(), startProgram(new URL('receiver.js', import.meta.url))]);
  const product = await startProduct(redis.url, { APIS: String(count), DISPATCHERS: String(count) });
  let limits: CpuLimits | undefined;
  try {
    const parts = { pids: { ...product.pids, redis: [redis.pid()] } };
    const destination = `${receiver.url}/m`;
    const publish = (total: number) => () => publishMany(product.url, destination, total, count * inFlight);
    await measure(parts, receiver.url, count * warmUp, publish(count * warmUp));
    // A program with several processes has a parent, which comes first and only hands out connections.
    const listWorkers = (pids: number[]) => (count === 1 ? pids : pids.slice(1));
    const workers = { api: listWorkers(product.pids.api), dispatcher: listWorkers(product.pids.dispatcher) };
    limits = limitCpu(Object.values(workers).flat(), sharePercent);
    if (!limits.areSet) throw new Error('This bench needs the right to make control groups.');
    let publishedAfterMs = NaN;
    const total = count * messages;
    const before = new Map(
      Object.values(workers)
        .flat()
        .map((pid) => [pid, readCpuUs(pid)]),
    );
    const findBusiest = (pids: number[]) =>
      Math.max(...pids.map((pid) => (readCpuUs(pid) - (before.get(pid) ?? 0)) / total));
    const { perSecond } = await measure(parts, receiver.url, total, async () => {
      const startedAt = performance.now();
      await publish(total)();
      publishedAfterMs = performance.now() - startedAt;
    });
    return {
      published: (1000 * total) / publishedAfterMs,
      delivered: perSecond,
      api: findBusiest(workers.api),
      dispatcher: findBusiest(workers.dispatcher),
    };
  } finally {
    await Promise.all([product.end(), receiver.end()]);
    await redis.stop();
    await limits?.remove();
  }
}
