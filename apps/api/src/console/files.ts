import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, relative, sep } from 'node:path';

/** A file of the console, in every form in which it is sent. */
export interface ConsoleFile {
  type: string;
  etag: string;
  /** Its name changes with its content, so that a browser need never ask again. */
  isImmutable: boolean;
  plain: Buffer;
  gzip?: Buffer;
  br?: Buffer;
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
};

/**
 * All files of the built console by their path, read once: they are few and small, and a request can name nothing else.
 * Empty when the console was not built.
 */
export function readConsoleFiles(folder = findFolder()): ReadonlyMap<string, ConsoleFile> {
  const files = new Map<string, ConsoleFile>();
  if (folder === undefined || !existsSync(folder)) return files;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    const type = types[extname(name)];
    if (!type || !statSync(path).isFile()) continue;
    const plain = readFileSync(path);
    const readForm = (ending: string) => (existsSync(path + ending) ? readFileSync(path + ending) : undefined);
    const [gzip, br] = [readForm('.gz'), readForm('.br')];
    files.set(relative(folder, path).split(sep).join('/'), {
      type,
      etag: `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`,
      isImmutable: name.startsWith('assets'),
      plain,
      ...(gzip ? { gzip } : {}),
      ...(br ? { br } : {}),
    });
  }
  return files;
}

function findFolder(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve('@posthorn/console/package.json');
    return join(dirname(manifest), 'dist');
  } catch {
    return undefined;
  }
}
