import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the command line has to know of a running server. */
export interface ServerFacts {
  url: string;
  token: string;
}

/**
 * Writes `server.json` into the data directory, so that `posthorn` finds the running server: its URL, and the token that
 * it accepts, which may come from the environment. Only its owner can read it; the returned function removes it.
 */
export function writeServerFile(dataDir: string, facts: ServerFacts): () => void {
  const file = join(dataDir, 'server.json');
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, `${JSON.stringify({ ...facts, pid: process.pid }, null, 2)}\n`, { mode: 0o600 });
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(file, { force: true });
}
