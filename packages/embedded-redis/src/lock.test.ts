import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataDirInUseError, lockDataDir, requireUnusedDataDir } from './lock.ts';
import { nameProcess } from './process-name.ts';

let dataDir: string;
let file: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'posthorn-lock-'));
  file = join(dataDir, 'posthorn.lock');
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

/** A lock as its owner left it when it was killed. */
function leaveLock(server?: unknown): void {
  writeFileSync(file, JSON.stringify({ pid: process.pid, birth: 'an earlier process', server }));
}

function startSleep(): ChildProcess & { pid: number } {
  return spawn('sleep', ['60'], { stdio: 'ignore' }) as ChildProcess & { pid: number };
}

it('gives a directory to one owner at a time', async () => {
  const lock = await lockDataDir(dataDir);
  await expect(lockDataDir(dataDir)).rejects.toThrow(DataDirInUseError);
  expect(() => requireUnusedDataDir(dataDir)).toThrow(/^POSTHORN_DATA_DIR: .* is in use by process \d+; stop that one/);
  lock.release();
  const next = await lockDataDir(dataDir);
  next.release();
  expect(readdirSync(dataDir)).toEqual([]);
});

it('gives a directory to exactly one of many who ask at once, even when a dead owner left its lock', async () => {
  leaveLock();
  const asked = await Promise.allSettled(Array.from({ length: 20 }, () => lockDataDir(dataDir)));
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

it('takes the lock of a process that is gone, though its id was given to another one', async () => {
  leaveLock();
  await lockDataDir(dataDir);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(nameProcess(process.pid));
});

it('takes a lock that was never written to its end', async () => {
  writeFileSync(file, '{"pid":');
  await expect(lockDataDir(dataDir)).resolves.toBeDefined();
});

it('ends the server that a killed owner left behind', async () => {
  const orphan = startSleep();
  leaveLock(nameProcess(orphan.pid));
  const ended = once(orphan, 'exit');
  await lockDataDir(dataDir);
  expect(await ended).toEqual([null, 'SIGTERM']);
});

it('leaves a process alone that only has the id of the server', async () => {
  const stranger = startSleep();
  leaveLock({ pid: stranger.pid, birth: 'an earlier process' });
  await lockDataDir(dataDir);
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  expect(nameProcess(stranger.pid)).toBeDefined();
  stranger.kill('SIGKILL');
});

it('remembers the server of a living owner without giving up the lock', async () => {
  const server = startSleep();
  const lock = await lockDataDir(dataDir);
  lock.writeServer(server.pid);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ server: nameProcess(server.pid) });
  await expect(lockDataDir(dataDir)).rejects.toThrow(DataDirInUseError);
  lock.release();
  expect(existsSync(file)).toBe(false);
  server.kill('SIGKILL');
});
