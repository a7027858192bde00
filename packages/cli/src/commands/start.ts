import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { requireCheckout } from '../checkout.ts';

export function addStart(command: Command): void {
  command.action(async () => {
    const root = requireCheckout('start');
    // From here on this process is `npm start`, with the same data directory.
    process.chdir(root);
    await import(pathToFileURL(join(root, 'scripts/start.mjs')).href);
  });
}
