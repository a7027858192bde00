import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import { Failure } from './failure.ts';

export interface BodyOptions {
  body?: string | undefined;
  bodyFile?: string | undefined;
}

export function addBody(command: Command): Command {
  return command
    .option('-d, --body <text>', 'body of the message')
    .option('-f, --body-file <file>', 'file with the body; - is standard input');
}

const patienceMs = 2000;

/**
 * The body as it was given, else what comes on standard input, if that is no terminal. Always bytes: text would get a
 * content type by itself.
 *
 * @throws {Failure}
 */
export async function readBody(
  { body, bodyFile }: BodyOptions,
  note: (text: string) => void,
): Promise<Uint8Array | undefined> {
  if (body !== undefined && bodyFile !== undefined) throw new Failure('Use --body or --body-file, not both.', 2);
  if (body !== undefined) return Buffer.from(body);
  if (bodyFile !== undefined && bodyFile !== '-') {
    return readFile(bodyFile).catch((error: unknown) => {
      throw new Failure(`The body cannot be read: ${(error as Error).message}.`, 2);
    });
  }
  if (process.stdin.isTTY && bodyFile === undefined) return undefined;
  const timer = setTimeout(() => note('reading the body from standard input; --body "" sends none'), patienceMs);
  return buffer(process.stdin).finally(() => clearTimeout(timer));
}
