// `npm run bench:tabs [-- --rounds 5]`: what ten live tabs of the console cost posthorn while as many messages as possible are
// sent. The tabs are played by programs, whose CPU time does not count.
import { parseArgs } from 'node:util';
import { startRedis } from '@posthorn/testkit';
import { parseWhole } from './arguments.ts';
import { publishMany } from './load.ts';
import { measure, printCosts, quantile, round, type Cost } from './measure.ts';
import { startProduct } from './product.ts';
import { startProgram } from './program.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = parseWhole('rounds', values.rounds, 1);
const messagesPerRound = 5000;
const inFlight = 32;
const warmUp = 3000;
const tabs = 10;
const kinds = ['none', 'overview', 'log'] as const;
/** The share of the throughput that they may cost. */
const maxShare = 0.02;

const file = (path: string) => new URL(path, import.meta.url);
// Redis rewrites its file when it has grown by so much, which would slow down one round alone.
const args = ['--auto-aof-rewrite-percentage', '0'];
const [receiver, redis] = await Promise.all([startProgram(file('receiver.js')), startRedis({ args })]);
const product = await startProduct(redis.url, {});
const contender = { pids: { ...product.pids, redis: [redis.pid()] } };
const send = (count: number) =>
  measure(contender, receiver.url, count, () => publishMany(product.url, `${receiver.url}/m`, count, inFlight));

async function sendBesideTabs(kind: (typeof kinds)[number]): Promise<Cost> {
  if (kind === 'none') return send(messagesPerRound);
  const clients = await startProgram(file('tab-clients.js'), { args: [product.url, kind, tabs] });
  try {
    const cost = await send(messagesPerRound);
    const seen = (await (await fetch(clients.url)).json()) as { events: number; reads: number };
    const seconds = messagesPerRound / cost.perSecond;
    console.log(
      `${kind}: ${round(seen.events / seconds / tabs)} events and ${round(seen.reads / seconds / tabs)} reads a second and tab`,
    );
    if (seen.events === 0 || seen.reads === 0) throw new Error('the tabs saw nothing');
    return cost;
  } finally {
    await clients.end();
  }
}

const costs = { none: [] as Cost[], overview: [] as Cost[], log: [] as Cost[] };
try {
  await send(warmUp);
  for (let n = 0; n < rounds; n++) {
    for (const kind of kinds) costs[kind].push(await sendBesideTabs(kind));
  }
} finally {
  await Promise.all([product.end(), receiver.end()]);
  await redis.stop();
}

const medians = Object.fromEntries(
  kinds.map((kind) => {
    const median = (key: keyof Cost) =>
      Math.round(
        quantile(
          costs[kind].map((cost) => cost[key]).sort((a, b) => a - b),
          0.5,
        ),
      );
    const [api, dispatcher, redisUs] = [median('api'), median('dispatcher'), median('redis')];
    return [kind, { api, dispatcher, redis: redisUs, total: median('total'), perSecond: median('perSecond') }];
  }),
) as Record<(typeof kinds)[number], Cost>;
printCosts(medians);
const { none } = medians;
for (const kind of kinds.slice(1)) {
  const cpu = round(medians[kind].total / none.total);
  const throughput = round(medians[kind].perSecond / none.perSecond);
  console.log(`ten tabs with the ${kind}: CPU per message ${cpu}, throughput ${throughput} of that without`);
}
console.log(`goal: at most ${maxShare * 100} % of the throughput`);
console.log(JSON.stringify({ rounds, messagesPerRound, tabs, ...medians, node: process.versions.node }));
process.exit(0);
