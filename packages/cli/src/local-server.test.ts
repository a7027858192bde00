import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLocalServer } from './local-server.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-local-server-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const write = (name: string, content: object) =>
  writeFileSync(join(folder, name), JSON.stringify(content), { mode: 0o600 });

test('the file of a running server gives its URL and its token', async () => {
  write('server.json', { url: 'http://127.0.0.1:8080', token: 't', pid: 1 });
  expect(await findLocalServer(folder)).toMatchObject({ url: 'http://127.0.0.1:8080', token: 't' });
});

test('a file that names another machine counts for nothing: the token of the environment would go there', async () => {
  write('server.json', { url: 'http://203.0.113.9:8080', token: 't', pid: 1 });
  expect(await findLocalServer(folder)).toBeUndefined();
  write('credentials.json', { token: 'own', currentSigningKey: 'sig' });
  expect(await findLocalServer(folder)).toEqual({ token: 'own', file: join(folder, 'credentials.json') });
});

test('a file that others can write to counts for nothing', async () => {
  write('server.json', { url: 'http://127.0.0.1:8080', token: 't', pid: 1 });
  write('credentials.json', { token: 'own', currentSigningKey: 'sig' });
  for (const name of ['server.json', 'credentials.json']) chmodSync(join(folder, name), 0o666);
  expect(await findLocalServer(folder)).toBeUndefined();
});
