import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startEmbeddedRedis, type EmbeddedRedis } from './embedded-redis.ts';
import { nameProcess } from './process-name.ts';

let dataDir: string;
let embedded: EmbeddedRedis | undefined;
let client: Redis | undefined;
const logged: string[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'posthorn-embedded-'));
  logged.length = 0;
});
afterEach(async () => {
  client?.disconnect();
  await embedded?.stop();
  embedded = undefined;
  rmSync(dataDir, { recursive: true });
});

async function start(folder = dataDir): Promise<Redis> {
  embedded = await startEmbeddedRedis({ dataDir: folder, durability: 'always', log: (text) => logged.push(text) });
  client?.disconnect();
  client = embedded.url.startsWith('unix:') ? new Redis(embedded.url.slice('unix:'.length)) : new Redis(embedded.url);
  client.on('error', () => undefined);
  return client;
}

function readServerPid(): number {
  const { server } = JSON.parse(readFileSync(join(dataDir, 'posthorn.lock'), 'utf8')) as { server: { pid: number } };
  return server.pid;
}

/** Ids of the servers that listen in the data directory. */
function listServers(): string[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => line.includes('redis-server') && line.includes(dataDir))
    .map((line) => line.trim().split(' ')[0] ?? '');
}

it('runs a durable server that evicts nothing', async () => {
  const redis = await start();
  const settings = ['appendonly', 'appendfsync', 'save', 'maxmemory-policy', 'hash-max-ziplist-value'];
  const answers = await Promise.all(settings.map((name) => redis.config('GET', name)));
  expect(answers.map((answer) => answer[1])).toEqual(['yes', 'always', '', 'noeviction', '2048']);
});

it('keeps its files to their owner', async () => {
  await start();
  expect(statSync(join(dataDir, 'redis')).mode & 0o777).toBe(0o700);
});

it('finds everything again after a stop', async () => {
  await (await start()).set('name', 'value');
  await embedded?.stop();
  expect(await (await start()).get('name')).toBe('value');
});

it('asks for a password where others could connect', async () => {
  const redis = await start(join(dataDir, 'x'.repeat(100)));
  expect(await redis.ping()).toBe('PONG');
  const { port } = redis.options;
  const stranger = new Redis({ port: port ?? 0, lazyConnect: true, retryStrategy: null });
  await expect(stranger.ping()).rejects.toThrow('NOAUTH');
  stranger.disconnect();
});

it('starts the server again when it is killed, with all that was accepted', async () => {
  const redis = await start();
  await redis.set('name', 'value');
  // Without an installed server, the start says that it gets one.
  logged.length = 0;
  process.kill(readServerPid(), 'SIGKILL');
  expect(await redis.get('name')).toBe('value');
  expect(logged).toEqual(['Redis ended (SIGKILL) and is started again in 0.2 s']);
});

it('leaves no server behind that it cannot note in the data directory, and tries again', async () => {
  const redis = await start();
  await redis.set('name', 'value');
  const draft = join(dataDir, `posthorn.lock.${process.pid}`);
  mkdirSync(draft);
  process.kill(readServerPid(), 'SIGKILL');
  const waitFor = async (text: string) => {
    while (!logged.some((line) => line.includes(text))) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await waitFor('could not be noted in the data directory');
  await waitFor('started again in 0.4 s');
  expect(listServers()).toEqual([]);
  rmdirSync(draft);
  expect(await redis.get('name')).toBe('value');
  expect(listServers()).toEqual([String(readServerPid())]);
});

it('refuses a second start on the same data directory and leaves the first alone', async () => {
  const redis = await start();
  await expect(startEmbeddedRedis({ dataDir, durability: 'always', log: () => undefined })).rejects.toThrow(
    /^POSTHORN_DATA_DIR: .* is in use by process \d+/,
  );
  expect(await redis.ping()).toBe('PONG');
});

it('leaves nothing running when it is stopped', async () => {
  await start();
  const pid = readServerPid();
  await embedded?.stop();
  expect(nameProcess(pid)).toBeUndefined();
});

it('goes on after a tail that a power cut has cut off', async () => {
  await (await start()).set('name', 'value');
  await embedded?.stop();
  appendFileSync(join(dataDir, 'redis/appendonlydir/appendonly.aof.1.incr.aof'), '*3\r\n$3\r\nSET\r\n$4\r\nna');
  expect(await (await start()).get('name')).toBe('value');
});

it('names the repair for a log that Redis cannot read, and the repair works', async () => {
  await (await start()).set('name', 'value');
  await embedded?.stop();
  embedded = undefined;
  appendFileSync(join(dataDir, 'redis/appendonlydir/appendonly.aof.1.incr.aof'), Buffer.alloc(4096));

  const failure = await start().then(
    () => 'none',
    (error: unknown) => String(error),
  );
  const repair = / repair it with: (.* --fix '.*')$/.exec(failure)?.[1] ?? 'false';
  const shell = spawn('/bin/sh', ['-c', `echo y | ${repair}`], { stdio: 'ignore' });
  expect(await once(shell, 'exit')).toEqual([0, null]);
  expect(await (await start()).get('name')).toBe('value');
});
