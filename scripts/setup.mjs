// Installs what is missing and builds what is stale. Plain Node.js: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = join(root, 'node_modules', '.posthorn.json');

/** Prepares the checkout; says nothing when there is nothing to do. Ends the process with one sentence if it cannot. */
export function setUp() {
  requireNode();
  const stamp = readStamp();
  const installed = hashFiles(manifests());
  if (stamp.installed !== installed) {
    say('installing dependencies');
    install();
  }
  const built = hashFiles(sources());
  if (stamp.installed !== installed || stamp.built !== built || !existsSync(join(root, 'apps/local/dist/main.js'))) {
    say('building');
    run(join(root, 'node_modules/.bin/turbo'), ['run', 'build', '--output-logs=errors-only'], 'The build failed');
  }
  if (stamp.installed !== installed || stamp.built !== built)
    writeFileSync(stampFile, JSON.stringify({ installed, built }));
}

/** The environment in which the tools of the project are found and keep quiet. */
export function toolEnvironment() {
  const path = join(root, 'node_modules/.bin') + delimiter + (process.env.PATH ?? '');
  return {
    ...process.env,
    PATH: path,
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
  };
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`posthorn needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
}

function install() {
  const version = /^\s+pnpm: (\S+)/m.exec(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8'))?.[1];
  const args = ['install', '--frozen-lockfile', '--reporter=append-only'];
  const own = join(root, 'node_modules/.bin/pnpm');
  if (existsSync(own) && run(own, args) === 0) return;
  run('npx', ['--yes', `pnpm@${version}`, ...args], 'Installing the dependencies failed');
}

function run(command, args, failure) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env: { ...toolEnvironment(), CI: 'true' },
    // Progress goes to standard error; standard output belongs to the program that is started afterwards.
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0 && failure) fail(`${failure}${error ? ` (${error.message})` : '; see the lines above'}.`);
  return status;
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
}

function workspaces() {
  return ['apps', 'packages', 'examples'].flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder))
          .map((name) => join(folder, name))
          .filter((path) => existsSync(join(root, path, 'package.json')))
      : [],
  );
}

function manifests() {
  return [
    'package.json',
    'pnpm-workspace.yaml',
    'pnpm-lock.yaml',
    ...workspaces().map((path) => join(path, 'package.json')),
  ];
}

function sources() {
  const files = (folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder), { recursive: true })
          .map((name) => join(folder, String(name)))
          .filter((path) => statSync(join(root, path)).isFile())
      : [];
  return [
    'tsconfig.base.json',
    'turbo.json',
    ...manifests(),
    ...workspaces().flatMap((path) => [
      join(path, 'tsconfig.build.json'),
      ...files(join(path, 'src')),
      ...files(join(path, 'scripts')),
    ]),
  ];
}

function hashFiles(paths) {
  const hash = createHash('sha256').update(process.versions.modules);
  for (const path of paths.sort())
    if (existsSync(join(root, path))) hash.update(path).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

function say(text) {
  process.stderr.write(`posthorn: ${text}\n`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
