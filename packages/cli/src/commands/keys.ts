import type { SigningKeyPair } from '@posthorn/sdk';
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import type { Output } from '../output/output.ts';

interface Options {
  show?: boolean;
}

export function addKeys(command: Command, act: Act): void {
  const show = ['--show', 'show them also on a terminal, where others may look on'] as const;
  command
    .command('get')
    .description('print the keys that receivers need')
    .option(...show)
    .action(
      act(async ({ client, output }, options: Options) => {
        printKeys(output, await client.keys.get(), options);
      }),
    );

  command
    .command('rotate')
    .description('make the next key the current one, and a new next key')
    .option(...show)
    .action(
      act(async ({ client, output }, options: Options) => {
        printKeys(output, await client.keys.rotate(), options);
        output.note('tell the receivers before you rotate again: after that, the keys they have are worth nothing');
      }),
    );
}

function printKeys(output: Output, { current, next }: SigningKeyPair, { show }: Options): void {
  const isHidden = output.isTerminal && !show;
  const write = (key: string) => (isHidden ? `${key.slice(0, 'sig_'.length)}…` : key);
  output.fields({ current: write(current), next: write(next) });
  if (isHidden) output.note('--show prints the keys in full');
}
