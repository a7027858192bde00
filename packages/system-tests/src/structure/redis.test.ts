import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../../..');
const sources = readdirSync(join(root, 'packages/broker/src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => !name.endsWith('.test.ts'))
  .map((name) => join('packages/broker/src', name));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

test('no Lua script looks for JSON with a pattern', () => {
  const scripts = sources.filter((path) => path.endsWith('.lua'));
  expect(scripts.length).toBeGreaterThan(15);
  const searches = scripts.flatMap((path) =>
    Array.from(read(path).matchAll(/string\.(?:match|find|gmatch|gsub)\(.*/g), ([call]) => `${path}: ${call}`),
  );
  expect(searches.length).toBeGreaterThan(5);
  expect(searches.filter((search) => /["{]/.test(search))).toEqual([]);
});
