// `npm test`: sets up, then runs every check, all of them even when one fails. The last line counts them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, say, setUp, toolEnvironment } from './setup.mjs';

await setUp();
const { findRedisServer } = await import('../packages/embedded-redis/dist/index.js');
const { findChromium } = await import('../packages/testkit/dist/index.js');
const redisServer = await findRedisServer({ dataDir: join(root, 'data'), log: say }).catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
const env = { ...toolEnvironment(), POSTHORN_TEST_REDIS: JSON.stringify(redisServer), TMPDIR: chooseScratch() };
const total = { passed: 0, failed: 0, flaky: 0, skipped: 0 };
/** More test files than these that fail are no accident of a busy machine, and get no second try. */
const maxSecondTries = 8;
/** Each test file loads its modules anew: with more room for new objects, collecting them takes a tenth less CPU time. */
const jest = ['--max-semi-space-size=32', join(root, 'node_modules/jest/bin/jest.js')];

await Promise.all([checkSources(), checkTypes()]);
await test(['unit']);
// Tests of real processes wait for them most of the time, so that more of them run at once than there are cores.
const processTests = ['integration', 'e2e', 'examples', ...((await hasChromium()) ? ['browser'] : [])];
await test(processTests, [`--maxWorkers=${Math.ceil(1.5 * availableParallelism())}`]);

const others = ['flaky', 'skipped'].filter((kind) => total[kind] > 0).map((kind) => `, ${total[kind]} ${kind}`);
console.log(`${total.passed} passed, ${total.failed} failed${others.join('')}`);
process.exitCode = total.failed > 0 ? 1 : 0;

/** Each of these two uses one core, so that they run side by side. */
async function checkSources() {
  await check('format', 'oxfmt', ['--check']);
  // One thread: with more, each infers types that another has inferred already.
  await check('lint', 'npm', ['run', '--silent', 'lint'], { GOMAXPROCS: '1' });
}

async function checkTypes() {
  await check('types', 'npm', ['run', '--silent', 'check-types']);
  await check('package', 'node', ['packages/sdk/scripts/test-package.mjs']);
}

/**
 * Where tests keep the data of their Redis servers: in memory where there is room. They kill processes, which no disk is
 * needed for; what a disk does to Redis is tested by `npm run test:chaos` and `npm run test:powercut`. A busy disk makes
 * Redis wait for seconds, and posthorn rightly answer 503, in the middle of a test of something else.
 */
function chooseScratch() {
  const memory = '/dev/shm';
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize >= 4 * 2 ** 30 ? memory : tmpdir();
}

/**
 * The browser tests use a Chromium of the distribution, and install one where it is missing, if that is possible: first the
 * build without windows, which takes less than half of the time. Without a browser these tests prove nothing: they count
 * as skipped, never as passed.
 */
async function hasChromium() {
  const isLight = () => process.env.CHROMIUM !== undefined || findChromium()?.endsWith('-headless-shell') === true;
  if (!isLight()) await installPackage('chromium-headless-shell');
  if (findChromium() === undefined) await installPackage('chromium');
  if (findChromium() !== undefined) return true;
  total.skipped++;
  console.log('SKIPPED browser: there is no Chromium, and it could not be installed. Install it, or set CHROMIUM.');
  return false;
}

async function installPackage(name) {
  const args = ['install', '--yes', '--no-install-recommends', '--no-remove', name];
  console.log(`installing ${name}, for the browser tests (apt-get install ${name})`);
  await run('apt-get', ['update']);
  const { isPassed, output } = await run('apt-get', args);
  if (!isPassed) console.log(output);
}

async function check(name, command, args, moreEnv) {
  const ran = await run(command, args, moreEnv);
  report(name, ran, { passed: ran.isPassed ? 1 : 0, failed: ran.isPassed ? 0 : 1 });
}

/**
 * Tests share the machine with each other, and one that waits for a while may wait too short on a busy one. The files that
 * failed run once more, alone. What passes then is counted as flaky, with what it said at first: it does not stop a
 * release, and it is to be mended.
 */
async function test(projects, args = []) {
  const name = projects.join(', ');
  const first = await runTests(projects, args);
  const { failedFiles } = first;
  report(name, first, failedFiles.length > maxSecondTries ? first.counted : { passed: first.counted.passed });
  if (first.isPassed || failedFiles.length > maxSecondTries) return;
  if (failedFiles.length === 0) return void (total.failed += first.counted.failed);
  const second = await runTests(projects, ['--runInBand', '--runTestsByPath', ...failedFiles]);
  const { failed } = second.counted;
  report('the failed files again, alone', second, {
    failed,
    flaky: Math.max(0, first.counted.failed - failed),
  });
}

/** Runs projects of jest: how it went, the tests counted, and the files with failures. */
async function runTests(projects, args = []) {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-test-'));
  const file = join(folder, 'result.json');
  // A test that failed in the middle may leave something open, for which jest would wait for ever.
  const json = ['--json', `--outputFile=${file}`, '--passWithNoTests', '--forceExit'];
  const ran = await run(process.execPath, [...jest, '--selectProjects', ...projects, ...json, ...args]);
  const result = readResult(file);
  rmSync(folder, { recursive: true, force: true });
  // A file that cannot even be loaded has no tests to fail.
  const failed = result ? result.numFailedTests + result.numRuntimeErrorTestSuites : 0;
  return {
    ...ran,
    counted: {
      passed: result?.numPassedTests ?? 0,
      failed: ran.isPassed ? failed : Math.max(1, failed),
      skipped: result ? result.numPendingTests + result.numTodoTests : 0,
    },
    failedFiles: (result?.testResults ?? []).filter(({ status }) => status === 'failed').map(({ name }) => name),
  };
}

function readResult(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

async function run(command, args, moreEnv = {}) {
  const startedAt = performance.now();
  const child = spawn(command, args, { cwd: root, env: { ...env, ...moreEnv }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
  const [status] = await once(child, 'close').catch((error) => {
    output += `${error.message}\n`;
    return [undefined];
  });
  return { isPassed: status === 0, seconds: ((performance.now() - startedAt) / 1000).toFixed(1), output };
}

function report(name, { isPassed, seconds, output }, counted) {
  for (const [kind, count] of Object.entries(counted)) total[kind] += count;
  console.log(`${isPassed ? 'ok    ' : 'FAILED'} ${name} (${counted.passed ?? 0} passed, ${seconds} s)`);
  if (!isPassed) console.log(output);
}
