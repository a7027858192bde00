import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.env['POSTHORN_ROOT'] ?? process.cwd();
const documented = [...readFileSync(join(root, 'docs/configuration.md'), 'utf8').matchAll(/^\| `([A-Z_]+)`/gm)].map(
  ([, name = '']) => name,
);

test('docs/configuration.md says what the processes check', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/write-configuration.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('docker-compose.env passes on every variable that the compose file does not decide itself', () => {
  const passed = readFileSync(join(root, 'docker-compose.env'), 'utf8').match(/^[A-Z_]+/gm) ?? [];
  const decided = ['HOST', 'NODE_ENV', 'PORT', 'PROBE_HOST', 'PROBE_PORT', 'QSTASH_TOKEN', 'REDIS_URL'];
  const ofNpmStart = documented.filter((name) => name.startsWith('POSTHORN_'));
  expect([...passed, ...decided, ...ofNpmStart].sort()).toEqual([...documented, 'REDIS_URL'].sort());
});

test('.env.example names only variables that exist', () => {
  const named = readFileSync(join(root, '.env.example'), 'utf8').match(/^(?:# )?[A-Z_]+(?==)/gm) ?? [];
  expect(named.map((name) => name.replace('# ', '')).filter((name) => !documented.includes(name))).toEqual([]);
});
