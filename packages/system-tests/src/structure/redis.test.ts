import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../../..');
const inBroker = (name: string) => join('packages/broker/src', name);
const sources = readdirSync(join(root, 'packages/broker/src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => !name.endsWith('.test.ts'))
  .map(inBroker);
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const typescript = sources.filter((path) => path.endsWith('.ts') && !path.endsWith('.fixture.ts'));
/** The second names one key of each kind, to ask for the right to it. */
const keyFiles = ['engine/redis/keyspace.ts', 'engine/redis/rights.ts'];

test('keys are named in the files of keys alone', () => {
  const named = typescript.filter((path) => /['`](?:posthorn:|\{(?:d|log|schedules)[$}\d])/.test(read(path)));
  expect(named.sort()).toEqual(keyFiles.map(inBroker).sort());
});

test('keys of runs, which begin with the prefix of a shard, are named in one file', () => {
  const named = typescript.filter((path) => /`\$\{keyspace\.\w+\([^`]*\)\}:run\b/.test(read(path)));
  expect(named).toEqual([inBroker('workflows/run-keys.ts')]);
});

test('the folders that send commands to keys are those in docs/architecture.md', () => {
  const folders = new Set(
    typescript
      .filter((path) => /from '[^']*\/(?:keyspace|run-keys)\.ts'/.test(read(path)))
      .map((path) => path.split('/')[3] ?? ''),
  );
  const documented = /What other\s+folders than `engine\/` keep in Redis is their own: (.*?)send\s+commands/s.exec(
    read('docs/architecture.md'),
  );
  const names = Array.from((documented?.[1] ?? '').matchAll(/`([\w-]+)\/`/g), ([, name]) => name);
  expect(names.length).toBeGreaterThan(3);
  expect([...folders].sort()).toEqual(['engine', ...names].sort());
});

test('no Lua script looks for JSON with a pattern', () => {
  const scripts = sources.filter((path) => path.endsWith('.lua'));
  expect(scripts.length).toBeGreaterThan(15);
  const searches = scripts.flatMap((path) =>
    Array.from(read(path).matchAll(/string\.(?:match|find|gmatch|gsub)\(.*/g), ([call]) => `${path}: ${call}`),
  );
  expect(searches.length).toBeGreaterThan(5);
  expect(searches.filter((search) => /["{]/.test(search))).toEqual([]);
});
