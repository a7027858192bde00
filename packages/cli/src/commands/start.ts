import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { Failure } from '../failure.ts';

export function addStart(command: Command): void {
  command.action(async () => {
    const root = findCheckout(resolve()) ?? findCheckout(dirname(fileURLToPath(import.meta.url)));
    if (!root) {
      throw new Failure(
        '`posthorn start` needs a checkout of posthorn: run it there, or run the image with Docker.',
        1,
      );
    }
    // From here on this process is `npm start`, with the same data directory.
    process.chdir(root);
    await import(pathToFileURL(join(root, 'scripts/start.mjs')).href);
  });
}

/** The checkout that a folder is in. */
function findCheckout(folder: string): string | undefined {
  if (existsSync(join(folder, 'scripts/start.mjs')) && readName(folder) === 'posthorn') return folder;
  return folder === dirname(folder) ? undefined : findCheckout(dirname(folder));
}

function readName(folder: string): unknown {
  try {
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }).name;
  } catch {
    return undefined;
  }
}
