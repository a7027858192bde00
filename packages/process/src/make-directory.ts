import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a directory, and those above it, unless it exists. `mkdir` of Node.js 20 with `recursive` does the same, but
 * never ends on a file system that has a directory and lets none be made in it, such as `/proc`.
 *
 * @throws the error of the file system
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(path);
    if (code === 'ENOENT' && !existsSync(parent)) {
      await makeDirectory(parent, mode);
      await makeDirectory(path, mode);
    } else if (code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
}
