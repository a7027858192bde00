import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually, findFreePort, findServer, startApp } from '@posthorn/testkit';
import { isPrinted } from './is-printed.ts';
import type { Block, Command } from './read-page.ts';
import { startShell, type Shell } from './shell.ts';

/** What a page says that is not so; `line` is in the page. */
export interface Fault {
  line: number;
  text: string;
}

const retryMs = 30_000;
/** Commands that change nothing: what they show may come a moment later. */
const reading =
  /^\s*(npx )?posthorn (status|logs|(dlq|queue|schedule|topic|flow) (list|get)|message get)|^curl (?!.*(-X|-d|--data))/;

/**
 * Runs the blocks of a page in a shell, in a folder of their own, against a posthorn of their own. The ports 8080 and
 * 3000 of the page become free ones.
 */
export async function runPage(blocks: readonly Block[]): Promise<Fault[]> {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-docs-'));
  const [port, destination] = [await findFreePort(), await findFreePort()];
  const ports: [string, string][] = [
    ['8080', String(port)],
    ['3000', String(destination)],
  ];
  const dataDir = join(folder, 'data');
  const env = await prepare(folder, dataDir);
  const server = startApp('local', { ...env, PORT: String(port) });
  try {
    await eventually(() => server.output().includes('Ctrl-C stops everything'), 120_000);
    const work = join(folder, 'work');
    mkdirSync(work);
    const shell = startShell(work, env);
    const faults: Fault[] = [];
    for (const { commands } of blocks) {
      for (const command of commands) {
        const text = await findFault(shell, command, ports);
        if (text !== undefined) faults.push({ line: command.line, text });
      }
    }
    await shell.stop();
    return faults;
  } finally {
    await server.end('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function findFault(
  shell: Shell,
  { text, printed }: Command,
  ports: [string, string][],
): Promise<string | undefined> {
  const command = ports.reduce((all, [shown, real]) => all.replace(new RegExp(`\\b${shown}\\b`, 'g'), real), text);
  const deadline = performance.now() + retryMs;
  for (;;) {
    const result = await shell.run(command);
    if (!result) return `${text}\ndid not end`;
    const output = ports.reduce((all, [shown, real]) => all.replaceAll(real, shown), result.output);
    if (printed) {
      if (isPrinted(printed, output)) return undefined;
      if (reading.test(text) && performance.now() < deadline) continue;
      return `${text}\nprinted\n${output}\ninstead of\n${printed.join('\n')}`;
    }
    return result.status === 0 ? undefined : `${text}\nended with ${result.status}\n${output}`;
  }
}

/** Programs and variables that the commands find. */
async function prepare(folder: string, dataDir: string): Promise<Record<string, string>> {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const { command, args } = await findServer();
  const program = (name: string, line: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  program('redis-server', `exec ${[command, ...args].map((word) => `'${word}'`).join(' ')} "$@"`);
  program('posthorn', `exec '${process.execPath}' '${resolve('packages/cli/bin/posthorn.js')}' "$@"`);
  program('npx', `[ "$1" = posthorn ] || exit 1; shift; exec '${bin}/posthorn' "$@"`);
  // Where pages say that the checkout is; what is installed globally goes below the folder, too.
  symlinkSync(resolve(), join(folder, 'posthorn'));
  // A request that is refused is a fault; its progress is none of the output.
  writeFileSync(join(folder, '.curlrc'), 'silent\nshow-error\nfail-with-body\n');
  const certificates = process.env['NODE_EXTRA_CA_CERTS'];
  return {
    // The registry may lie behind a proxy that has certificates of its own.
    ...(certificates ? { NODE_EXTRA_CA_CERTS: certificates } : {}),
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    TZ: 'UTC',
    POSTHORN_DATA_DIR: dataDir,
    npm_config_prefix: join(folder, 'global'),
    npm_config_update_notifier: 'false',
  };
}
