import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { lstat, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { ConfigurationError } from '@posthorn/process';
import { z } from 'zod';

const run = promisify(execFile);

/** The names in an archive; there is nothing else in it. */
export const archived = { manifest: 'manifest.json', snapshot: 'dump.rdb', credentials: 'credentials.json' } as const;

/** What an archive says of itself. */
export const Manifest = z.object({
  format: z.literal(1),
  createdAt: z.iso.datetime(),
  /** SHA-256 of each file, in hex. */
  sha256: z.strictObject({ [archived.snapshot]: z.string(), [archived.credentials]: z.string().optional() }),
});
export type Manifest = z.infer<typeof Manifest>;

/**
 * Packs files of a folder into a new archive that only its owner can read, and waits until it is on disk.
 *
 * @throws when the file exists or cannot be written
 */
export async function pack(file: string, folder: string, names: readonly string[]): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    const tar = spawn('tar', ['-czf', '-', '-C', folder, ...names], { stdio: ['ignore', handle.fd, 'pipe'] });
    let complaint = '';
    tar.stderr?.on('data', (text: Buffer) => (complaint += text.toString()));
    const [status] = (await once(tar, 'close')) as [number];
    if (status !== 0) throw new ConfigurationError(`${file} cannot be written: ${complaint.trim()}`);
    await handle.sync();
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Unpacks the files that an archive must and may have into a folder, and nothing but files: a link would let an archive
 * read and change what is elsewhere.
 *
 * @throws {ConfigurationError} when it is not an archive of ours
 */
export async function unpack(file: string, folder: string): Promise<void> {
  try {
    const { stdout } = await run('tar', ['-tzf', file]);
    const names = stdout.split('\n').filter((name) => (Object.values(archived) as string[]).includes(name));
    await run('tar', ['-xzf', file, '--no-same-owner', '-C', folder, archived.manifest, archived.snapshot]);
    if (names.includes(archived.credentials)) {
      await run('tar', ['-xzf', file, '--no-same-owner', '-C', folder, archived.credentials]);
    }
    for (const name of new Set([archived.manifest, archived.snapshot, ...names])) {
      const stats = await lstat(join(folder, name));
      if (!stats.isFile() || stats.nlink !== 1) throw new Error(`${name} in it is not a plain file`);
    }
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    throw new ConfigurationError(`${file} is not a backup of posthorn: ${stderr.trim().split('\n')[0] || message}`);
  }
}

/** SHA-256 of a file, in hex. */
export async function hashFile(file: string): Promise<string> {
  const handle = await open(file);
  const hash = createHash('sha256');
  await pipeline(handle.createReadStream(), hash);
  return hash.digest('hex');
}

/** SHA-256 of a file inside of an archive, in hex. */
export async function hashArchived(file: string, name: string): Promise<string> {
  const tar = spawn('tar', ['-xzOf', file, name], { stdio: ['ignore', 'pipe', 'ignore'] });
  const hash = createHash('sha256');
  await pipeline(tar.stdout, hash);
  return hash.digest('hex');
}

/**
 * Compares the files of an unpacked archive with its manifest.
 *
 * @throws {ConfigurationError} when one is missing, damaged, or not in the manifest
 */
export async function requireIntact(folder: string, { sha256 }: Manifest): Promise<void> {
  const unpacked = (await readdir(folder)).filter((name) => name !== archived.manifest);
  const hashes: Record<string, string | undefined> = sha256;
  for (const name of new Set([...unpacked, ...Object.keys(hashes)])) {
    const found = await hashFile(join(folder, name)).catch(() => 'missing');
    if (found !== hashes[name]) throw new ConfigurationError(`The backup is damaged: ${name} is not what was saved.`);
  }
}
