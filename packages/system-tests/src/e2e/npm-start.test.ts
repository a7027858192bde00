// What a person sees of `npm start`: from the set-up to the end, and a backup in between.
import { execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { eventually, findFreePort, findServer, startReceiver, startRedis } from '@posthorn/testkit';

const run = promisify(execFile);
jest.setTimeout(180_000);

let folder: string;
let path: string;
const started: { end(signal: NodeJS.Signals): Promise<number | null> }[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-start-'));
  // Each data directory would get a server of its own where none is installed.
  const { command, args } = await findServer();
  const server = [command, ...args].map((word) => `'${word}'`).join(' ');
  writeFileSync(join(folder, 'redis-server'), `#!/bin/sh\nexec ${server} "$@"\n`, { mode: 0o755 });
  path = `${folder}:${process.env['PATH'] ?? ''}`;
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.end('SIGTERM')));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A checkout with files of its own beside those that it shares with this one. */
function copyCheckout(...without: string[]): string {
  const copy = mkdtempSync(join(folder, 'checkout-'));
  cpSync('scripts', join(copy, 'scripts'), { recursive: true });
  const shared = ['package.json', 'package-lock.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml', 'tsconfig.base.json'];
  for (const name of [...shared, 'turbo.json', 'apps', 'packages', 'examples', 'node_modules']) {
    if (!without.includes(name)) symlinkSync(resolve(name), join(copy, name));
  }
  return copy;
}

/** `npm start` with a data directory of its own. */
async function start(variables: Record<string, string> = {}, root = resolve()) {
  const port = Number(variables['PORT'] ?? (await findFreePort()));
  const dataDir = variables['POSTHORN_DATA_DIR'] ?? mkdtempSync(join(folder, 'data-'));
  const child = spawn('npm', ['start'], {
    cwd: root,
    env: { PATH: path, HOME: folder, PORT: String(port), POSTHORN_DATA_DIR: dataDir, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text: Buffer) => (output.stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output.stderr += text.toString()));
  const exited = new Promise<number | null>((done) => child.once('close', done));
  const result = {
    port,
    url: `http://127.0.0.1:${port}`,
    dataDir,
    output,
    exited,
    /** The signal goes to npm alone, as from a supervisor. */
    async end(signal: NodeJS.Signals) {
      child.kill(signal);
      return exited;
    },
    ready: () => eventually(() => output.stdout.includes('Ctrl-C stops everything'), 120_000),
  };
  started.push(result);
  return result;
}

/** The command line in a folder without a checkout above, so that it finds a server by its data directory alone. */
async function posthorn(dataDir: string, ...args: string[]) {
  const options = { cwd: folder, env: { PATH: path, HOME: folder, POSTHORN_DATA_DIR: dataDir } };
  return run(process.execPath, [resolve('packages/cli/bin/posthorn.js'), ...args], options);
}

function readServerPid(dataDir: string): number {
  const { server } = JSON.parse(readFileSync(join(dataDir, 'posthorn.lock'), 'utf8')) as { server: { pid: number } };
  return server.pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('the banner is short, its curl line works as pasted, and the command line follows the server', async () => {
  const server = await start();
  await server.ready();
  const { stdout, stderr } = server.output;
  expect(stdout.match(/^posthorn ready on .*$/gm)).toEqual([`posthorn ready on ${server.url}`]);
  expect((stdout + stderr).split('\n').length).toBeLessThan(30);
  expect(stdout).not.toMatch(/TLS/);

  const [line = ''] = /^ {2}curl .*$/m.exec(stdout) ?? [];
  const { stdout: answer } = await run('sh', ['-c', line]);
  const { messageId } = JSON.parse(answer) as { messageId: string };
  await eventually(() => server.output.stderr.includes('your message has arrived: POST with 5 bytes, signed'));

  expect(statSync(join(server.dataDir, 'server.json')).mode & 0o777).toBe(0o600);
  const token = /QSTASH_TOKEN=(\S+)/.exec(stdout)?.[1];
  expect((await posthorn(server.dataDir, 'token')).stdout).toBe(`${token ?? ''}\n`);
  const { stdout: status, stderr: notes } = await posthorn(server.dataDir, 'status', '--json');
  expect(JSON.parse(status)).toMatchObject({
    server: server.url,
    state: 'ready',
    durability: 'always',
    deadLetters: 0,
  });
  expect(notes).toBe('');
  await eventually(async () =>
    (await posthorn(server.dataDir, 'logs', '--message', messageId)).stdout.includes('DELIVERED'),
  );
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s to npm ends everything with status 0, Redis before it',
  async (signal) => {
    const server = await start();
    await server.ready();
    const redis = readServerPid(server.dataDir);
    expect(await server.end(signal)).toBe(0);
    expect(isAlive(redis)).toBe(false);
    expect(existsSync(join(server.dataDir, 'server.json'))).toBe(false);
    expect(existsSync(join(server.dataDir, 'posthorn.lock'))).toBe(false);
  },
);

test('SIGHUP, which ends npm itself, ends everything too', async () => {
  const server = await start();
  await server.ready();
  const redis = readServerPid(server.dataDir);
  await server.end('SIGHUP');
  await eventually(() => !isAlive(redis) && !existsSync(join(server.dataDir, 'posthorn.lock')));
});

describe('a port of another server', () => {
  let other: Server;
  let port: number;
  beforeEach(async () => {
    port = await findFreePort();
    // It claims to be ready, whatever it is asked.
    other = createServer((_request, response) => response.end('{"status":"ready"}'));
    await new Promise<void>((done) => other.listen(port, '127.0.0.1', done));
  });
  afterEach(() => other.close());

  test.each(['PORT', 'PROBE_PORT', 'METRICS_PORT'])(
    'is named when %s is set to it, and nothing stays',
    async (variable) => {
      const server = await start({ [variable]: String(port) });
      expect(await server.exited).toBe(1);
      expect(server.output.stderr).toContain(`${variable}: ${port} on 127.0.0.1 is in use`);
      expect(server.output.stdout).not.toContain('posthorn ready');
      expect(existsSync(join(server.dataDir, 'posthorn.lock'))).toBe(false);
    },
  );
});

describe('a data directory that cannot be used', () => {
  const expectRefusal = async (dataDir: string, reason: string, at = '') => {
    const server = await start({ POSTHORN_DATA_DIR: dataDir });
    expect(await server.exited).toBe(1);
    const { stdout, stderr } = server.output;
    const sentences = stderr.split('\n').filter((line) => line !== '' && !/^(posthorn: |npm )/.test(line));
    expect(sentences).toEqual([
      expect.stringContaining(`POSTHORN_DATA_DIR: ${dataDir}${at} cannot be used: ${reason}`),
    ]);
    expect(stdout).not.toContain('posthorn ready');
  };

  (existsSync('/proc/self') ? test : test.skip)('because the system makes none there is named', async () => {
    await expectRefusal('/proc/posthorn', 'it is a link to nothing, or no directory can be made there');
  });

  test.each([
    ['nothing', 'it is a link to nothing'],
    ['circular', 'its links lead in a circle'],
  ])('because it is a link to %s is named', async (target, reason) => {
    const dataDir = join(mkdtempSync(join(folder, 'links-')), 'circular');
    symlinkSync(target, dataDir);
    await expectRefusal(dataDir, reason);
  });

  test.each(['posthorn.lock', 'server.json'])(
    'because %s in it is a directory is named, and nothing stays',
    async (name) => {
      const dataDir = mkdtempSync(join(folder, 'data-'));
      mkdirSync(join(dataDir, name));
      await expectRefusal(dataDir, 'it is a directory where a file belongs', `/${name}`);
      const others = readdirSync(dataDir).filter((other) => /lock|server[.]/.test(other));
      expect(others).toEqual([name]);
    },
  );
});

test('a message that failed is one line of its output', async () => {
  const server = await start();
  await server.ready();
  const { stdout } = await posthorn(server.dataDir, 'publish', 'http://127.0.0.1:9/', '--body', 'x', '--retries', '0');
  const messageId = stdout.trim();
  await eventually(() => server.output.stdout.includes('"message.failed"'));
  const line = server.output.stdout.split('\n').find((text) => text.includes('"message.failed"')) ?? '';
  expect(JSON.parse(line)).toMatchObject({ messageId, status: 0, errorKind: 'connect' });
});

test.each([
  ['PROBE_PORT', 'PORT', 'the API'],
  ['METRICS_PORT', 'PORT', 'the API'],
  ['PROBE_PORT', 'METRICS_PORT', 'the metrics'],
])('%s must differ from %s', async (variable, other, name) => {
  const port = String(await findFreePort());
  const server = await start({ [variable]: port, [other]: port });
  expect(await server.exited).toBe(1);
  expect(server.output.stderr).toContain(`${variable}: ${port} is the port of ${name} (${other})`);
});

test('an address that this machine does not have is that of METRICS_HOST', async () => {
  const server = await start({ METRICS_PORT: String(await findFreePort()), METRICS_HOST: '192.0.2.1' });
  expect(await server.exited).toBe(1);
  expect(server.output.stderr).toContain('METRICS_HOST: 192.0.2.1 is no address of this machine');
});

test('on all addresses, the banner says how others reach it, without encryption, and own ports stay refused', async () => {
  const server = await start({ HOST: '0.0.0.0' });
  await server.ready();
  const { stdout } = server.output;
  expect(stdout).toContain(`posthorn ready on ${server.url}\n`);
  expect(stdout).toMatch(/Other machines can reach it at .*without encryption/);
  expect(stdout).toContain('TLS');
  expect(stdout).toContain('are refused (ALLOW_PRIVATE_DESTINATIONS)');
  const token = /QSTASH_TOKEN=(\S+)/.exec(stdout)?.[1] ?? '';
  const response = await fetch(`${server.url}/v2/publish/${server.url}/health`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(400);
});

test('.env is read, and the environment wins', async () => {
  const root = copyCheckout();
  const [fromFile, fromEnvironment] = [await findFreePort(), await findFreePort()];
  const lines = [
    'QSTASH_TOKEN=token-of-the-file-0123456789',
    `PORT=${fromFile}`,
    'POSTHORN_DATA_DIR=state',
    'LOG_LEVEL=',
  ];
  writeFileSync(join(root, '.env'), `# settings\n${lines.join('\n')}\n`);
  const server = await start({ PORT: String(fromEnvironment), POSTHORN_DATA_DIR: join(root, 'state') }, root);
  await server.ready();
  expect(server.output.stdout).toContain(`posthorn ready on http://127.0.0.1:${fromEnvironment}`);
  expect(server.output.stdout).toContain('QSTASH_TOKEN=token-of-the-file-0123456789');
  const { stdout } = await run(process.execPath, [resolve('packages/cli/bin/posthorn.js'), 'token', '--json'], {
    cwd: root,
    env: { PATH: path },
  });
  expect(JSON.parse(stdout)).toEqual({ url: server.url, token: 'token-of-the-file-0123456789' });
});

test('a message that was accepted before a backup is delivered after the restore, beside another Redis', async () => {
  const other = await startRedis();
  const receiver = await startReceiver();
  try {
    await other.client.set('mine', 'yes');
    const first = await start();
    await first.ready();
    await posthorn(first.dataDir, 'queue', 'set', 'waiting', '--parallelism', '1');
    await posthorn(first.dataDir, 'queue', 'pause', 'waiting');
    const publish = ['publish', `${receiver.url}/kept`, '--body', 'kept', '--queue', 'waiting'];
    const { stdout: messageId } = await posthorn(first.dataDir, ...publish);
    const archive = join(folder, 'backup.tar.gz');
    const { stdout: saved } = await posthorn(first.dataDir, 'backup', archive);
    expect(saved).toMatch(/^Saved .* with the token and the signing keys/);
    // From here on the first one is gone, as after the loss of its machine.
    process.kill(readServerPid(first.dataDir), 'SIGKILL');
    await first.end('SIGTERM');
    await expect(posthorn(first.dataDir, 'restore', archive)).rejects.toThrow(/is not empty/);
    rmSync(first.dataDir, { recursive: true });

    const dataDir = join(folder, 'restored');
    await posthorn(dataDir, 'restore', archive);
    const second = await start({ POSTHORN_DATA_DIR: dataDir });
    await second.ready();
    expect(receiver.at('/kept')).toEqual([]);
    await posthorn(dataDir, 'queue', 'resume', 'waiting');
    const received = await eventually(() => receiver.at('/kept')[0]);
    expect(received.headers['upstash-message-id']).toBe(messageId.trim());
    const read = (output: string, name: string) => new RegExp(`${name}=(\\S+)`).exec(output)?.[1];
    for (const name of ['QSTASH_TOKEN', 'QSTASH_CURRENT_SIGNING_KEY', 'QSTASH_NEXT_SIGNING_KEY']) {
      expect(read(second.output.stdout, name)).toBe(read(first.output.stdout, name));
    }
    expect([await other.client.get('mine'), await other.client.dbsize()]).toEqual(['yes', 1]);
  } finally {
    await other.stop();
    await receiver.stop();
  }
});

describe('a checkout that nothing is installed in', () => {
  const env = () => ({
    PATH: path,
    HOME: folder,
    npm_config_cache: join(folder, 'cache'),
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_update_notifier: 'false',
  });

  test('names the registry when that cannot be reached', async () => {
    const root = copyCheckout('node_modules');
    const failure = await run('npm', ['start'], { cwd: root, env: env() }).catch(
      (error: unknown) => error as { stderr: string; code: number },
    );
    expect(failure).toMatchObject({ code: 1 });
    expect(failure.stderr).toContain(
      'Installing the dependencies failed: the package registry 127.0.0.1:9 cannot be reached (ECONNREFUSED); check the network',
    );
    expect(failure.stderr.split('\n').length).toBeLessThan(10);
  });

  test.each(['install', 'ci'])('npm %s names npm start', async (command) => {
    const root = copyCheckout('node_modules');
    const failure = await run('npm', [command], { cwd: root, env: env() }).catch(
      (error: unknown) => error as { stderr: string },
    );
    expect(failure.stderr).toContain('posthorn is set up by npm start, not by npm install');
  });
});
