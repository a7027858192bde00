// `npm run bench:guard [-- --write]`: what a message asks of Redis and of the kernel, which does not depend on the speed
// of the machine, beside the figures that are committed. `--write` commits to the new ones.
import { parseArgs } from 'node:util';
import { startSystem } from '@posthorn/testkit';
import { findRises, type Runs } from './compare.ts';
import { countProcessWork, countRedisWork, readCommitted, variables, warm, writeCommitted } from './count.ts';

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const committed = readCommitted();
const system = await startSystem(variables);
let measured: Runs;
try {
  await warm(system);
  measured = await countRedisWork(system);
  const calls = await countProcessWork(system);
  if (!calls) console.log('SKIPPED: system calls, because strace is not installed or may not be used');
  measured = { ...measured, ...calls };
} finally {
  await system.stop();
}

for (const [run, figures] of Object.entries(measured)) {
  console.log(`\n${`per message, ${run}`.padEnd(44)}  committed   now`);
  for (const [name, value] of Object.entries(figures)) {
    console.log(`${name.padEnd(44)}${String(committed[run]?.[name] ?? '-').padStart(11)}${String(value).padStart(9)}`);
  }
}
const rises = findRises(committed, measured);
if (values.write) {
  // Without strace the figures of system calls stay.
  writeCommitted({ ...committed, ...measured });
} else if (rises.length > 0) {
  console.error(`\n${rises.join('\n')}\nIf that is intended: npm run bench:guard -- --write`);
}
process.exit(rises.length > 0 && !values.write ? 1 : 0);
