import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedRedis, type EmbeddedRedis } from '@posthorn/embedded-redis';
import { startRedis } from '@posthorn/testkit';
import { Redis } from 'ioredis';
import { backUp, restore, type BackupOptions } from './backup.ts';

let folder: string;
let running: EmbeddedRedis | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-backup-'));
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(folder, { recursive: true });
});

const log = () => undefined;
const options = (dataDir: string, file = 'a.tar.gz'): BackupOptions => ({
  dataDir: join(folder, dataDir),
  file: join(folder, file),
  log,
});

/** Works with the server of a data directory, and leaves it running. */
async function use<T>(dataDir: string, work: (client: Redis) => Promise<T>): Promise<T> {
  running = await startEmbeddedRedis({ dataDir: join(folder, dataDir), durability: 'always', log });
  const client = new Redis(running.url.slice('unix:'.length));
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** A data directory with one key and credentials; its server runs. */
async function fill(dataDir: string): Promise<void> {
  await use(dataDir, (client) => client.set('name', 'value'));
  writeFileSync(join(folder, dataDir, 'credentials.json'), '{"token":"t"}', { mode: 0o600 });
}

async function stop(): Promise<void> {
  await running?.stop();
  running = undefined;
}

test('a running directory is saved and restored into a new one, with its credentials', async () => {
  await fill('old');
  expect(await backUp(options('old'))).toMatchObject({ hasCredentials: true });
  expect(statSync(join(folder, 'a.tar.gz')).mode & 0o777).toBe(0o600);
  await stop();

  expect(await restore(options('new'))).toMatchObject({ hasCredentials: true });
  // Beside them is the server itself if none is installed.
  const restored = readdirSync(join(folder, 'new')).filter((name) => name !== 'redis-server');
  expect(restored.toSorted()).toEqual(['credentials.json', 'redis']);
  expect(statSync(join(folder, 'new/credentials.json')).mode & 0o777).toBe(0o600);
  expect(
    await use('new', async (client) => [await client.get('name'), await client.config('GET', 'appendonly')]),
  ).toEqual(['value', ['appendonly', 'yes']]);
});

test('a stopped directory is saved, and nothing runs on it afterwards', async () => {
  await fill('old');
  await stop();
  await backUp(options('old'));
  expect(existsSync(join(folder, 'old/posthorn.lock'))).toBe(false);
  expect(await use('old', (client) => client.get('name'))).toBe('value');
});

test('a lock that a crash has left is no obstacle', async () => {
  await fill('old');
  await stop();
  writeFileSync(join(folder, 'old/posthorn.lock'), JSON.stringify({ pid: 1, birth: 'another machine' }));
  await backUp(options('old'));
});

test('another Redis on this machine is not touched', async () => {
  const other = await startRedis();
  try {
    await other.client.set('mine', 'yes');
    const savedAt = await other.client.lastsave();
    const before = await other.client.config('GET', 'appendonly');
    await fill('old');
    // Its directory names the other server, as if that had taken the place of its own.
    const config = join(folder, 'old/redis/redis.conf');
    copyFileSync(config, `${config}.own`);
    writeFileSync(config, `port ${other.port}\nrequirepass none\n`);
    await expect(backUp(options('old'))).rejects.toThrow();
    copyFileSync(`${config}.own`, config);
    await backUp(options('old'));
    await stop();
    await restore(options('new'));
    expect(await other.client.get('mine')).toBe('yes');
    expect(await other.client.dbsize()).toBe(1);
    expect(await other.client.config('GET', 'appendonly')).toEqual(before);
    expect(await other.client.lastsave()).toBe(savedAt);
  } finally {
    await other.stop();
  }
});

test.each([
  ['a directory with files', () => writeFileSync(join(folder, 'new/notes.txt'), ''), /is not empty \(notes\.txt\)/],
  ['a directory with another state', () => mkdirSync(join(folder, 'new/redis')), /is not empty \(redis\)/],
])('restore refuses %s', async (_name, prepare, reason) => {
  await fill('old');
  await backUp(options('old'));
  mkdirSync(join(folder, 'new'));
  prepare();
  const before = readdirSync(join(folder, 'new'));
  await expect(restore(options('new'))).rejects.toThrow(reason);
  expect(readdirSync(join(folder, 'new'))).toEqual(before);
});

test('restore refuses a directory in use', async () => {
  await fill('old');
  await backUp(options('old'));
  await expect(restore(options('old'))).rejects.toThrow(/is in use by process \d+/);
});

test.each([
  ['is cut off', (file: string) => truncateSync(file, 300)],
  ['is no archive', (file: string) => writeFileSync(file, 'hello')],
  ['is empty', (file: string) => writeFileSync(file, '')],
])('restore refuses a file that %s, and leaves nothing behind', async (_name, damage) => {
  await fill('old');
  await backUp(options('old'));
  damage(join(folder, 'a.tar.gz'));
  await expect(restore(options('new'))).rejects.toThrow(/is not a backup of posthorn/);
  expect(readdirSync(join(folder, 'new'))).toEqual([]);
});

test('restore refuses an archive whose snapshot was changed', async () => {
  await fill('old');
  await backUp(options('old'));
  const parts = join(folder, 'parts');
  mkdirSync(parts);
  await tar('-xzf', join(folder, 'a.tar.gz'), '-C', parts);
  writeFileSync(join(parts, 'credentials.json'), '{"token":"mine"}');
  await tar('-czf', join(folder, 'a.tar.gz'), '-C', parts, 'manifest.json', 'dump.rdb', 'credentials.json');
  await expect(restore(options('new'))).rejects.toThrow('The backup is damaged: credentials.json');
});

describe('an archive that was made by someone else', () => {
  const secret = () => join(folder, 'secret.json');
  /** Packs the parts of an archive again, after a change. */
  const change = async (work: (parts: string) => void) => {
    await fill('old');
    await backUp(options('old'));
    const parts = join(folder, 'parts');
    mkdirSync(parts);
    await tar('-xzf', join(folder, 'a.tar.gz'), '-C', parts);
    writeFileSync(secret(), '{"token":"t"}');
    chmodSync(secret(), 0o644);
    work(parts);
    await tar('-czf', join(folder, 'a.tar.gz'), '-C', parts, ...readdirSync(parts).toSorted().toReversed());
  };
  const editManifest = (parts: string, edit: (sha256: Record<string, string>) => void) => {
    const file = join(parts, 'manifest.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { sha256: Record<string, string> };
    edit(manifest.sha256);
    writeFileSync(file, JSON.stringify(manifest));
  };

  test.each<[string, (parts: string) => void, RegExp]>([
    [
      'has a link in place of the credentials',
      (parts) => {
        rmSync(join(parts, 'credentials.json'));
        symlinkSync(secret(), join(parts, 'credentials.json'));
      },
      /not a backup of posthorn: credentials\.json in it is not a plain file/,
    ],
    [
      'has a link in place of the snapshot',
      (parts) => {
        rmSync(join(parts, 'dump.rdb'));
        symlinkSync(secret(), join(parts, 'dump.rdb'));
      },
      /not a backup of posthorn: dump\.rdb in it is not a plain file/,
    ],
    [
      'has a directory in place of a file',
      (parts) => {
        rmSync(join(parts, 'credentials.json'));
        mkdirSync(join(parts, 'credentials.json'));
      },
      /damaged: credentials\.json/,
    ],
    [
      'names a file outside of it',
      (parts) => editManifest(parts, (sha256) => (sha256['../../secret.json'] = 'x')),
      /backup of another version/,
    ],
    [
      'has credentials that its manifest does not name',
      (parts) => editManifest(parts, (sha256) => delete sha256['credentials.json']),
      /damaged: credentials\.json/,
    ],
    [
      'has a manifest that is no JSON',
      (parts) => writeFileSync(join(parts, 'manifest.json'), '{'),
      /backup of another version/,
    ],
  ])('is refused when it %s, and what is elsewhere stays as it was', async (_, work, reason) => {
    await change(work);
    await expect(restore(options('new'))).rejects.toThrow(reason);
    expect(readdirSync(join(folder, 'new'))).toEqual([]);
    expect(statSync(secret()).mode & 0o777).toBe(0o644);
  });
});

test('backup refuses an existing file, a directory without state, and a Redis of the user', async () => {
  await fill('old');
  writeFileSync(join(folder, 'a.tar.gz'), 'precious');
  await expect(backUp(options('old'))).rejects.toThrow(/exists already/);
  expect(statSync(join(folder, 'a.tar.gz')).size).toBe('precious'.length);
  await expect(backUp(options('none', 'b'))).rejects.toThrow(/nothing to back up/);
  await expect(backUp({ ...options('old', 'b'), redisUrl: 'redis://127.0.0.1:6379' })).rejects.toThrow(/^REDIS_URL: /);
  await expect(restore({ ...options('new'), redisUrl: 'redis://127.0.0.1:6379' })).rejects.toThrow(/^REDIS_URL: /);
  expect(readdirSync(join(folder, 'old')).filter((name) => name.startsWith('backup'))).toEqual([]);
});

async function tar(...args: string[]): Promise<void> {
  const child = spawn('tar', args);
  await new Promise((done) => child.once('close', done));
}
