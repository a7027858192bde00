// `npm run bench:cluster [-- --shards 72 --share 6]`: how the rate grows with the primaries of a Redis Cluster when Redis is
// the limit. Each primary gets a few percent of a core from a control group, so that the API and the dispatcher have more
// than they need even on two cores. Without the right to make control groups, the limit is computed: the busiest primary
// would be the first to use a whole core.
import { parseArgs } from 'node:util';
import { startCluster } from '@posthorn/testkit';
import { parseWhole } from './arguments.ts';
import { readCpuUs } from './cpu.ts';
import { limitCpu, type CpuLimits } from './limit-cpu.ts';
import { publishMany } from './load.ts';
import { measure, round, type Cost } from './measure.ts';
import { startProduct } from './product.ts';
import { startProgram } from './program.ts';

const { values } = parseArgs({
  options: {
    shards: { type: 'string', default: '72' },
    share: { type: 'string', default: '6' },
    messages: { type: 'string', default: '10000' },
  },
});
const shards = parseWhole('shards', values.shards, 1, 256);
const sharePercent = parseWhole('share', values.share, 1, 100);
const messages = parseWhole('messages', values.messages, 1000);
const warmUp = 2000;
const inFlight = 200;

interface Result {
  primaries: number;
  cost: Cost;
  /** CPU per message of the busiest primary, in microseconds. */
  busiest: number;
  isLimited: boolean;
}

const results = [await run(3), await run(6)];
for (const { primaries, cost, busiest, isLimited } of results) {
  const limit = isLimited ? `${round(cost.perSecond)} messages/s with ${sharePercent} % of a core each` : 'not limited';
  const { api, dispatcher, redis } = cost;
  console.log(
    `${primaries} primaries, ${shards} shards: ${limit}; CPU per message, us: API ${round(api)}, dispatcher ` +
      `${round(dispatcher)}, Redis ${round(redis)}, of which the busiest primary ${round(busiest)}`,
  );
}
const [three, six] = results;
if (three && six) {
  if (three.isLimited) {
    console.log(`rate with 6 / rate with 3, per primary: ${round(six.cost.perSecond / three.cost.perSecond / 2)}`);
  }
  console.log(`by the CPU of the busiest primary, per primary: ${round(three.busiest / six.busiest / 2)}`);
}

async function run(primaries: number): Promise<Result> {
  const cluster = await startCluster(primaries);
  const receiver = await startProgram(new URL('receiver.js', import.meta.url));
  const product = await startProduct(cluster.url, { SHARDS: String(shards) });
  const pids = cluster.nodes.map((node) => node.pid());
  let limits: CpuLimits | undefined;
  try {
    const all = { pids: { ...product.pids, redis: pids } };
    const send = (count: number) =>
      measure(all, receiver.url, count, () => publishMany(product.url, `${receiver.url}/m`, count, inFlight));
    await send(warmUp);
    limits = limitCpu(pids, sharePercent);
    const before = pids.map(readCpuUs);
    const cost = await send(messages);
    const used = pids.map((pid, index) => (readCpuUs(pid) - (before[index] ?? 0)) / messages);
    return { primaries, cost, busiest: Math.max(...used), isLimited: limits.areSet };
  } finally {
    await Promise.all([product.end(), receiver.end()]);
    await cluster.stop();
    await limits?.remove();
  }
}
