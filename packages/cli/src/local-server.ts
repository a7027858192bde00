import { open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { findCheckout, isCheckout, readEnvFile } from './checkout.ts';
import { isTrustedOwner } from './owner.ts';
import { isThisMachine } from './this-machine.ts';

/** What the data directory of `npm start` says. */
export interface LocalServer {
  /** Where the server runs; `undefined` when none does. */
  url?: string | undefined;
  token: string;
  /** The file with the token. */
  file: string;
}

/**
 * Finds the server that `npm start` runs on this machine, else the token that it will use: in the named data directory,
 * or in that of the current folder, of a folder above, or of the checkout that this program belongs to.
 */
export async function findLocalServer(dataDir: string | undefined): Promise<LocalServer | undefined> {
  for (const folder of dataDir ? [resolve(dataDir)] : listDataDirs()) {
    const found = await readServer(join(folder, 'server.json')).then((server) => server ?? readCredentials(folder));
    if (found) return found;
  }
  return undefined;
}

function listDataDirs(): string[] {
  const folders: string[] = [];
  for (let folder = resolve(); ; folder = dirname(folder)) {
    folders.push(...listDataDirsOf(folder));
    if (folder === dirname(folder)) break;
  }
  const checkout = findCheckout();
  return checkout ? [...folders, ...listDataDirsOf(checkout)] : folders;
}

function listDataDirsOf(folder: string): string[] {
  const named = isCheckout(folder) ? readEnvFile(folder)['POSTHORN_DATA_DIR'] : undefined;
  return [...(named ? [resolve(folder, named)] : []), join(folder, 'data')];
}

/** Only files of ours: others may have the same name. A token is sent to the URL, which must be on this machine. */
async function readServer(file: string): Promise<LocalServer | undefined> {
  const { url, token, pid } = await readJson(file);
  return typeof url === 'string' && isThisMachine(url) && typeof token === 'string' && typeof pid === 'number'
    ? { url, token, file }
    : undefined;
}

async function readCredentials(folder: string): Promise<LocalServer | undefined> {
  const file = join(folder, 'credentials.json');
  const { token, currentSigningKey } = await readJson(file);
  return typeof token === 'string' && typeof currentSigningKey === 'string' ? { token, file } : undefined;
}

/** An empty object unless the file is JSON that only this user or root can have written: anyone may write to `/tmp`. */
async function readJson(file: string): Promise<Record<string, unknown>> {
  const handle = await open(file).catch(() => undefined);
  try {
    const stats = await handle?.stat();
    if (!handle || !stats || !isTrusted(stats)) return {};
    return JSON.parse(await handle.readFile('utf8')) as Record<string, unknown>;
  } catch {
    return {};
  } finally {
    await handle?.close();
  }
}

/** Windows has neither owners nor such modes. */
function isTrusted({ uid, mode }: { uid: number; mode: number }): boolean {
  return process.getuid === undefined || (isTrustedOwner(uid) && (mode & 0o022) === 0);
}
