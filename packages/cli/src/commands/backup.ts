import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { readEnvFile, requireCheckout } from '../checkout.ts';
import { readConfig } from '../config.ts';
import { Failure } from '../failure.ts';
import { disarm } from '../output/text.ts';

/** `apps/local/dist/backup.js` of the checkout; the command line does not depend on it. */
interface Local {
  backUp(options: LocalOptions): Promise<LocalResult>;
  restore(options: LocalOptions): Promise<LocalResult>;
}

interface LocalOptions {
  dataDir: string;
  file: string;
  redisUrl: string | undefined;
  log: (text: string) => void;
}

interface LocalResult {
  createdAt: string;
  hasCredentials: boolean;
}

interface Options {
  dataDir?: string;
}

export function addBackup(command: Command): void {
  addArguments(command).action(async (file: string, options: Options) => {
    const { local, ...given } = await readOptions('backup', file, options);
    const { hasCredentials } = await local.backUp(given);
    const secrets = hasCredentials ? ', with the token and the signing keys: keep it like a password' : '';
    print(`Saved ${given.dataDir} to ${file}${secrets}.`);
  });
}

export function addRestore(command: Command): void {
  addArguments(command).action(async (file: string, options: Options) => {
    const { local, ...given } = await readOptions('restore', file, options);
    const { createdAt } = await local.restore(given);
    print(`Restored ${given.dataDir} as it was at ${createdAt}. Start posthorn on it with \`npm start\`.`);
  });
}

function addArguments(command: Command): Command {
  return command
    .argument('<file>', 'the archive')
    .option('--data-dir <folder>', 'the data directory (default: POSTHORN_DATA_DIR, else data in the checkout)');
}

/** Finds the data directory as `npm start` does. */
async function readOptions(
  command: string,
  file: string,
  { dataDir }: Options,
): Promise<LocalOptions & { local: Local }> {
  const root = requireCheckout(command);
  const program = join(root, 'apps/local/dist/backup.js');
  if (!existsSync(program)) throw new Failure('This checkout is not built yet: run `npm start` there once.', 1);
  const config = readConfig();
  const named = readEnvFile(root);
  const ofCheckout = resolve(root, config.dataDir ?? named['POSTHORN_DATA_DIR'] ?? 'data');
  return {
    local: (await import(pathToFileURL(program).href)) as Local,
    file: resolve(file),
    dataDir: dataDir === undefined ? ofCheckout : resolve(dataDir),
    // A data directory that is given means the embedded Redis in it.
    redisUrl: dataDir === undefined ? (config.redisUrl ?? named['REDIS_URL']) : undefined,
    log: (text) => process.stderr.write(`posthorn: ${disarm(text)}\n`),
  };
}

function print(sentence: string): void {
  process.stdout.write(`${disarm(sentence)}\n`);
}
