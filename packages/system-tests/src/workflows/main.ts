// `npm run test:workflows`: 1,000 runs at once while random processes are killed, then one long run in bounded memory.
// Prints a line per minute and a summary.
//   WORKFLOW_MINUTES=10   how long processes are killed     WORKFLOW_RUNS=1000   runs that are active at once
//   WORKFLOW_STEPS=1000   steps of the long run, of 100 KB each; 0 leaves it out
//   WORKFLOW_SEED=...     the programs and kills of an earlier test
import { createRandom } from '../random.ts';
import { runLong } from './long-run.ts';
import { createProgram } from './program.ts';
import { setWorkflowStage } from './stage.ts';

const number = (name: string, otherwise: number) => Number(process.env[name] ?? otherwise);
const minutes = number('WORKFLOW_MINUTES', 10);
const atOnce = number('WORKFLOW_RUNS', 1000);
const longSteps = number('WORKFLOW_STEPS', 1000);
const seed = number('WORKFLOW_SEED', Date.now() % 1_000_000);
const maxSteps = 30;
const begunAtOnce = 20;
/** How long runs may take to their end when nothing is killed any more. */
const drainMs = 600_000;

// The client reports each attempt at a request during an outage.
console.warn = () => undefined;
const endpoint = new URL('endpoint.js', import.meta.url).pathname;
const random = createRandom(seed);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const faults = minutes > 0 ? await killAtRandom() : [];
if (longSteps > 0) faults.push(...(await runLong(longSteps)));
for (const fault of faults.slice(0, 20)) console.log(`FAULT ${fault}`);
console.log(faults.length === 0 ? 'passed' : `failed: ${faults.length} faults, WORKFLOW_SEED=${seed}`);
process.exit(faults.length === 0 ? 0 : 1);

async function killAtRandom(): Promise<string[]> {
  const stage = await setWorkflowStage(endpoint, { dispatchers: 2 });
  const startedAt = Date.now();
  const isOver = () => Date.now() > startedAt + minutes * 60_000;
  const kills: Record<string, number> = {};
  let begun = 0;

  const report = (active: number) => {
    const passed = ((Date.now() - startedAt) / 60_000).toFixed(1);
    const killed = Object.entries(kills).map(([name, count]) => `${name} ${count}`);
    const { api, dispatcher, redis } = stage.readMemory();
    const memory = `MB: API ${api}, dispatcher ${dispatcher}, Redis ${redis}`;
    console.log(
      `minute ${passed}: ${begun} begun, ${active} active; killed: ${killed.join(', ') || 'none'}; ${memory}`,
    );
  };
  const keepBusy = async () => {
    while (!isOver()) {
      let missing = atOnce - (await stage.countActive().catch(() => atOnce));
      const begin = async () => {
        while (missing-- > 0 && !isOver()) await stage.begin(begun++, createProgram(random, maxSteps));
      };
      await Promise.all(Array.from({ length: begunAtOnce }, begin));
      await stage.notifyAll().catch(() => undefined);
      await pause(200);
    }
  };
  const killSome = async () => {
    while (!isOver()) {
      await pause(random.between(1000, 10_000));
      const [name, kill] = random.pick(Object.entries(stage.kills));
      kills[name] = (kills[name] ?? 0) + 1;
      await kill();
    }
  };
  const reports = setInterval(() => void stage.countActive().then(report, () => undefined), 60_000);
  try {
    await Promise.all([keepBusy(), killSome()]);
    const deadline = Date.now() + drainMs;
    const drain = async () => {
      await stage.notifyAll().catch(() => undefined);
      return (await stage.countActive().catch(() => 1)) === 0;
    };
    while (!(await drain()) && Date.now() < deadline) await pause(200);
    report(await stage.countActive());
    const { faults: found, steps, repeated, most } = await stage.account(60_000);
    console.log(`${begun} runs, ${steps} steps, ${repeated} of them repeated, one at most ${most} times; seed ${seed}`);
    return found;
  } finally {
    clearInterval(reports);
    await stage.end();
  }
}
