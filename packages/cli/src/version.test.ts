import { readFile } from 'node:fs/promises';
import { version } from './version.ts';

test('the version is that of the package', async () => {
  const text = await readFile('packages/cli/package.json', 'utf8');
  expect((JSON.parse(text) as { version: string }).version).toBe(version);
});
