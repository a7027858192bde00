import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../../..');
const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
const paths = [...new Set(Array.from(text.matchAll(/`((?:apps|packages|docs)\/[\w./-]+)`/g), ([, path = '']) => path))];

test('every path in docs/architecture.md exists', () => {
  expect(paths.length).toBeGreaterThan(40);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test('it says where at least 25 features are, each with a path', () => {
  const answers = Array.from(
    text.matchAll(/^\| (?:Where|What|How) [^|]*\?\s*\| ([^|]+)\|$/gm),
    ([, answer = '']) => answer,
  );
  expect(answers.length).toBeGreaterThanOrEqual(25);
  expect(answers.filter((answer) => !/`(apps|packages)\//.test(answer) && !answer.includes('start.ts'))).toEqual([]);
});

test('the broker exports fewer than 30 names', () => {
  const index = readFileSync(join(root, 'packages/broker/src/index.ts'), 'utf8');
  expect(index).not.toContain('export *');
  const names = Array.from(index.matchAll(/^export (?:type )?\{([^}]*)\}/gm)).flatMap(([, list = '']) =>
    list.split(','),
  );
  expect(names.length).toBeGreaterThan(5);
  expect(names.length).toBeLessThan(30);
});
