import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, nameProcess, type ProcessName } from './process-name.ts';

/** Another posthorn runs on this data directory; the message is one sentence that says what to do. */
export class DataDirInUseError extends Error {
  override name = 'DataDirInUseError';
}

/** The right to use a data directory. */
export interface Lock {
  /** Remembers the server's process, so that the next owner can end it if this one is killed. */
  writeServer(pid: number): void;
  release(): void;
}

interface Owner extends ProcessName {
  server?: ProcessName | undefined;
}

/**
 * Takes a data directory. A lock whose owner was killed counts for nothing; the server that it left behind is ended
 * first, for two servers would ruin the data.
 *
 * @throws {DataDirInUseError}
 */
export async function lockDataDir(dataDir: string): Promise<Lock> {
  const self = nameProcess(process.pid);
  if (!self) throw new Error('Cannot determine the start time of this process (needs /proc or ps).');
  const file = findLock(dataDir);
  const draft = `${file}.${process.pid}`;
  const write = (owner: Owner, publish: (draft: string, file: string) => void) => {
    try {
      writeFileSync(draft, JSON.stringify(owner), { mode: 0o600 });
      publish(draft, file);
    } finally {
      rmSync(draft, { force: true });
    }
  };

  do await removeStale(dataDir);
  while (!succeedsUnless('EEXIST', () => write(self, linkSync)));

  return {
    writeServer: (pid) => write({ ...self, server: nameProcess(pid) }, renameSync),
    release: () => rmSync(file, { force: true }),
  };
}

/**
 * Whether this directory is free to be locked now; it does not lock it.
 *
 * @throws {DataDirInUseError}
 */
export function requireUnusedDataDir(dataDir: string): void {
  const owner = readOwner(findLock(dataDir));
  if (!owner || !isAlive(owner)) return;
  throw new DataDirInUseError(
    `POSTHORN_DATA_DIR: ${dataDir} is in use by process ${owner.pid}; stop that one or set another directory.`,
  );
}

/** Whether a posthorn with an embedded Redis runs on this data directory. */
export function isDataDirInUse(dataDir: string): boolean {
  const owner = readOwner(findLock(dataDir));
  return owner !== undefined && isAlive(owner);
}

/** The process of the Redis server that belongs to a data directory in use. */
export function readServerPid(dataDir: string): number | undefined {
  return readOwner(findLock(dataDir))?.server?.pid;
}

/** Removes the lock of an owner that is gone, after the server that it left behind. */
async function removeStale(dataDir: string): Promise<void> {
  requireUnusedDataDir(dataDir);
  const file = findLock(dataDir);
  const server = readOwner(file)?.server;
  if (server && isAlive(server)) await endServer(server);

  const aside = `${file}.${process.pid}.stale`;
  if (!succeedsUnless('ENOENT', () => renameSync(file, aside))) return;
  // Another process may have replaced the stale lock by its own in between: that one is put back.
  const owner = readOwner(aside);
  if (owner && isAlive(owner)) succeedsUnless('EEXIST', () => linkSync(aside, file));
  rmSync(aside, { force: true });
}

async function endServer(server: ProcessName): Promise<void> {
  process.kill(server.pid, 'SIGTERM');
  for (let waits = 1; isAlive(server); waits++) {
    if (waits === 500) process.kill(server.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function findLock(dataDir: string): string {
  return join(dataDir, 'posthorn.lock');
}

function readOwner(file: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner;
  } catch (error) {
    // A directory is no lock that an owner left behind. The error of a read does not name the file.
    if ((error as NodeJS.ErrnoException).code === 'EISDIR') throw Object.assign(error as Error, { path: file });
    return undefined;
  }
}

function succeedsUnless(code: string, action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return false;
    throw error;
  }
}
