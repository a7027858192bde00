import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { createLimit } from './arguments.ts';
import { Failure } from './failure.ts';

/** Which entries a command is about: those named, those that match filters, or all. */
export interface ManyOptions {
  all?: boolean;
  yes?: boolean;
  limit: number;
}

export function addMany(command: Command): Command {
  return command.option('--all', 'all of them').option('--yes', 'do not ask before `--all`').addOption(createLimit());
}

/** Requires exactly one selection, and a confirmation for `--all`. */
export async function checkMany(
  ids: string[],
  filter: object | undefined,
  { all, yes }: ManyOptions,
  question: string,
): Promise<void> {
  const ways = [ids.length > 0, filter !== undefined, all].filter(Boolean).length;
  if (ways !== 1) throw new Failure('Give ids, or filters such as --label, or --all: one of the three.', 2);
  if (!all || yes) return;
  if (!process.stdin.isTTY) throw new Failure('--all needs --yes when standard input is not a terminal.', 2);
  if (!(await askWhether(question))) throw new Failure('Nothing was done.', 1);
}

/** Asks a question. Closing the terminal counts as no. */
async function askWhether(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new AbortController();
  terminal.once('close', () => closed.abort());
  const answer = await terminal.question(`${question} [y/N] `, { signal: closed.signal }).catch(() => '');
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Splits a list into lists of at most `size` items. */
export function chunk<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}
