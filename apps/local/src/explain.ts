import { ConfigurationError } from '@posthorn/process';
import { DataDirInUseError, EmbeddedRedisError, NoRedisServerError } from '@posthorn/embedded-redis';

const remedies: Record<string, string> = {
  ENOSPC: 'its disk is full; free some space and start again',
  EDQUOT: 'the disk quota of this user is used up; free some space and start again',
  EROFS: 'it is on a read-only file system; set another directory',
  EACCES: 'this user may not write there; set another directory',
  EPERM: 'this user may not write there; set another directory',
  ENOTDIR: 'a part of its path is no directory; set another directory',
  EEXIST: 'it is no directory; set another directory',
  ENOENT: 'it is a link to nothing, or no directory can be made there; set another directory',
  ELOOP: 'its links lead in a circle; set another directory',
  EISDIR: 'it is a directory where a file belongs; remove it and start again',
  ENAMETOOLONG: 'its path is too long; set another directory',
};

/**
 * Turns a fault that the person at the terminal can end, such as a full disk or a missing Redis, into one sentence.
 *
 * @param dataDir is named when the error itself names no path
 * @throws {ConfigurationError}, or the error itself when it is a defect of posthorn
 */
export function rethrowExplained(error: unknown, dataDir = 'the data directory'): never {
  if ([DataDirInUseError, EmbeddedRedisError, NoRedisServerError].some((kind) => error instanceof kind)) {
    throw new ConfigurationError((error as Error).message);
  }
  // Of two paths, the first is that of a draft.
  const { code = '', path = dataDir, dest = path } = error as NodeJS.ErrnoException & { dest?: string };
  const remedy = remedies[code];
  throw remedy ? new ConfigurationError(`POSTHORN_DATA_DIR: ${dest} cannot be used: ${remedy} (${code}).`) : error;
}
