// `npm run test:frameworks [folder...] [--may-not-run]`: the packed SDK in real applications, installed from the registry,
// built, started, and sent deliveries by a running posthorn, and forgeries. Prints a table with versions. Applications that
// cannot be installed fail it, unless the flag accepts them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { startSystem } from '@posthorn/testkit';
import { applications, type Application } from './applications.ts';
import { deliver, deliveries, deliverRotated, rotatedKey, type Faults } from './deliveries.ts';
import { forge, forgeryKinds } from './forgeries.ts';
import { install } from './running.ts';
import { decideStatus, writeTable, type Row } from './table.ts';

/** Some frameworks need a newer Node.js than posthorn. */
const nodeVersion = '24.22.3';

const flag = '--may-not-run';
const mayNotRun = process.argv.includes(flag);
const wanted = process.argv.slice(2).filter((name) => name !== flag);
const scratch = mkdtempSync(join(tmpdir(), 'posthorn-frameworks-'));
const system = await startSystem();
const rows: Row[] = [];
try {
  const tarball = pack();
  const tools = installNode();
  for (const application of applications) {
    if (wanted.length > 0 && !wanted.includes(application.folder)) continue;
    rows.push(...(await test(application, tarball, tools)));
  }
} finally {
  await system.stop();
  rmSync(scratch, { recursive: true, force: true });
}
console.log(writeTable(rows));
process.exitCode = decideStatus(rows, mayNotRun);

/** One application at a time: together they would take gigabytes. */
async function test(application: Application, tarball: string, tools: string): Promise<Row[]> {
  const { routes } = application;
  const row = (title: string, versions: string, result: string, outcome: Row['outcome']): Row => {
    process.stderr.write(`${title}: ${result}\n`);
    return { title, versions, result, outcome };
  };
  let versions = '';
  let installed;
  try {
    installed = await install(application, scratch, tarball, tools);
    versions = installed.versions;
  } catch (error) {
    await rmFolder(application);
    return routes.map(({ title }) => row(title, versions, `not run: ${shorten(error)}`, 'not run'));
  }
  try {
    await installed.build();
    const done: Row[] = [];
    for (const { title, path, except } of routes) {
      const keys = (await (await system.api.call('/v2/keys')).json()) as { current: string; next: string };
      const running = await installed.start(keys);
      try {
        const url = running.origin + path;
        const faults = {
          ...(await deliver(system, url, except)),
          ...(await forge(running, url, keys.current, except)),
          ...(await deliverRotated(system, url)),
        };
        done.push(row(title, versions, describe(faults, except), Object.keys(faults).length > 0 ? 'failed' : 'passed'));
      } finally {
        await running.stop();
      }
    }
    return done;
  } catch (error) {
    return routes.map(({ title }) => row(title, versions, `failed: ${shorten(error)}`, 'failed'));
  } finally {
    await installed.remove();
  }
}

function describe(faults: Faults, except: Record<string, string> = {}): string {
  const kinds = [...Object.keys(deliveries), rotatedKey, ...forgeryKinds].length;
  const notSent = Object.entries(except).map(([kind, reason]) => `${kind} not sent: ${reason}`);
  const failed = Object.entries(faults).map(([kind, fault]) => `${kind}: ${fault}`);
  const passed = kinds - failed.length - notSent.length;
  return [`${passed} of ${kinds} passed`, ...failed, ...notSent].join('; ');
}

/** The line with the error, if there is one; without addresses. */
function shorten(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const from = Math.max(0, text.search(/^.*\b\w*error\b/im));
  const plain = stripVTControlCharacters(text.slice(from)).replace(/https?:\/\/\S+/g, '(address)');
  return plain.replace(/\s+/g, ' ').slice(0, 500);
}

async function rmFolder({ folder }: Application): Promise<void> {
  rmSync(join(scratch, folder), { recursive: true, force: true });
}

/** The SDK as it is published; gives the path of the tarball. */
function pack(): string {
  const destination = join(scratch, 'packed');
  mkdirSync(destination);
  run('npm', ['pack', '--pack-destination', destination], 'packages/sdk');
  return join(destination, readdirSync(destination)[0] ?? '');
}

/** A folder with a `node` of the version above; that of this process where it cannot be had. */
function installNode(): string {
  const folder = join(scratch, 'node');
  const name = `node-${process.platform}-${process.arch}`;
  try {
    mkdirSync(folder);
    run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${nodeVersion}`], folder);
    return join(folder, 'node_modules', name, 'bin');
  } catch (error) {
    process.stderr.write(`Node.js ${nodeVersion} cannot be installed (${shorten(error)})\n`);
    return dirname(process.execPath);
  }
}

function run(command: string, args: string[], cwd: string): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
