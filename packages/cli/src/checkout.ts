import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { Failure } from './failure.ts';
import { isTrustedOwner } from './owner.ts';

/**
 * The checkout of posthorn that the current folder is in, else the one that this program belongs to. What a checkout
 * contains is run, so that one of another user does not count: anyone may put one into `/tmp`.
 */
export function findCheckout(): string | undefined {
  const current = findAbove(resolve());
  return current !== undefined && isOwn(current) ? current : findAbove(dirname(fileURLToPath(import.meta.url)));
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

function isOwn(folder: string): boolean {
  const parts = ['.', 'package.json', 'scripts', 'scripts/start.mjs'];
  return parts.every((name) => isTrustedOwner(lstatSync(join(folder, name)).uid));
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
