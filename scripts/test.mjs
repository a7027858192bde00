// `npm test`: sets up, then runs every check. The last line counts them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setUp, toolEnvironment } from './setup.mjs';

setUp();
const { findRedisServer } = await import('../packages/embedded-redis/dist/index.js');
const redisServer = await findRedisServer({
  dataDir: join(root, 'data'),
  log: (text) => process.stderr.write(`posthorn: ${text}\n`),
});

const env = { ...toolEnvironment(), POSTHORN_TEST_REDIS: JSON.stringify(redisServer) };
const total = { passed: 0, failed: 0, skipped: 0 };

check('format', 'prettier', ['--check', '--log-level=warn', '.']);
check('lint', 'eslint', ['--max-warnings=0', '.']);
check('types', 'turbo', ['run', 'check-types', '--output-logs=errors-only']);
test('unit');
test('integration');
test('e2e', '--runInBand');
test('examples', '--runInBand');

const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exit(total.failed > 0 ? 1 : 0);

function check(name, command, args) {
  const started = Date.now();
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, env, encoding: 'utf8' });
  total[status === 0 ? 'passed' : 'failed']++;
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds(started)})`);
  if (status !== 0) console.log(stdout + stderr);
}

function test(project, ...args) {
  const started = Date.now();
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-test-'));
  const outputFile = join(folder, 'result.json');
  const { status, stdout, stderr } = spawnSync(
    'jest',
    ['--selectProjects', project, '--json', `--outputFile=${outputFile}`, '--passWithNoTests', ...args],
    { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  let result = { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, numRuntimeErrorTestSuites: 0 };
  try {
    result = JSON.parse(readFileSync(outputFile, 'utf8'));
  } catch {
    console.log(stdout);
  }
  rmSync(folder, { recursive: true, force: true });
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  total.passed += result.numPassedTests;
  total.failed += status === 0 ? failed : Math.max(1, failed);
  total.skipped += result.numPendingTests;
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${project}: ${result.numPassedTests} tests (${seconds(started)})`);
  if (status !== 0) console.log(stderr);
}

function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`;
}
