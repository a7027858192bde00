// `npm run test:docs [page...]`: runs the commands of README.md and of every page below docs/, and compares what they
// print with what the pages say. A block that needs another system says so: `not run: <reason>` behind its language.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPage } from './read-page.ts';
import { runPage } from './run-page.ts';

const pages = [
  'README.md',
  ...readdirSync('docs', { encoding: 'utf8', recursive: true }).map((name) => join('docs', name)),
];
const chosen =
  process.argv.length > 2 ? process.argv.slice(2) : pages.filter((page) => page.endsWith('.md')).toSorted();
let failed = 0;
let passed = 0;
for (const page of chosen) {
  const blocks = readPage(readFileSync(page, 'utf8'));
  for (const { line, notRun } of blocks) if (notRun) console.log(`not run ${page}:${line}: ${notRun}`);
  const count = blocks.reduce((sum, { commands }) => sum + commands.length, 0);
  if (count === 0) continue;
  const faults = await runPage(blocks);
  for (const { line, text } of faults) console.log(`FAILED  ${page}:${line}\n${text.replace(/^/gm, '    ')}`);
  if (faults.length === 0) console.log(`ok      ${page}: ${count} commands`);
  failed += faults.length;
  passed += count - faults.length;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
