// A clone started with the published credentials, and clients that know nothing but that they are in development.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, findFreePort, startApp, startReceiver, startRedis } from '@posthorn/testkit';
import type { Receiver as TestServer, TestProcess, TestRedis } from '@posthorn/testkit';
import { Client, Receiver, startDevServer } from '@posthorn/sdk';

let redis: TestRedis;
let posthorn: TestProcess;
let destination: TestServer;
let dataDir: string;
const { env } = process;
beforeAll(async () => {
  [redis, destination] = await Promise.all([startRedis(), startReceiver()]);
  dataDir = await mkdtemp(join(tmpdir(), 'posthorn-development-'));
  const port = String(await findFreePort());
  posthorn = startApp('local', {
    POSTHORN_DEV_CREDENTIALS: '1',
    POSTHORN_DATA_DIR: dataDir,
    REDIS_URL: redis.url,
    PORT: port,
  });
  process.env = { ...env, QSTASH_DEV: 'true', QSTASH_DEV_PORT: port };
  await eventually(() => new Client().keys.get().then(Boolean, () => false));
});
afterAll(async () => {
  process.env = env;
  await posthorn.end('SIGTERM');
  await Promise.all([redis.stop(), destination.stop()]);
  await rm(dataDir, { recursive: true });
});

test('startDevServer finds it, and has nothing to say', async () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation();
  await startDevServer();
  expect(warn.mock.calls.flat()).toEqual([]);
  warn.mockRestore();
});

test('ours needs nothing else to publish and to verify', async () => {
  const url = `${destination.url}/ours`;
  const { messageId } = await new Client().publishJSON({ url, body: { n: 1 } });
  const request = await eventually(() => destination.at('/ours')[0]);
  expect(request.headers['upstash-message-id']).toBe(messageId);
  const signature = String(request.headers['upstash-signature']);
  expect(await new Receiver().verify({ signature, body: request.body, url })).toBe(true);
});

test('the official one finds it running and starts none of its own', async () => {
  // In a process of its own: it looks for a server with modules that jest cannot load.
  const program = `
    const { Client } = await import('@upstash/qstash');
    const { messageId } = await new Client().publishJSON({ url: '${destination.url}/official', body: { n: 1 } });
    console.log(messageId);
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: 'packages/system-tests',
    env: process.env,
    timeout: 20_000,
  });
  expect(stdout).toContain('Server already running');
  const request = await eventually(() => destination.at('/official')[0]);
  expect(stdout).toContain(String(request.headers['upstash-message-id']));
});
