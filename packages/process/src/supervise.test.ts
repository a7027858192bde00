import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { supervise, type SuperviseOptions, type Supervised } from './supervise.ts';

let supervised: Supervised;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-supervise-'));
});
afterEach(async () => {
  await supervised.stop();
  rmSync(folder, { recursive: true });
});

/** Supervises a shell script; gives its runs and what was logged about it. */
function superviseScript(script: string, options: Partial<SuperviseOptions> = {}) {
  const runs: ReturnType<typeof spawn>[] = [];
  const logged: string[] = [];
  supervised = supervise({
    name: 'Redis',
    spawn: () => {
      const child = spawn('/bin/sh', ['-c', script]);
      runs.push(child);
      return child;
    },
    log: (text) => logged.push(text),
    stopMs: 5000,
    lastSignal: 'SIGKILL',
    ...options,
  });
  return { runs, logged };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

it('tells how a child ended that was never ready, and does not start it again', async () => {
  const { runs, logged } = superviseScript('exit 3', { explain: () => 'no room' });
  expect(await supervised.failed).toBe('status 3, no room');
  expect(runs).toHaveLength(1);
  expect(logged).toEqual([]);
});

it('tells that a program cannot be started at all', async () => {
  superviseScript('', { spawn: () => spawn(join(folder, 'missing')) });
  expect(await supervised.failed).toContain('ENOENT');
});

it('tells why a child could not be started, and tries again once it was ready', async () => {
  let tries = 0;
  const { logged } = superviseScript('', {
    spawn: () => {
      if (++tries < 3) throw new Error('spawn ENOMEM');
      return spawn('/bin/sh', ['-c', 'exec sleep 60']);
    },
  });
  expect(await supervised.failed).toBe('spawn ENOMEM');
  supervised.keepAlive();
  await until(() => tries === 3);
  expect(logged).toEqual([
    'Redis ended (spawn ENOMEM) and is started again in 0.2 s',
    'Redis ended (spawn ENOMEM) and is started again in 0.4 s',
  ]);
});

it('starts a ready child again when it is killed, and waits longer each time', async () => {
  const { runs, logged } = superviseScript('exec sleep 60');
  supervised.keepAlive();
  runs[0]?.kill('SIGKILL');
  await until(() => runs.length === 2);
  runs[1]?.kill('SIGKILL');
  await until(() => runs.length === 3);
  expect(logged).toEqual([
    'Redis ended (SIGKILL) and is started again in 0.2 s',
    'Redis ended (SIGKILL) and is started again in 0.4 s',
  ]);
});

it('starts a child again that ended just before it was kept alive', async () => {
  const { runs } = superviseScript('exit 1');
  await supervised.failed;
  supervised.keepAlive();
  await until(() => runs.length === 2);
});

it('starts nothing again after a stop that came between two runs', async () => {
  const { runs, logged } = superviseScript('exit 1');
  supervised.keepAlive();
  await until(() => logged.length === 1);
  const started = runs.length;
  await supervised.stop();
  // Another child that ends later waits as long for its second run: by then the first one's would have come.
  const other = superviseScript('exit 1');
  supervised.keepAlive();
  await until(() => other.runs.length === 2);
  expect(runs).toHaveLength(started);
});

it('lets a child end by itself when it is stopped', async () => {
  const ready = join(folder, 'ready');
  const { runs } = superviseScript(`trap 'kill $!; exit 0' TERM; sleep 60 & touch '${ready}'; wait`);
  await until(() => existsSync(ready));
  await supervised.stop();
  expect(runs[0]?.exitCode).toBe(0);
});

it('kills a child that does not end in time', async () => {
  const ready = join(folder, 'ready');
  const { runs } = superviseScript(`trap '' TERM; touch '${ready}'; while :; do sleep 0.01; done`, { stopMs: 50 });
  await until(() => existsSync(ready));
  await supervised.stop();
  expect(runs[0]?.signalCode).toBe('SIGKILL');
});
