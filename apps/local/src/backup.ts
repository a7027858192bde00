import { access, chmod, copyFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigurationError, makeDirectory } from '@posthorn/process';
import { loadSnapshot, requireUnusedDataDir, saveSnapshot } from '@posthorn/embedded-redis';
import { archived, hashArchived, hashFile, Manifest, pack, requireIntact, unpack } from './archive.ts';
import { rethrowExplained } from './explain.ts';

/** What `posthorn backup` and `posthorn restore` work on. */
export interface BackupOptions {
  /** The data directory of `npm start`. */
  dataDir: string;
  /** The archive. */
  file: string;
  /** Refused when set: then the messages are not in the data directory. */
  redisUrl?: string | undefined;
  log: (text: string) => void;
}

/** What was saved or restored. */
export interface BackupResult {
  createdAt: string;
  /** Whether the archive holds the token and the signing keys. */
  hasCredentials: boolean;
}

/**
 * Saves a data directory, of a running `npm start` or a stopped one, into one archive: all of Redis, the token and the
 * signing keys. What was accepted before the call is in it. The archive is read again before this resolves.
 *
 * @throws {ConfigurationError} one sentence that says what to do
 */
export async function backUp({ dataDir, file, redisUrl, log }: BackupOptions): Promise<BackupResult> {
  requireEmbedded(redisUrl);
  process.umask(0o077);
  if (await exists(file)) throw new ConfigurationError(`${file} exists already; choose another name.`);
  if (!(await exists(join(dataDir, 'redis')))) {
    throw new ConfigurationError(`${resolve(dataDir)} is not the data directory of a posthorn: nothing to back up.`);
  }
  const draft = await mkdtemp(join(dataDir, 'backup.')).catch(rethrowExplained);
  let isWritten = false;
  try {
    await saveSnapshot(dataDir, join(draft, archived.snapshot), log);
    const hasCredentials = await exists(join(dataDir, archived.credentials));
    if (hasCredentials) await copyFile(join(dataDir, archived.credentials), join(draft, archived.credentials));

    const names = hasCredentials ? [archived.snapshot, archived.credentials] : [archived.snapshot];
    const hashOf = (name: string) => hashFile(join(draft, name));
    const sha256: Manifest['sha256'] = {
      [archived.snapshot]: await hashOf(archived.snapshot),
      ...(hasCredentials ? { [archived.credentials]: await hashOf(archived.credentials) } : {}),
    };
    const manifest: Manifest = { format: 1, createdAt: new Date().toISOString(), sha256 };
    await writeFile(join(draft, archived.manifest), `${JSON.stringify(manifest, null, 2)}\n`);

    await pack(file, draft, [archived.manifest, ...names]);
    isWritten = true;
    for (const name of names) {
      if ((await hashArchived(file, name)) !== sha256[name]) {
        throw new ConfigurationError(`${file} does not hold what was written: its disk is damaged or full.`);
      }
    }
    return { createdAt: manifest.createdAt, hasCredentials };
  } catch (error) {
    if (isWritten) await rm(file, { force: true });
    return rethrowExplained(error, dataDir);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * Creates a data directory from an archive. The directory must not exist, or must be empty.
 *
 * @throws {ConfigurationError} one sentence that says what to do; then the directory is as it was
 */
export async function restore({ dataDir, file, redisUrl, log }: BackupOptions): Promise<BackupResult> {
  requireEmbedded(redisUrl);
  process.umask(0o077);
  if (!(await exists(file))) throw new ConfigurationError(`${file} does not exist.`);
  await requireEmpty(dataDir);
  await makeDirectory(dataDir, 0o700).catch(rethrowExplained);
  const draft = await mkdtemp(join(dataDir, 'restore.')).catch(rethrowExplained);
  try {
    await unpack(file, draft);
    const manifest = await readManifest(join(draft, archived.manifest), file);
    await requireIntact(draft, manifest);
    await loadSnapshot(dataDir, join(draft, archived.snapshot), log);
    // Last: a directory without credentials is not complete.
    const hasCredentials = archived.credentials in manifest.sha256;
    if (hasCredentials) {
      await chmod(join(draft, archived.credentials), 0o600);
      await rename(join(draft, archived.credentials), join(dataDir, archived.credentials));
    }
    return { createdAt: manifest.createdAt, hasCredentials };
  } catch (error) {
    await rm(join(dataDir, 'redis'), { recursive: true, force: true });
    return rethrowExplained(error, dataDir);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

function requireEmbedded(redisUrl: string | undefined): void {
  if (!redisUrl) return;
  throw new ConfigurationError(
    'REDIS_URL: this posthorn keeps its messages in a Redis of yours; back that one up (docs/operations.md#backup), ' +
      'or unset REDIS_URL to work on the data directory.',
  );
}

/** A redis-server that was unpacked there does not count: it is not data. */
async function requireEmpty(dataDir: string): Promise<void> {
  if (!(await exists(dataDir))) return;
  try {
    requireUnusedDataDir(resolve(dataDir));
  } catch (error) {
    rethrowExplained(error);
  }
  const names = (await readdir(dataDir).catch(rethrowExplained)).filter((name) => name !== 'redis-server');
  if (names.length === 0) return;
  throw new ConfigurationError(
    `POSTHORN_DATA_DIR: ${resolve(dataDir)} is not empty (${names.slice(0, 3).join(', ')}); ` +
      'restore into a new directory, or move this one away.',
  );
}

async function readManifest(path: string, file: string): Promise<Manifest> {
  const result = Manifest.safeParse(parseJson(await readFile(path, 'utf8')));
  if (result.success) return result.data;
  throw new ConfigurationError(`${file} is a backup of another version of posthorn; restore it with that version.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
