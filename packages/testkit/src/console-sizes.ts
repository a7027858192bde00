import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** What a browser loads of the console, in bytes of gzip. */
export interface ConsoleSizes {
  /** Scripts before the first page is usable. */
  initialScripts: number;
  /** All scripts. */
  scripts: number;
  styles: number;
}

/** At most so much is allowed. */
export const consoleBudgets: ConsoleSizes = { initialScripts: 60 * 1024, scripts: 150 * 1024, styles: 15 * 1024 };

/** Measures the built console in a checkout. */
export function measureConsole(root: string): ConsoleSizes {
  const dist = join(root, 'apps/console/dist');
  const page = readFileSync(join(dist, 'index.html'), 'utf8');
  const names = readdirSync(join(dist, 'assets'));
  const sum = (isMeant: (name: string) => boolean) =>
    names.filter(isMeant).reduce((total, name) => total + gzipSync(readFileSync(join(dist, 'assets', name))).length, 0);
  return {
    initialScripts: sum((name) => name.endsWith('.js') && page.includes(name)),
    scripts: sum((name) => name.endsWith('.js')),
    styles: sum((name) => name.endsWith('.css')),
  };
}
