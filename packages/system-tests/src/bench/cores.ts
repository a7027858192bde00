// `npm run bench:cores [-- --share 8 --processes 3]`: how the rate grows with the processes of posthorn when each may use a
// few percent of a core, which a control group enforces. So two cores are enough for Redis, the destination and the load,
// which are not limited. Each API process and each dispatcher stands for one more core.
import { parseArgs } from 'node:util';
import { startRedis } from '@posthorn/testkit';
import { parseWhole } from './arguments.ts';
import { limitCpu, type CpuLimits } from './limit-cpu.ts';
import { publishMany } from './load.ts';
import { measure, round } from './measure.ts';
import { startProduct } from './product.ts';
import { startProgram } from './program.ts';

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '3' },
    share: { type: 'string', default: '8' },
    messages: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '2' },
  },
});
const maxProcesses = parseWhole('processes', values.processes, 1, 8);
const sharePercent = parseWhole('share', values.share, 1, 100);
const messages = parseWhole('messages', values.messages, 100);
const rounds = parseWhole('rounds', values.rounds, 1, 100);
/** Until the compiler of Node.js has nothing more to do. */
const warmUp = 3000;
const inFlight = 100;

/** Messages per second. */
interface Rates {
  published: number;
  delivered: number;
}

const counts = Array.from({ length: maxProcesses }, (_, index) => index + 1);
const all = counts.map((): Rates[] => []);
for (let n = 0; n < rounds; n++) {
  for (const count of counts) all[count - 1]?.push(await run(count));
}
const best = all.map((rates) => ({
  published: Math.max(...rates.map(({ published }) => published)),
  delivered: Math.max(...rates.map(({ delivered }) => delivered)),
}));
const [one] = best;
for (const [index, rates] of best.entries()) {
  const perProcess = (key: keyof Rates) => round(rates[key] / (one?.[key] ?? NaN) / (index + 1));
  console.log(
    `${index + 1} API and ${index + 1} dispatcher processes, ${sharePercent} % of a core each: published ` +
      `${Math.round(rates.published)}/s, delivered ${Math.round(rates.delivered)}/s; per process, to one of each: ` +
      `${perProcess('published')} and ${perProcess('delivered')}`,
  );
}

/** Publishes and delivers with `count` processes of each program, the load growing with them. */
async function run(count: number): Promise<Rates> {
  const [redis, receiver] = await Promise.all([startRedis(), startProgram(new URL('receiver.js', import.meta.url))]);
  const product = await startProduct(redis.url, { APIS: String(count), DISPATCHERS: String(count) });
  let limits: CpuLimits | undefined;
  try {
    const parts = { pids: { ...product.pids, redis: [redis.pid()] } };
    const destination = `${receiver.url}/m`;
    const publish = (total: number) => () => publishMany(product.url, destination, total, inFlight);
    await measure(parts, receiver.url, count * warmUp, publish(count * warmUp));
    // A program with several processes has a parent, which comes first and only hands out connections.
    const isWorker = (_: number, index: number) => count === 1 || index > 0;
    limits = limitCpu(
      [product.pids.api, product.pids.dispatcher].map((pids) => pids.filter(isWorker)).flat(),
      sharePercent,
    );
    if (!limits.areSet) throw new Error('This bench needs the right to make control groups.');
    let publishedAfterMs = NaN;
    const total = count * messages;
    const { perSecond } = await measure(parts, receiver.url, total, async () => {
      const startedAt = performance.now();
      await publish(total)();
      publishedAfterMs = performance.now() - startedAt;
    });
    return { published: (1000 * total) / publishedAfterMs, delivered: perSecond };
  } finally {
    await Promise.all([product.end(), receiver.end()]);
    await redis.stop();
    await limits?.remove();
  }
}
