// Installs what is missing and builds what is stale. Plain Node.js: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = join(root, 'node_modules', '.posthorn.json');

/** Prepares the checkout; says nothing when there is nothing to do. Ends the process with one sentence if it cannot. */
export function setUp() {
  requireNode();
  const stamp = readStamp();
  const installed = hashFiles(manifests());
  const isInstalled = stamp.installed === installed && existsSync(findTool('turbo'));
  if (!isInstalled) {
    say('installing dependencies');
    install();
    writeStamp({ installed });
  }
  const built = hashFiles(sources());
  if (!isInstalled || stamp.built !== built || !packages().every(isBuilt)) {
    say('building');
    run(findTool('turbo'), ['run', 'build', '--output-logs=errors-only'], 'The build failed');
    writeStamp({ installed, built });
  }
  linkCommand();
}

/** The environment in which the tools of the project are found, keep quiet and ask nothing. */
export function toolEnvironment() {
  const path = join(root, 'node_modules/.bin') + delimiter + (process.env.PATH ?? '');
  const quiet = { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1', DO_NOT_TRACK: '1' };
  return { ...process.env, PATH: path, ...quiet };
}

/** What takes a while, or has gone wrong. Standard output belongs to the program that is started afterwards. */
export function say(text) {
  process.stderr.write(`posthorn: ${text}\n`);
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`posthorn needs Node.js 20.19 or newer, this is ${process.versions.node}; install a newer one.`);
}

function install() {
  const version = /^\s+pnpm: (\S+)/m.exec(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8'))?.[1];
  // The tools are development dependencies, whatever NODE_ENV says.
  const args = ['install', '--frozen-lockfile', '--prod=false', '--reporter=append-only'];
  if (existsSync(findTool('pnpm')) && run(findTool('pnpm'), args) === 0) return;
  run('npx', ['--yes', `pnpm@${version}`, ...args], 'Installing the dependencies failed');
}

/**
 * So that `npx posthorn` works here. As a dependency of the root, the command line would be part of what every package
 * is built from.
 */
function linkCommand() {
  if (existsSync(findTool('posthorn'))) return;
  try {
    symlinkSync('../../packages/cli/bin/posthorn.js', findTool('posthorn'));
  } catch (error) {
    say(`npx posthorn will not work, pnpm posthorn does (${error.message})`);
  }
}

/** Gives the exit status; with `failure`, ends the process if that is not 0. */
function run(command, args, failure) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    // CI stands for: ask nobody.
    env: { ...toolEnvironment(), CI: 'true' },
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0 && failure) fail(`${failure}${error ? ` (${error.message})` : '; see the lines above'}.`);
  return status;
}

function findTool(name) {
  return join(root, 'node_modules/.bin', name);
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
}

function writeStamp(stamp) {
  writeFileSync(stampFile, JSON.stringify(stamp));
}

function packages() {
  return ['apps', 'packages', 'examples'].flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder))
          .map((name) => join(folder, name))
          .filter((path) => existsSync(join(root, path, 'package.json')))
      : [],
  );
}

function isBuilt(path) {
  const { scripts } = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
  return !scripts?.build || existsSync(join(root, path, 'dist'));
}

function manifests() {
  return [
    'package.json',
    'pnpm-workspace.yaml',
    'pnpm-lock.yaml',
    ...packages().map((path) => join(path, 'package.json')),
  ];
}

function sources() {
  const own = ['src', 'scripts'];
  return [
    'tsconfig.base.json',
    'turbo.json',
    ...manifests(),
    ...packages().flatMap((path) => [
      join(path, 'tsconfig.build.json'),
      join(path, 'rollup.config.mjs'),
      ...own.flatMap((folder) => listFiles(join(path, folder))),
    ]),
  ];
}

function listFiles(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => !/\.test\.tsx?$/.test(path) && statSync(join(root, path)).isFile());
}

function hashFiles(paths) {
  // Native modules are made for one version of Node.js.
  const hash = createHash('sha256').update(process.versions.modules);
  for (const path of paths.toSorted()) {
    if (existsSync(join(root, path))) hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  }
  return hash.digest('hex');
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) setUp();
