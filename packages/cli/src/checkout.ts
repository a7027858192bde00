import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { Failure } from './failure.ts';

/** The checkout of posthorn that the current folder is in, else the one that this program belongs to. */
export function findCheckout(): string | undefined {
  return findAbove(resolve()) ?? findAbove(dirname(fileURLToPath(import.meta.url)));
}

/** @throws {Failure} when there is no checkout, which the named command needs */
export function requireCheckout(command: string): string {
  const root = findCheckout();
  if (root) return root;
  throw new Failure(
    `\`posthorn ${command}\` needs a checkout of posthorn: run it there, or run the image with Docker.`,
    1,
  );
}

/** What `.env` of a checkout sets; `npm start` reads it too. */
export function readEnvFile(root: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(join(root, '.env'), 'utf8'));
  } catch {
    return {};
  }
}

/** Whether a folder is the root of a checkout. */
export function isCheckout(folder: string): boolean {
  return existsSync(join(folder, 'scripts/start.mjs')) && readName(folder) === 'posthorn';
}

function findAbove(folder: string): string | undefined {
  if (isCheckout(folder)) return folder;
  return folder === dirname(folder) ? undefined : findAbove(dirname(folder));
}

function readName(folder: string): unknown {
  try {
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }).name;
  } catch {
    return undefined;
  }
}
