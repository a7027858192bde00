import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  eventually,
  findFreePort,
  startReceiver,
  startRedis,
  testToken,
  type Receiver,
  type TestRedis,
} from '@posthorn/testkit';

const root = process.env['POSTHORN_ROOT'] ?? process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'posthorn-output-'));
const pipe = join(folder, 'pipe');
let redis: TestRedis;
let receiver: Receiver;
beforeAll(async () => {
  [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
});
afterAll(async () => {
  await Promise.all([redis.stop(), receiver.stop()]);
  rmSync(folder, { recursive: true });
});

interface App {
  child: ChildProcess;
  url: string;
  end(): Promise<number | null>;
}

/** Starts a built app with all of its lines, through a shell that leads its standard output elsewhere. */
async function start(name: 'api' | 'dispatcher', to: string): Promise<App> {
  const port = String(await findFreePort());
  const child = spawn('sh', ['-c', `exec "$0" "$1" ${to}`, process.execPath, `${root}/apps/${name}/dist/main.js`], {
    env: {
      ...process.env,
      REDIS_URL: redis.url,
      QSTASH_TOKEN: testToken,
      ALLOW_PRIVATE_DESTINATIONS: 'true',
      LOG_LEVEL: 'trace',
      ...(name === 'api' ? { PORT: port } : { PROBE_PORT: port, PORT: '' }),
    },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const exited = once(child, 'exit').then(([status]) => status as number | null);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/ready`)).ok);
  return {
    child,
    url,
    end() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

async function publish(url: string, path: string, count: number): Promise<void> {
  const messages = Array.from({ length: count }, () => ({ destination: `${receiver.url}${path}`, body: 'x' }));
  const response = await fetch(`${url}/v2/batch`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${testToken}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(messages),
  });
  expect(response.status).toBe(200);
}

/** One line of each request. */
async function makeLines(url: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/health`)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  }
}

async function readDropped(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^posthorn_process_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
}

test.each([
  ['a device without room', '> /dev/full'],
  ['a pipe whose reader has ended', '| true'],
])(
  'standard output is %s: messages are published and delivered, lines are counted, both stop cleanly',
  async (_, to) => {
    const path = `/${to.length}`;
    // A shell that waits for a pipeline would stand between the signal and the process.
    const target = to.startsWith('|') ? `> "${pipe}-broken"` : to;
    if (to.startsWith('|')) spawnSync('mkfifo', [`${pipe}-broken`]);
    const reader = to.startsWith('|') ? spawn('cat', [`${pipe}-broken`], { stdio: 'ignore' }) : undefined;
    const [api, dispatcher] = await Promise.all([start('api', target), start('dispatcher', target)]);
    if (reader) {
      reader.kill('SIGKILL');
      await once(reader, 'exit');
    }
    await publish(api.url, path, 30);
    await eventually(() => receiver.at(path).length === 30);
    await makeLines(api.url, 20);
    expect(await readDropped(api.url)).toBeGreaterThanOrEqual(20);
    expect(await readDropped(dispatcher.url)).toBeGreaterThanOrEqual(30);
    expect(await Promise.all([api.end(), dispatcher.end()])).toEqual([0, 0]);
  },
  60_000,
);

test('the reader of a pipe stops: nothing waits for it, not even the end of the process', async () => {
  spawnSync('mkfifo', [pipe]);
  const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  reader.stdout.on('data', (data: Buffer) => (text += data.toString()));
  const api = await start('api', `> "${pipe}"`);
  await eventually(() => text.includes('api.started'));
  reader.kill('SIGSTOP');
  // A line has some 120 bytes, and a pipe takes 64 KiB.
  await makeLines(api.url, 800);
  expect(await api.end()).toBe(0);
  reader.kill('SIGKILL');
  await once(reader, 'exit');
}, 60_000);

test('the last lines of a process that ends or crashes arrive', async () => {
  const port = String(await findFreePort());
  // Node.js runs this before the program: its error cannot be caught.
  const crash = `process.on('SIGUSR2', () => setImmediate(() => { throw new Error('on purpose'); }));`;
  const child = spawn(process.execPath, [`${root}/apps/api/dist/main.js`], {
    env: {
      ...process.env,
      REDIS_URL: redis.url,
      QSTASH_TOKEN: testToken,
      PORT: port,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(crash)}`,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.on('data', (data: Buffer) => (text += data.toString()));
  await eventually(() => text.includes('api.started'));
  child.kill('SIGUSR2');
  const [status] = (await once(child, 'close')) as [number];
  expect(status).toBe(1);
  expect(JSON.parse(text.trim().split('\n').at(-1) ?? '')).toMatchObject({
    level: 60,
    msg: 'process.crashed',
    err: { message: 'on purpose' },
  });
});
