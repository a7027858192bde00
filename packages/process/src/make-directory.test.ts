import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from './make-directory.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-directory-'));
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('nothing', join(folder, 'dangling'));
  symlinkSync('circular', join(folder, 'circular'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a directory is made with those above it, and may exist', async () => {
  const path = join(folder, 'a/b/c');
  await makeDirectory(path);
  await makeDirectory(path);
  expect(existsSync(path)).toBe(true);
});

test.each([
  ['file', 'EEXIST'],
  ['file/in', 'ENOTDIR'],
  ['dangling', 'ENOENT'],
  ['dangling/in', 'ENOENT'],
  ['circular', 'ELOOP'],
  ['circular/in', 'ELOOP'],
])('%s fails with %s', async (name, code) => {
  await expect(makeDirectory(join(folder, name))).rejects.toMatchObject({ code });
});

(existsSync('/proc/self') ? test : test.skip)('a path below /proc fails, too', async () => {
  await expect(makeDirectory('/proc/posthorn/data')).rejects.toMatchObject({ code: 'ENOENT', path: '/proc/posthorn' });
});
