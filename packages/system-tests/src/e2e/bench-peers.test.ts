import { execFile } from 'node:child_process';

/** Runs the built driver: its exit status and what it printed. */
function runDriver(...args: string[]): Promise<{ status: number; output: string; errors: string }> {
  const program = 'packages/system-tests/dist/bench/peers/main.js';
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, output, errors) => {
      resolve({ status: error ? Number(error.code) : 0, output, errors });
    });
  });
}

test('50 messages through posthorn: each arrives once, and has its price', async () => {
  const { status, output, errors } = await runDriver('--messages', '50', '--in-flight', '5');
  expect({ status, errors }).toEqual({ status: 0, errors: '' });
  const report = JSON.parse(output.trim().split('\n').at(-1) ?? '') as { cpuUs: Record<string, number> };
  expect(report).toMatchObject({ name: 'posthorn', messages: 50, inFlight: 5, lost: 0, duplicates: 0 });
  expect(Object.keys(report.cpuUs)).toEqual(['api', 'dispatcher', 'redis']);
  expect(output).toContain('lost: 0, duplicates: 0');
});

test.each([
  [['--messages', 'many'], '--messages: use a whole number, 1 or more'],
  [['--receiver-port', '70000'], '--receiver-port: use a whole number, from 1 to 65535'],
  [['--adapter', 'README.md'], 'README.md: use a file whose name ends in .json or .mjs'],
  [['--adapter', 'package.json'], 'Wrong adapter package.json: the adapter: version is unknown'],
])('%j is refused with one sentence', async (args, fault) => {
  const { status, output, errors } = await runDriver(...args);
  expect({ status, output }).toEqual({ status: 1, output: '' });
  expect(errors).toContain(fault);
  expect(errors.trim().split('\n')).toHaveLength(1);
});
