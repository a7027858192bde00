// `npm run test:clients [javascript|python|go...]`: every call of the official client packages, from their registries,
// and a workflow with the official Python package, against the running system.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startSystem, testToken, type TestSystem } from '@posthorn/testkit';
import type * as Qstash from '@upstash/qstash';
import { callAll } from './javascript/call-all.ts';

/** The last version of each minor that is in use. */
const javascriptVersions = ['2.5.5', '2.6.5', '2.7.23', '2.8.4', '2.9.1', '2.10.1', '2.11.3', '2.12.0'];
/** The client that the contract describes, and what serves workflows. */
const pythonPackages = ['qstash==3.4.0', 'upstash-workflow==2.0.0', 'fastapi==0.165.0', 'uvicorn==0.54.0'];
const sources = join('packages', 'system-tests', 'src', 'clients');

interface Result {
  passed: number;
  failed: number;
}

const clients: Record<string, (folder: string, system: TestSystem) => Promise<Result> | Result> = {
  javascript: runJavaScript,
  python: runPython,
  go: runGo,
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in clients));
if (unknown.length > 0) {
  console.error(`unknown client ${unknown.join(', ')}: choose from ${Object.keys(clients).join(', ')}`);
  process.exit(2);
}
const total = { passed: 0, failed: 0 };
for (const [name, run] of Object.entries(clients)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const folder = mkdtempSync(join(tmpdir(), `posthorn-${name}-`));
  const system = await startSystem();
  try {
    const { passed, failed } = await run(folder, system);
    total.passed += passed;
    total.failed += failed;
  } catch (error) {
    total.failed += 1;
    console.log(`FAILED ${name}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await system.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function runJavaScript(folder: string, system: TestSystem): Promise<Result> {
  const packages = javascriptVersions.map((version) => `q${version}@npm:@upstash/qstash@${version}`);
  writeFileSync(join(folder, 'package.json'), '{}');
  execute('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], folder);
  const { resolve } = createRequire(join(folder, 'package.json'));
  const result = { passed: 0, failed: 0 };
  for (const version of javascriptVersions) {
    const client = (await import(pathToFileURL(resolve(`q${version}`)).href)) as typeof Qstash;
    for (const { name, error } of await callAll(client, version, system)) {
      result[error === undefined ? 'passed' : 'failed'] += 1;
      console.log(
        error === undefined ? `ok     JavaScript ${version} ${name}` : `FAILED JavaScript ${version} ${name}`,
      );
      if (error !== undefined) console.log(error);
    }
  }
  return result;
}

function runPython(folder: string, { api }: TestSystem): Result {
  const python = join(folder, 'bin', 'python');
  execute('python3', ['-m', 'venv', folder]);
  execute(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...pythonPackages]);
  const result = { passed: 0, failed: 0 };
  for (const script of ['calls.py', 'workflow.py']) {
    const { passed, failed } = count(python, [join(sources, 'python', script), api.url, testToken]);
    result.passed += passed;
    result.failed += failed;
  }
  return result;
}

function runGo(folder: string, { api }: TestSystem): Result {
  cpSync(join(sources, 'go'), folder, { recursive: true });
  execute('go', ['build', '-o', 'calls', '.'], folder);
  return count(join(folder, 'calls'), [api.url, testToken]);
}

function execute(command: string, args: string[], folder = process.cwd()): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** Runs a program that prints a line that starts with `ok` or `FAILED` for each of its cases. */
function count(command: string, args: string[]): Result {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8' });
  process.stdout.write(stdout + stderr);
  const passed = stdout.match(/^ok /gm)?.length ?? 0;
  const failed = stdout.match(/^FAILED /gm)?.length ?? 0;
  return { passed, failed: status === 0 ? failed : Math.max(1, failed) };
}
