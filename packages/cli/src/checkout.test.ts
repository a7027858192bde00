import { chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCheckout } from './checkout.ts';

let folder: string;
const cwd = process.cwd();
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'posthorn-checkout-')));
  mkdirSync(join(folder, 'scripts'));
  mkdirSync(join(folder, 'below'));
  writeFileSync(join(folder, 'package.json'), '{"name":"posthorn"}');
  writeFileSync(join(folder, 'scripts/start.mjs'), '');
  process.chdir(join(folder, 'below'));
});
afterEach(() => {
  jest.restoreAllMocks();
  process.chdir(cwd);
  rmSync(folder, { recursive: true });
});

test('the checkout that the current folder is in counts', () => {
  expect(findCheckout()).toBe(folder);
});

test.each(['.', 'package.json', 'scripts', 'scripts/start.mjs'])('it does not if another user owns %s', (name) => {
  const user = process.getuid?.() ?? 0;
  // Only root can give files away; anyone else becomes another user.
  if (user === 0) chownSync(join(folder, name), 12_345, 12_345);
  else jest.spyOn(process, 'getuid').mockReturnValue(user + 1);
  expect(findCheckout()).not.toBe(folder);
});
