// `npm run test:soak -- <minutes>`: 200 messages a second under random faults. After a last drain memory, file
// descriptors and keys are back where they were after the warm-up. Prints one line of JSON.
//   CHAOS_SEED=...  the faults of an earlier run
import { readdirSync } from 'node:fs';
import { eventually, readRssMb } from '@posthorn/testkit';
import { createChaos } from './fault.ts';
import { strike } from './nemesis.ts';
import { createRandom } from '../random.ts';
import { endAllStages, type Stage } from './stage.ts';

const minutes = Number(process.argv[2] ?? 10);
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
const perSecond = 200;
/** What may be more than before: heaps that were not collected yet, and connections that were just used. */
const maxGrowth = { rssMb: 120, fds: 60, keys: 50 };
/** Idle connections are closed and logs expire within this time. */
const backWithinMs = 120_000;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void endAllStages().finally(() => process.exit(130)));
}

interface Use {
  rssMb: number;
  fds: number;
  keys: number;
}

/** The largest of all processes, and the keys that do not go by themselves. */
async function measure(stage: Stage): Promise<Use> {
  const pids = [...stage.apis, ...stage.dispatchers].map(({ pid }) => pid);
  const rssMb = pids.map(readRssMb);
  const fds = pids.map((pid) => readdirSync(`/proc/${pid}/fd`).length);
  const [, all, expiring] = /^db0:keys=(\d+),expires=(\d+)/m.exec(await stage.redis.client.info('keyspace')) ?? [];
  return { rssMb: Math.max(...rssMb), fds: Math.max(...fds), keys: Number(all) - Number(expiring) };
}

const random = createRandom(seed);
const { chaos, found, end } = createChaos(random, 1);
// Dead letters stay, each a field of one key; logs go while it runs.
const retention = { LOG_RETENTION_SECONDS: '5', DLQ_RETENTION_SECONDS: '86400' };
let before: Use | undefined;
let after: Use | undefined;
let struck: Record<string, number> | undefined;
try {
  const stage = await chaos.stage({ apis: 2, dispatchers: 2, proxied: true, api: retention, dispatcher: retention });
  const ms = minutes * 60_000;
  const warmUp = await stage.load(perSecond);
  await chaos.pause(30_000, 30_000);
  await warmUp.stop();
  await stage.drain(120_000);
  before = await measure(stage);
  const load = await stage.load(perSecond);
  struck = await strike(stage, random, ms);
  await load.stop();
  const account = await stage.drain(180_000);
  const { open, phantoms, corrupt, wrongEnds, early, orderBreaks } = account;
  for (const [what, ids] of Object.entries({ open, phantoms, corrupt, wrongEnds, early, orderBreaks })) {
    chaos.claim(`${what}: ${ids.length}, such as ${ids.slice(0, 3).join(' ')}`, ids.length === 0);
  }
  chaos.figure('messages', account.messages);
  chaos.figure('lost', open.length);
  chaos.figure('duplicates', account.duplicates);
  const isBack = (name: keyof Use) => (after?.[name] ?? Infinity) <= (before?.[name] ?? 0) + maxGrowth[name];
  await eventually(async () => {
    after = await measure(stage);
    return isBack('rssMb') && isBack('fds') && isBack('keys');
  }, backWithinMs).catch(() => undefined);
  chaos.claim('memory is back', isBack('rssMb'));
  chaos.claim('file descriptors are back', isBack('fds'));
  chaos.claim('keys are back', isBack('keys'));
} finally {
  await end();
}
const passed = found.failures.length === 0;
console.log(
  JSON.stringify({
    minutes,
    seed,
    perSecond,
    passed,
    ...found.figures,
    before,
    after,
    struck,
    reasons: found.failures,
  }),
);
process.exitCode = passed ? 0 : 1;
