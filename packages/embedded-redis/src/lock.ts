import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Another posthorn runs on this data directory. */
export class DataDirInUseError extends Error {
  override name = 'DataDirInUseError';
}

/** The right to use a data directory. */
export interface Lock {
  /** Remembers the server's process, so that the next owner can end it if this one is killed. */
  writeServer(pid: number | undefined): void;
  release(): Promise<void>;
}

interface Owner {
  pid: number;
  /** The command line, for a process id is used again after a restart of the machine. */
  command: string;
  serverPid?: number | undefined;
}

/**
 * Takes a data directory. A lock whose owner was killed counts for nothing; the server that it left behind is ended
 * first, for two servers would ruin the data.
 *
 * @throws {DataDirInUseError}
 */
export async function lockDataDir(dataDir: string, serverFolder: string): Promise<Lock> {
  const file = join(dataDir, 'posthorn.lock');
  const owner = readOwner(file);
  if (owner && owner.pid !== process.pid && readCommand(owner.pid) === owner.command) {
    throw new DataDirInUseError(
      `POSTHORN_DATA_DIR: ${dataDir} is in use by process ${owner.pid}; stop that one or set another directory.`,
    );
  }
  if (owner?.serverPid && readCommand(owner.serverPid)?.includes(serverFolder)) await endServer(owner.serverPid);

  const own: Owner = { pid: process.pid, command: readCommand(process.pid) ?? '' };
  const write = () => {
    writeFileSync(file, JSON.stringify(own), { mode: 0o600 });
  };
  write();
  return {
    writeServer(pid) {
      own.serverPid = pid;
      write();
    },
    release: () => rm(file, { force: true }),
  };
}

async function endServer(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  for (let waits = 0; readCommand(pid) !== undefined; waits++) {
    if (waits === 500) process.kill(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function readOwner(file: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/** The command line of a living process; only that it lives where the system does not tell; `undefined` for a dead one. */
function readCommand(pid: number): string | undefined {
  try {
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .charAt(0);
    return state === 'Z' ? undefined : readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    if (process.platform === 'linux') return undefined;
    try {
      process.kill(pid, 0);
      return '';
    } catch {
      return undefined;
    }
  }
}
