import type { Command } from 'commander';
import { version } from '../version.ts';

export function addVersion(command: Command): void {
  command.action(() => {
    process.stdout.write(`${version}\n`);
  });
}
