// `npm run test:python`: the official Python packages, from their registry, against the running system.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSystem, testToken } from '@posthorn/testkit';

/** Those that the contract describes, and what serves workflows. */
const packages = ['qstash==3.4.0', 'upstash-workflow==2.0.0', 'fastapi==0.165.0', 'uvicorn==0.54.0'];
const scripts = ['packages/system-tests/src/python/calls.py', 'packages/system-tests/src/python/workflow.py'];

const folder = mkdtempSync(join(tmpdir(), 'posthorn-python-'));
try {
  const python = prepare();
  if (python) process.exitCode = await run(python);
} finally {
  rmSync(folder, { recursive: true });
}

/** A Python that has the packages; none where it cannot be had. */
function prepare(): string | undefined {
  const python = join(folder, 'bin', 'python');
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', folder]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]],
  ];
  for (const [command, args] of steps) {
    const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (status === 0) continue;
    console.log(`skipped: ${command} ${args.join(' ')} did not work here (${error?.message ?? stderr.trim()})`);
    return undefined;
  }
  return python;
}

async function run(python: string): Promise<number> {
  const system = await startSystem();
  try {
    for (const script of scripts) {
      const { status } = spawnSync(python, [script, system.api.url, testToken], { stdio: 'inherit' });
      if (status !== 0) return status ?? 1;
    }
    return 0;
  } finally {
    await system.stop();
  }
}
