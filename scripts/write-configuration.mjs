// `npm run configuration`: writes docs/configuration.md from the tables of the processes. With --check it only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { root } from './setup.mjs';

const file = join(root, 'docs/configuration.md');
const processes = ['api', 'dispatcher', 'local'];
const rows = new Map();
for (const name of processes) {
  const { table } = await import(`../apps/${name}/dist/config.js`);
  for (const [variable, { schema, help, defaultText = formatDefault(schema) }] of Object.entries(table)) {
    const row = rows.get(variable) ?? { readBy: [], help, defaults: new Map() };
    row.readBy.push(name);
    row.defaults.set(defaultText, [...(row.defaults.get(defaultText) ?? []), name]);
    rows.set(variable, row);
  }
}

const lines = [...rows]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([variable, row]) => {
    return `| \`${variable}\` | ${formatDefaults(row.defaults)} | ${row.readBy.join(', ')} | ${row.help} |`;
  });
const text = `# Configuration

All environment variables, generated from the checks of the processes by \`npm run configuration\`. \`local\` is
\`npm start\`, which passes its environment on to the API and the dispatcher, with its own defaults where they differ. An
empty variable counts as not set. All wrong values are reported in one sentence on standard error, with exit status 1.

| Variable | Default | Read by | Meaning |
| --- | --- | --- | --- |
${lines.join('\n')}
`;
const style = JSON.parse(readFileSync(join(root, '.oxfmtrc.json'), 'utf8'));
const { code: wanted } = await format(file, text, style);

if (!process.argv.includes('--check')) writeFileSync(file, wanted);
else if (readFileSync(file, 'utf8') !== wanted) {
  process.stderr.write('docs/configuration.md is stale; run `npm run configuration`\n');
  process.exit(1);
}

/** One default, or those of the processes that differ. */
function formatDefaults(defaults) {
  if (defaults.size === 1) return [...defaults.keys()][0];
  return [...defaults].map(([text, names]) => `${names.join(', ')}: ${text || 'none'}`).join('; ');
}

/** A default that cannot be set stands for none. */
function formatDefault(schema) {
  const { success, data } = schema.safeParse(undefined);
  if (!success) return 'required';
  if (data === undefined || !schema.safeParse(String(data)).success) return '';
  return Array.isArray(data) && data.length === 0 ? '' : `\`${data}\``;
}
