// `npm run test:chaos`: everything that can go wrong, two faults at once, for they mostly wait; each has a system of its
// own under load, and an account of every message at its end.
//   CHAOS_MINUTES=10  how long the run may take, about; longer runs press harder
//   CHAOS_SEED=...    the faults, times and targets of an earlier run
//   CHAOS_ONLY=name   one fault, or several with commas
//   CHAOS_KEEP=1      leaves the ledgers, of what was published and what was received, and says where they are
import { createChaos, Skip, type Fault } from './fault.ts';
import { faults } from './faults/faults.ts';
import { createRandom } from '../random.ts';
import { endAllStages } from './stage.ts';

const minutes = Number(process.env['CHAOS_MINUTES'] ?? 10);
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
const only = process.env['CHAOS_ONLY']?.split(',');
const atOnce = 2;

interface Result {
  fault: Fault;
  outcome: 'passed' | 'failed' | 'skipped';
  seconds: number;
  reasons: string[];
  figures: Record<string, unknown>;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void endAllStages().finally(() => process.exit(130)));
}
process.on('uncaughtException', (error) => {
  console.error(error);
  void endAllStages().finally(() => process.exit(1));
});

async function play(fault: Fault, index: number): Promise<Result> {
  const startedAt = performance.now();
  // A fault that is run alone meets the same chances as in the run of all.
  const { chaos, found, end } = createChaos(createRandom(seed + index), minutes / 10);
  const failures = found.failures;
  let skipped: string | undefined;
  try {
    await fault.run(chaos);
  } catch (error) {
    if (error instanceof Skip) skipped = error.message;
    else failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  await end();
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const outcome = failures.length > 0 ? 'failed' : skipped === undefined ? 'passed' : 'skipped';
  return { fault, outcome, seconds, reasons: skipped === undefined ? failures : [skipped], figures: found.figures };
}

const results: Result[] = [];
const wanted = faults
  .map((fault, index) => ({ fault, index }))
  .filter(({ fault }) => only?.includes(fault.name) ?? true);
if (wanted.length === 0) {
  console.error(`CHAOS_ONLY: there is no such fault; use some of ${faults.map(({ name }) => name).join(', ')}.`);
  process.exit(1);
}
const waiting = [...wanted];
const playAll = async () => {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { fault, index } = next;
    const result = await play(fault, index);
    results.push(result);
    const { outcome, seconds, reasons, figures } = result;
    console.log(JSON.stringify({ fault: fault.name, rows: fault.rows, outcome, seed, seconds, ...figures, reasons }));
  }
};
await Promise.all(Array.from({ length: atOnce }, playAll));
results.sort((a, b) => faults.indexOf(a.fault) - faults.indexOf(b.fault));

console.log('\nfault                         rows         messages   lost  duplicates  seconds');
for (const { fault, outcome, seconds, reasons, figures } of results) {
  const cell = (name: string, width: number) =>
    (figures[name] === undefined ? '-' : JSON.stringify(figures[name])).padStart(width);
  const row = [cell('messages', 10), cell('lost', 6), cell('duplicates', 11), String(seconds).padStart(8)];
  console.log(`${fault.name.padEnd(30)}${fault.rows.join(' ').padEnd(11)}${row.join(' ')}  ${outcome}`);
  for (const reason of reasons) console.log(`  ${reason}`);
}
const count = (outcome: Result['outcome']) => results.filter((result) => result.outcome === outcome).length;
const skipped = count('skipped') > 0 ? `, ${count('skipped')} skipped` : '';
console.log(`seed ${seed}\n${count('passed')} passed, ${count('failed')} failed${skipped}`);
// A stage that was left in the middle may hold something open.
process.exit(count('failed') > 0 ? 1 : 0);
