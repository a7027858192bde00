// Installs what is missing and builds what is stale. Plain Node.js: it runs before anything is installed.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runStep, say } from './step.mjs';

export { say };
export const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = join(root, 'node_modules', '.posthorn.json');
/** Packages that only tests need. */
const isTestOnly = (path) => /^(examples\/|packages\/(system-tests|testkit)$)/.test(path);

/** By default, npm and pnpm wait 70 s before they give up on a registry that cannot be reached. */
const shortRetries = Object.fromEntries(
  ['npm_config', 'pnpm_config'].flatMap((tool) => [
    [`${tool}_fetch_retries`, '2'],
    [`${tool}_fetch_retry_mintimeout`, '1000'],
    [`${tool}_fetch_retry_maxtimeout`, '5000'],
  ]),
);

/**
 * Prepares the checkout and prints nothing when there is nothing to do. Ends the process with one sentence on failure.
 *
 * `run` installs and builds what `npm start` needs: no test tools, no types. `all` is for everything else; a checkout
 * that is set up for `all` stays so.
 */
export async function setUp(wanted = 'all') {
  requireNode();
  const stamp = readStamp();
  const scope = stamp.scope === 'all' ? 'all' : wanted;
  const buildable = packages().filter((path) => scope === 'all' || !isTestOnly(path));
  const hasTools = stamp.scope === scope && existsSync(findTool('tsc'));
  const hasPrograms = buildable.every(isBuilt);
  const inputs = [manifests(), sources()];
  // Each start waits for this check, and reading all files takes longer than asking when they have changed.
  const states = hashStates(inputs.flat());
  if (!hasTools || !hasPrograms || stamp.states !== states) {
    const [installed, built] = inputs.map(hashFiles);
    const isInstalled = hasTools && stamp.installed === installed;
    if (!isInstalled) {
      await install(scope);
      writeStamp({ scope, installed });
    }
    if (!isInstalled || !hasPrograms || stamp.built !== built) await build(scope, buildable);
    writeStamp({ scope, installed, built, states });
  }
  linkCommand();
}

/** The environment in which the tools of the project are found, print no notices and ask no questions. */
export function toolEnvironment() {
  const path = join(root, 'node_modules/.bin') + delimiter + (process.env.PATH ?? '');
  const quiet = { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1', DO_NOT_TRACK: '1' };
  return { ...process.env, PATH: path, ...quiet };
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  process.stderr.write(
    `posthorn needs Node.js 20.19 or newer, this is ${process.versions.node}; install a newer one.\n`,
  );
  process.exit(1);
}

async function install(scope) {
  const version = /^\s+pnpm: (\S+)/m.exec(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8'))?.[1];
  const pnpm = existsSync(findTool('pnpm')) ? [findTool('pnpm')] : ['npx', '--yes', `pnpm@${version}`];
  // What is installed depends on the scope, whatever NODE_ENV says.
  const left = packages()
    .filter(isTestOnly)
    .flatMap((path) => ['--filter', `!./${path}`]);
  const parts = scope === 'all' ? ['--prod=false'] : ['--prod', ...left];
  const [command, ...args] = [...pnpm, 'install', '--frozen-lockfile', ...parts, '--reporter=append-only'];
  let total = '';
  await runStep({
    doing: 'installing dependencies',
    done: 'installed dependencies',
    failed: 'Installing the dependencies failed',
    command,
    args,
    cwd: root,
    // CI stands for: ask no questions.
    env: { ...toolEnvironment(), ...shortRetries, CI: 'true' },
    progress(line) {
      total = /^Packages: \+(\d+)/.exec(line)?.[1] ?? total;
      const added = /^Progress: .* added (\d+)/.exec(line)?.[1];
      return added && total ? `${added} of ${total} packages` : undefined;
    },
  });
}

/** With types by turbo, which keeps what is not stale; else file by file, which is faster than checking types. */
async function build(scope, paths) {
  const step = { doing: 'building', done: 'built', failed: 'The build failed', cwd: root, env: toolEnvironment() };
  const built = new Set();
  if (scope === 'all') {
    const args = ['run', 'build', '--output-logs=errors-only'];
    await runStep({ ...step, command: findTool('turbo'), args });
  } else {
    const args = [join(root, 'scripts/transpile.mjs'), ...paths];
    const progress = (line) =>
      line.startsWith('built ') ? `${built.add(line).size} of ${paths.length} parts` : undefined;
    await runStep({ ...step, command: process.execPath, args, progress });
  }
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
    say(`npx posthorn will not work, npm run posthorn does (${error.message})`);
  }
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

/** A checkout that somebody else has set up may be read-only. */
function writeStamp(stamp) {
  try {
    writeFileSync(stampFile, JSON.stringify(stamp));
  } catch (error) {
    if (error.code !== 'EACCES' && error.code !== 'EROFS') throw error;
  }
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
    'scripts/bundle.mjs',
    ...manifests(),
    ...packages().flatMap((path) => [
      join(path, 'tsconfig.build.json'),
      join(path, 'rollup.config.mjs'),
      join(path, 'rollup-plugins.mjs'),
      ...own.flatMap((folder) => listFiles(join(path, folder))),
    ]),
  ];
}

function listFiles(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
    .map(({ parentPath, name }) => relative(root, join(parentPath, name)));
}

/** Sizes and times of the last change, which the file system sets itself. */
function hashStates(paths) {
  const hash = createHash('sha256').update(process.versions.modules);
  for (const path of paths) {
    const state = statSync(join(root, path), { throwIfNoEntry: false });
    if (state) hash.update(`\0${path}\0${state.size}\0${state.mtimeMs}\0${state.ctimeMs}`);
  }
  return hash.digest('hex');
}

function hashFiles(paths) {
  // Native modules are made for one version of Node.js.
  const hash = createHash('sha256').update(process.versions.modules);
  for (const path of paths.toSorted()) {
    if (existsSync(join(root, path))) hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  }
  return hash.digest('hex');
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [scope = 'all'] = process.argv.slice(2);
  if (scope !== 'all' && scope !== 'run') {
    process.stderr.write(`'${scope}' is not a scope of the set-up: use 'run' or 'all'.\n`);
    process.exit(1);
  }
  await setUp(scope);
}
