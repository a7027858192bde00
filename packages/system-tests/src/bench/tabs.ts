// `npm run bench:tabs [-- --rounds 5]`: what ten live tabs of the console cost posthorn. The tabs are played by programs. They
// use the same cores, so that the throughput beside them says less than the CPU time that they cost posthorn itself: it is
// measured at a steady rate, and compared with what posthorn uses when as many messages as possible are sent.
import { parseArgs } from 'node:util';
import { startRedis } from '@posthorn/testkit';
import { parseWhole } from './arguments.ts';
import { publishMany } from './load.ts';
import { measure, quantile, round } from './measure.ts';
import { startProduct } from './product.ts';
import { startProgram } from './program.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = parseWhole('rounds', values.rounds, 1);
const tabs = 10;
const kinds = ['none', 'overview', 'log'] as const;
type Kind = (typeof kinds)[number];
/** The share of the throughput that they may cost. */
const maxShare = 0.02;
/** At this rate the log has more entries than a tab is sent. Many messages at once cost little, and always the same. */
const burst = 30;
const burstEveryMs = 100;
const seconds = 6;
/** Until the tabs are open. */
const openSeconds = 2;
/** Until a process has had so many messages, its code is interpreted, not compiled. */
const warmUp = 6000;
/** As many as possible: with fewer in flight, a reply that is late makes the pieces smaller that work is done in. */
const messagesAtOnce = 10_000;
const inFlight = 100;

const file = (path: string) => new URL(path, import.meta.url);
// Redis rewrites its file when it has grown by so much, which would slow down one round alone.
const args = ['--auto-aof-rewrite-percentage', '0'];
const [receiver, redis] = await Promise.all([startProgram(file('receiver.js')), startRedis({ args })]);
const product = await startProduct(redis.url, {});
const contender = { pids: { ...product.pids, redis: [redis.pid()] } };
const destination = `${receiver.url}/m`;
async function sendSteadily(seconds: number): Promise<void> {
  const startedAt = performance.now();
  for (let n = 1; n <= (seconds * 1000) / burstEveryMs; n++) {
    await publishMany(product.url, destination, burst, burst);
    await new Promise((resolve) => setTimeout(resolve, startedAt + n * burstEveryMs - performance.now()));
  }
}
const sendAtOnce = () => publishMany(product.url, destination, messagesAtOnce, inFlight);

/** Runs beside ten tabs of a kind. */
async function besideTabs<T>(kind: Kind, run: () => Promise<T>): Promise<T> {
  if (kind === 'none') return run();
  const clients = await startProgram(file('tab-clients.js'), { args: [product.url, kind, tabs] });
  try {
    const result = await run();
    const seen = (await (await fetch(clients.url)).json()) as { events: number; reads: number };
    if (seen.events === 0 || seen.reads === 0) throw new Error('the tabs saw nothing');
    return result;
  } finally {
    await clients.end();
  }
}

const median = (values: readonly number[]) =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
const makeLists = (): Record<Kind, number[]> => ({ none: [], overview: [], log: [] });
/** CPU time of posthorn in milliseconds per second at the steady rate, and messages per second when as many as possible are sent. */
const cpu = makeLists();
const throughput = makeLists();
/** CPU time per message, in microseconds, when as many as possible are sent. */
const perMessage: number[] = [];
try {
  await measure(contender, receiver.url, warmUp, () => publishMany(product.url, destination, warmUp));
  for (let n = 0; n < rounds; n++) {
    for (const kind of kinds) {
      const count = (burst * seconds * 1000) / burstEveryMs;
      const steady = await besideTabs(kind, async () => {
        await sendSteadily(openSeconds);
        return measure(contender, receiver.url, count, () => sendSteadily(seconds));
      });
      cpu[kind].push(Math.round((steady.total * count) / seconds / 1000));
      const most = await besideTabs(kind, () => measure(contender, receiver.url, messagesAtOnce, sendAtOnce));
      throughput[kind].push(Math.round(most.perSecond));
      if (kind === 'none') perMessage.push(most.total);
    }
  }
} finally {
  await Promise.all([product.end(), receiver.end()]);
  await redis.stop();
}

const most = { perSecond: Math.round(median(throughput.none)), usPerMessage: Math.round(median(perMessage)) };
const mostCpu = (most.perSecond * most.usPerMessage) / 1000;
console.log(`without tabs at most ${most.perSecond} messages a second, for ${Math.round(mostCpu)} ms of CPU time`);
const costs = (['overview', 'log'] as const).map((kind) => {
  const ms = round(median(cpu[kind]) - median(cpu.none));
  const share = round((100 * ms) / mostCpu);
  const ratio = round(median(throughput[kind]) / median(throughput.none));
  console.log(
    `ten tabs with the ${kind}: ${ms} ms of CPU time a second, ${share} % of that; throughput beside them ${ratio}`,
  );
  return { kind, ms, share, ratio };
});
console.log(`goal: at most ${maxShare * 100} % of the throughput`);
console.log(
  JSON.stringify({ rounds, tabs, burst, burstEveryMs, ...most, cpu, throughput, costs, node: process.versions.node }),
);
process.exit(0);
