import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, findFreePort, startApi, testToken } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();

const program = join(process.cwd(), 'packages/cli/bin/posthorn.js');

interface Options {
  input?: string | Buffer;
  env?: Record<string, string>;
  cwd?: string;
}

/** A command line that runs. */
function start(args: string[], { input = '', env = {}, cwd }: Options = {}) {
  const child = spawn(process.execPath, [program, ...args], {
    env: {
      PATH: process.env['PATH'],
      TZ: 'UTC',
      QSTASH_URL: system.api.url,
      QSTASH_TOKEN: testToken,
      // Not the one of this checkout.
      POSTHORN_DATA_DIR: '/nowhere',
      ...env,
    },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const started = { stdout: '', stderr: '', child, exited: Promise.resolve<number | null>(null) };
  child.stdout.on('data', (text: Buffer) => (started.stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (started.stderr += text.toString()));
  started.exited = new Promise((resolve) => child.on('close', resolve));
  child.stdin.on('error', () => undefined).end(input);
  return started;
}

async function run(args: string[], options?: Options) {
  const started = start(args, options);
  const code = await started.exited;
  return { code, stdout: started.stdout, stderr: started.stderr };
}

/** Succeeds, and gives what it printed. */
async function posthorn(args: string[], options?: Options): Promise<string> {
  const { code, stdout, stderr } = await run(args, options);
  if (code !== 0) throw new Error(`posthorn ${args.join(' ')} ended with ${String(code)}: ${stderr}`);
  return stdout;
}

async function json<T>(args: string[], options?: Options): Promise<T> {
  return JSON.parse(await posthorn([...args, '--json'], options)) as T;
}

describe('publish', () => {
  test('prints the id alone, and the message arrives with its headers', async () => {
    const url = `${system.receiver.url}/plain`;
    const args = ['publish', url, '--body', '{"n":1}', '-t', 'json', '-H', 'X-Id: 7', '-H', 'X-Two: a: b', '-X', 'PUT'];
    const stdout = await posthorn(args);
    expect(stdout).toMatch(/^msg_\S+\n$/);
    const received = await system.receiver.first('/plain');
    expect(received.body.toString()).toBe('{"n":1}');
    expect(received.method).toBe('PUT');
    expect(received.headers).toMatchObject({ 'x-id': '7', 'x-two': 'a: b', 'content-type': 'application/json' });
    expect(received.headers['upstash-message-id']).toBe(stdout.trim());
  });

  test('takes the body from standard input and from a file, byte by byte', async () => {
    const bytes = Buffer.from([0xff, 0x00, 0x0a, 0xfe]);
    await posthorn(['publish', `${system.receiver.url}/stdin`], { input: bytes });
    expect((await system.receiver.first('/stdin')).body).toEqual(bytes);
    expect((await system.receiver.first('/stdin')).headers).not.toHaveProperty('content-type');
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-cli-'));
    await writeFile(join(folder, 'body.bin'), bytes);
    await posthorn(['publish', `${system.receiver.url}/file`, '-f', join(folder, 'body.bin')], { input: 'not this' });
    expect((await system.receiver.first('/file')).body).toEqual(bytes);
    await posthorn(['publish', `${system.receiver.url}/dash`, '-f', '-'], { input: 'this' });
    expect((await system.receiver.first('/dash')).body.toString()).toBe('this');
    expect((await run(['publish', `${system.receiver.url}/x`, '-f', join(folder, 'none')])).code).toBe(2);
    await rm(folder, { recursive: true });
  });

  test('says everything that can be said about a message', async () => {
    const notBefore = Math.floor(Date.now() / 1000) + 3600;
    const reply = await json<{ messageId: string; url: string }>([
      ...['publish', `${system.receiver.url}/later`, '--body', 'secret', '--not-before', String(notBefore)],
      ...[
        '--retries',
        '5',
        '--retry-delay',
        '1000 * retried',
        '--timeout',
        '30',
        '--label',
        'red,blue',
        '--label',
        'x',
      ],
      ...['--callback', `${system.receiver.url}/cb`, '--failure-callback', `${system.receiver.url}/fcb`],
      ...['--flow-key', 'cli-key', '--parallelism', '3', '--rate', '10', '--period', '1m', '--redact', 'body'],
    ]);
    expect(reply.url).toBe(`${system.receiver.url}/later`);
    const message = await json<Record<string, unknown>>(['message', 'get', reply.messageId]);
    expect(message).toMatchObject({
      notBefore: notBefore * 1000,
      maxRetries: 5,
      retryDelayExpression: '1000 * retried',
      labels: ['red', 'blue', 'x'],
      callback: `${system.receiver.url}/cb`,
      failureCallback: `${system.receiver.url}/fcb`,
      flowControlKey: 'cli-key',
      parallelism: 3,
      rate: 10,
      period: 60,
    });
    expect(message['body']).toMatch(/^REDACTED/);
    expect(message).not.toHaveProperty('ratePerSecond');

    const shown = await posthorn(['message', 'get', reply.messageId]);
    expect(shown).toMatch(/^labels +red\n +blue\n +x$/m);
    expect(shown).toMatch(/^notBefore +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 {2}\(in 59m \d+s\)$/m);
    expect(await posthorn(['message', 'cancel', reply.messageId])).toBe('Canceled 1 message.\n');
  });

  test('goes into a queue, and is not created twice', async () => {
    const url = `${system.receiver.url}/queued`;
    const args = ['publish', url, '--queue', 'from-cli', '--dedup-id', 'once', '--delay', '1h'];
    const first = await run(args);
    const second = await run(args);
    expect(second.stdout).toBe(first.stdout);
    expect(second.stderr).toContain('nothing new was created');
    expect(await json(['message', 'get', first.stdout.trim()])).toMatchObject({ queueName: 'from-cli' });
  });

  test.each([
    [['publish'], /missing required argument/],
    [['publish', 'http://a', '--delay', 'soon'], /Use a duration/],
    [['publish', 'http://a', '--retries', '-1'], /Use a whole number/],
    [['publish', 'http://a', '-H', 'nothing'], /Use 'Name: value'/],
    [['publish', 'http://a', '-X', 'TRACE'], /Allowed choices are GET/],
    [['publish', 'http://a', '--rate', '3'], /need --flow-key/],
    [['publish', 'http://a', '--redact', 'all'], /use body, header or header\[Name\]/],
    [['publish', 'http://a', '--body', 'a', '--body-file', 'b'], /not both/],
    [['publish', 'http://a', '--not-before', 'tomorrow'], /Use a date/],
    [['publish', 'http://a', '--colour'], /unknown option/],
    [['publsh'], /Did you mean publish/],
  ])('%j is wrong usage: 2', async (args, said) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(said);
  });

  test('what the server refuses is said in its words: 1', async () => {
    const { code, stderr } = await run(['publish', 'http://a', '--retry-delay', 'retried +']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^posthorn: .*retry/i);
    expect(stderr).not.toContain('{');
  });
});

describe('connection', () => {
  test('a server that is not there is named, with what to do: 4', async () => {
    const { code, stderr } = await run(['queue', 'list', '--url', 'http://127.0.0.1:2']);
    expect(code).toBe(4);
    expect(stderr).toContain('http://127.0.0.1:2');
    expect(stderr).toContain('npm start');
  });

  test('a wrong token is never printed: 5', async () => {
    const { code, stderr, stdout } = await run(['queue', 'list'], { env: { QSTASH_TOKEN: 'wrong-secret' } });
    expect(code).toBe(5);
    expect(stderr).toContain('QSTASH_TOKEN');
    expect(stderr + stdout).not.toContain('wrong-secret');
  });

  test('the token of a local start near by is used, and only for this machine', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-cli-'));
    await mkdir(join(folder, 'data'));
    await mkdir(join(folder, 'below'));
    const credentials = { token: testToken, currentSigningKey: 'sig_a', nextSigningKey: 'sig_b' };
    await writeFile(join(folder, 'data/credentials.json'), JSON.stringify(credentials));
    const local = { QSTASH_TOKEN: '', POSTHORN_DATA_DIR: '' };
    const near = await run(['topic', 'list', '--json'], { env: local, cwd: join(folder, 'below') });
    expect(near).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
    const env = { ...local, QSTASH_URL: 'http://posthorn.example' };
    const far = await run(['topic', 'list'], { env, cwd: folder });
    expect(far.code).toBe(5);
    expect(far.stderr).toContain('Set QSTASH_TOKEN');
    await rm(folder, { recursive: true });
  });

  test('the options of the connection stand before or behind the command', async () => {
    const env = { QSTASH_URL: '', QSTASH_TOKEN: '' };
    const options = ['--url', system.api.url, '--token', testToken];
    expect(await posthorn([...options, '--json', 'topic', 'list'], { env })).toBe('[]\n');
    expect(await posthorn(['topic', 'list', '--json', ...options], { env })).toBe('[]\n');
  });

  test('--version and --help need no server', async () => {
    const env = { QSTASH_URL: '', QSTASH_TOKEN: '' };
    expect(await posthorn(['--version'], { env })).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await posthorn(['--help'], { env })).toContain('Exit status:');
    expect(await posthorn(['dlq', 'retry', '--help'], { env })).toMatch(/--label[^]*0 for all \(default: all\)/);
  });
});

describe('logs', () => {
  test('show what became of a message', async () => {
    system.receiver.reply('/flaky', 500, 200);
    const url = `${system.receiver.url}/flaky`;
    const id = (await posthorn(['publish', url, '--retry-delay', '100', '--label', 'flaky', '-d', 'b'])).trim();
    const lines = await eventually(async () => {
      const text = await posthorn(['logs', '--message', id]);
      return text.includes('DELIVERED') ? text.trimEnd().split('\n') : undefined;
    });
    expect(lines[0]).toMatch(/^TIME +STATE +MESSAGE +URL +DETAIL$/);
    const states = lines.slice(1).map((line) => line.split(/ +/)[1]);
    expect(states).toEqual(['CREATED', 'ACTIVE', 'ERROR', 'RETRY', 'ACTIVE', 'DELIVERED']);
    expect(lines[3]).toContain(' ERROR 500 ');
    expect(lines[4]).toMatch(/ next attempt after 1\d\d ms$/);
    // Columns are aligned.
    for (const line of lines.slice(1)) expect(line.indexOf('msg_')).toBe(lines[1]?.indexOf('msg_'));

    const entries = await json<{ state: string; body?: string }[]>(['logs', '--url', url, '--state', 'delivered']);
    expect(entries).toEqual([expect.objectContaining({ messageId: id, state: 'DELIVERED', body: 'Yg==' })]);
    expect(await json<unknown[]>(['logs', '--label', 'flaky', '--since', '1h', '--limit', '2'])).toHaveLength(2);
    expect(await json(['logs', '--label', 'flaky', '--until', '2020-01-01'])).toEqual([]);
    expect((await run(['logs', '--state', 'gone'])).code).toBe(2);
  });

  test('--limit reaches over pages, to the newest lines', async () => {
    const items = Array.from({ length: 600 }, () => ({
      destination: `${system.receiver.url}/paged`,
      headers: { 'Upstash-Label': 'paged' },
    }));
    await system.api.call('/v2/batch', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(items),
    });
    await eventually(async () => {
      const lines = await json<unknown[]>(['logs', '--label', 'paged', '--limit', '0']);
      return lines.length === 1800;
    });
    expect(await json<unknown[]>(['logs', '--label', 'paged', '--limit', '1500'])).toHaveLength(1500);
  }, 60_000);

  test('--follow prints each line once, also while the API restarts, and ends on Ctrl-C', async () => {
    const label = ['--label', 'followed'];
    await posthorn(['publish', `${system.receiver.url}/one`, ...label, '-d', '']);
    const api = await startApi(system.redis.url);
    const follower = start(['logs', ...label, '--follow', '--json'], { env: { QSTASH_URL: api.url } });
    const lines = () =>
      follower.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as { messageId: string; state: string; time: number });
    const delivered = () => lines().filter(({ state }) => state === 'DELIVERED').length;
    await eventually(() => delivered() === 1);

    await api.end('SIGKILL');
    await eventually(() => follower.stderr.includes('waiting'));
    await posthorn(['publish', `${system.receiver.url}/two`, ...label, '-d', '']);
    const again = await startApi(system.redis.url, { PORT: new URL(api.url).port });
    await eventually(() => delivered() === 2);
    await posthorn(['publish', `${system.receiver.url}/three`, ...label, '-d', '']);
    await eventually(() => delivered() === 3);

    follower.child.kill('SIGINT');
    expect(await follower.exited).toBe(0);
    const printed = lines().map(({ messageId, state }) => `${messageId} ${state}`);
    expect(new Set(printed).size).toBe(printed.length);
    expect(printed).toHaveLength(9);
    await again.end('SIGKILL');
  }, 60_000);
});

describe('messages', () => {
  const publish = async (label: string) =>
    (await posthorn(['publish', `${system.receiver.url}/never`, '--delay', '1h', '--label', label, '-d', ''])).trim();

  test('are canceled by ids, by filters, and all only with --yes', async () => {
    const [a, b, c] = [await publish('k'), await publish('k'), await publish('l')];
    expect(await json(['message', 'cancel', a, b])).toEqual({ cancelled: 2 });
    const again = await run(['message', 'cancel', a, c]);
    expect(again).toMatchObject({ code: 3, stdout: 'Canceled 1 message.\n' });
    await publish('m');
    await publish('n');
    expect(await posthorn(['message', 'cancel', '--label', 'm,none'])).toBe('Canceled 1 message.\n');
    expect((await run(['message', 'cancel', '--all'])).code).toBe(2);
    expect((await run(['message', 'cancel'])).code).toBe(2);
    const items = Array.from({ length: 230 }, () => ({
      destination: `${system.receiver.url}/never`,
      headers: { 'Upstash-Label': 'pages', 'Upstash-Delay': '1h' },
    }));
    await system.api.request('POST', '/v2/batch', { body: items });
    expect(await json(['message', 'cancel', '--label', 'pages', '--limit', '110'])).toEqual({ cancelled: 110 });
    expect(await json(['message', 'cancel', '--label', 'pages'])).toEqual({ cancelled: 120 });
    await posthorn(['message', 'cancel', '--all', '--yes']);
    expect(await json(['message', 'cancel', '--all', '--yes'])).toEqual({ cancelled: 0 });
  });

  test('that are not there: 3', async () => {
    const { code, stdout, stderr } = await run(['message', 'get', 'msg_none']);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(/^posthorn: /);
    expect((await run(['message', 'cancel', 'msg_none'])).code).toBe(3);
  });
});

test('dead letters are listed, shown, published again and removed', async () => {
  system.receiver.reply('/dead', { status: 418, body: 'teapot' });
  const fail = async (label: string) => {
    const id = await posthorn([
      'publish',
      `${system.receiver.url}/dead`,
      '--retries',
      '0',
      '--label',
      label,
      '-d',
      'x',
    ]);
    return eventually(async () => (await json<{ dlqId: string }[]>(['dlq', 'list', '--message', id.trim()]))[0]);
  };
  const { dlqId } = await fail('d1');
  expect(await json(['dlq', 'get', dlqId])).toMatchObject({ dlqId, responseStatus: 418, responseBody: 'teapot' });
  expect(await posthorn(['dlq', 'get', dlqId])).toMatch(/^responseBody +teapot$/m);
  expect(await posthorn(['dlq', 'list'])).toMatch(
    /^ID +MESSAGE +PUBLISHED +RESPONSE +REASON +LABELS +URL\n\S+ +msg_\S+ .* 418 +the destination answered 418 +d1 +http/,
  );

  await fail('d2');
  await fail('d3');
  expect(await json<unknown[]>(['dlq', 'list', '--limit', '2'])).toHaveLength(2);
  expect(await json<unknown[]>(['dlq', 'list', '--status', '418', '--label', 'd2,d3'])).toHaveLength(2);
  expect(await json(['dlq', 'list', '--status', '500'])).toEqual([]);

  system.receiver.reply('/dead', 200);
  const retried = await json<{ responses: { messageId: string }[] }>(['dlq', 'retry', dlqId]);
  expect(retried.responses).toHaveLength(1);
  expect((await run(['dlq', 'retry', dlqId])).code).toBe(3);
  expect(await posthorn(['dlq', 'retry', '--label', 'd2'])).toBe('Retried 1 message.\n');

  expect((await run(['dlq', 'delete', '--all'])).code).toBe(2);
  expect((await run(['dlq', 'delete'])).code).toBe(2);
  expect((await run(['dlq', 'delete', '1-1'])).code).toBe(3);
  expect(await posthorn(['dlq', 'delete', '--all', '--yes'])).toBe('Removed 1 dead letter.\n');
  const empty = await run(['dlq', 'list']);
  expect(empty).toEqual({ code: 0, stdout: '', stderr: 'posthorn: no messages in the dead letter queue match\n' });
});

test('--all reaches over pages', async () => {
  const items = Array.from({ length: 230 }, () => ({
    destination: 'http://127.0.0.1:1/',
    headers: { 'Upstash-Label': 'many', 'Upstash-Retries': '0' },
  }));
  await system.api.request('POST', '/v2/batch', { body: items });
  await eventually(
    async () => (await json<unknown[]>(['dlq', 'list', '--label', 'many', '--limit', '0'])).length === 230,
    30_000,
  );
  expect(await json(['dlq', 'delete', '--label', 'many', '--limit', '110'])).toEqual({ deleted: 110 });
  expect(await json(['dlq', 'delete', '--label', 'many'])).toEqual({ deleted: 120 });
}, 60_000);

test('schedules are created, listed, shown, paused, resumed and deleted', async () => {
  const create = ['schedule', 'create', `${system.receiver.url}/tick`, '--cron', '0 0 1 1 *', '--id', 'yearly'];
  expect(await posthorn([...create, '--body', 'tick', '--retries', '1', '-H', 'X-A: b'])).toBe('yearly\n');
  expect(await json(['schedule', 'get', 'yearly'])).toMatchObject({ cron: '0 0 1 1 *', body: 'tick', retries: 1 });
  expect(await posthorn(['schedule', 'list'])).toMatch(/^yearly +0 0 1 1 \* +active +in \d+d.* +never +http/m);
  expect(await posthorn(['schedule', 'pause', 'yearly'])).toBe('Paused schedule yearly.\n');
  expect(await posthorn(['schedule', 'list'])).toContain('paused');
  expect(await json(['schedule', 'resume', 'yearly'])).toEqual({});
  expect(await json(['schedule', 'list'])).toEqual([expect.objectContaining({ isPaused: false })]);
  await posthorn(['schedule', 'delete', 'yearly']);
  expect((await run(['schedule', 'get', 'yearly'])).code).toBe(3);
  expect((await run(['schedule', 'create', 'http://a', '--cron', 'often'])).code).toBe(1);
  expect((await run(['schedule', 'create', 'http://a'])).code).toBe(2);
});

test('queues are set, listed, shown, paused, resumed and deleted', async () => {
  expect(await posthorn(['queue', 'set', 'q', '--parallelism', '2'])).toBe('Set the parallelism of queue q to 2.\n');
  await posthorn(['queue', 'pause', 'q']);
  await posthorn(['queue', 'set', 'q', '--parallelism', '3']);
  expect(await json(['queue', 'get', 'q'])).toMatchObject({ name: 'q', parallelism: 3, paused: true });
  expect(await posthorn(['queue', 'list'])).toMatch(/^q +paused +3 +0 /m);
  expect(await posthorn(['queue', 'resume', 'q'])).toBe('Resumed queue q.\n');
  expect(await posthorn(['queue', 'get', 'q'])).toMatch(/^paused +false$/m);
  await posthorn(['queue', 'delete', 'q']);
  expect((await run(['queue', 'get', 'q'])).code).toBe(3);
  expect(await json<unknown[]>(['queue', 'list', '--limit', '1'])).toHaveLength(1);
});

test('topics get endpoints, are published to, and are deleted', async () => {
  const [one, two] = [`${system.receiver.url}/t1`, `${system.receiver.url}/t2`];
  expect(await posthorn(['topic', 'add', 'orders', one, `second=${two}`])).toBe('Added 2 endpoints to topic orders.\n');
  expect(await json(['topic', 'get', 'orders'])).toMatchObject({
    endpoints: [{ url: one }, { url: two, name: 'second' }],
  });
  expect(await posthorn(['topic', 'list'])).toContain(one);
  const printed = await posthorn(['publish', 'orders', '--body', 'both']);
  expect(printed).toMatch(new RegExp(`^msg_\\S+ {2}${one}\nmsg_\\S+ {2}${two}\n$`));
  await system.receiver.first('/t1');
  await system.receiver.first('/t2');
  await posthorn(['topic', 'remove', 'orders', 'second']);
  expect(await posthorn(['topic', 'get', 'orders'])).not.toContain(two);
  await posthorn(['topic', 'delete', 'orders']);
  expect((await run(['topic', 'get', 'orders'])).code).toBe(3);
});

test('flow-control keys are pinned, paused, listed, shown and reset', async () => {
  await posthorn(['flow', 'pin', 'k/1', '--parallelism', '4', '--rate', '9', '--period', '60']);
  expect(await json(['flow', 'get', 'k/1'])).toMatchObject({ parallelismMax: 4, rateMax: 9, ratePeriod: 60 });
  await posthorn(['flow', 'pause', 'k/1']);
  expect(await posthorn(['flow', 'list', '--search', 'k/'])).toMatch(
    /^k\/1 +paused +0 +0 of 4 +0 of 9 in 1m +parallelism, rate$/m,
  );
  expect(await posthorn(['flow', 'resume', 'k/1'])).toBe('Resumed flow-control key k/1.\n');
  await posthorn(['flow', 'reset', 'k/1']);
  await posthorn(['flow', 'unpin', 'k/1', '--rate']);
  expect(await json(['flow', 'get', 'k/1'])).toMatchObject({ isPinnedParallelism: true, isPinnedRate: false });
  await posthorn(['flow', 'unpin', 'k/1']);
  expect(await json(['flow', 'get', 'k/1'])).toMatchObject({ isPinnedParallelism: false });
  expect((await run(['flow', 'get', 'none'])).code).toBe(3);
  expect((await run(['flow', 'pin', 'k/1'])).code).toBe(2);
});

test.each([
  ['--method', 'PUT'],
  ['--callback', 'https://a.example'],
  ['--queue', 'q'],
])('workflow trigger has no %s, which runs do not have', async (option, value) => {
  const { code, stderr } = await run(['workflow', 'trigger', system.urlOf('/w'), option, value]);
  expect(code).toBe(2);
  expect(stderr).toContain(`unknown option '${option}'`);
});

test('workflow cancel --url leaves runs of a longer URL alone', async () => {
  const urls = ['/w', '/w/other'].map((path) => system.urlOf(path));
  for (const url of urls) await posthorn(['workflow', 'trigger', url, '--delay', '1h']);
  expect(await json(['workflow', 'cancel', '--url', urls[0] ?? ''])).toEqual({ cancelled: 1 });
  const active = await json<{ workflowUrl: string }[]>(['workflow', 'list', '--state', 'RUN_STARTED']);
  expect(active.map(({ workflowUrl }) => workflowUrl)).toEqual([urls[1]]);
  expect(await json(['workflow', 'cancel', '--all', '--yes'])).toEqual({ cancelled: 1 });
});

test('workflow notify sends the bytes of a file as they are', async () => {
  const bytes = Buffer.from([0, 0xff, 0xfe, 0x80, 10]);
  const args = ['workflow', 'notify', 'paid', '--body-file', '-'];
  // In place of the server: it would show the bytes only to a step.
  await run(args, { input: bytes, env: { QSTASH_URL: system.receiver.url } });
  expect((await system.receiver.first('/v2/notify/paid')).body).toEqual(bytes);
});

test('signing keys are printed, and rotated', async () => {
  const before = await json<{ current: string; next: string }>(['keys', 'get']);
  expect(await posthorn(['keys', 'get'])).toBe(`current  ${before.current}\nnext     ${before.next}\n`);
  const after = await json<{ current: string; next: string }>(['keys', 'rotate']);
  expect(after.current).toBe(before.next);
});

test.each(['bash', 'zsh', 'fish'])('completion for %s names commands and options', async (shell) => {
  const script = await posthorn(['completion', shell], { env: { QSTASH_TOKEN: '' } });
  expect(script).toContain('schedule');
  expect(script).toContain('failure-callback');
});

test('start runs all of posthorn, with the state in the same place, until Ctrl-C', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'posthorn-cli-'));
  const port = String(await findFreePort());
  const env = { ...process.env, PORT: port, POSTHORN_DATA_DIR: dataDir } as Record<string, string>;
  const started = start(['start'], { env: { ...env, QSTASH_TOKEN: '' }, cwd: tmpdir() });
  try {
    await eventually(() => started.stdout.includes(`posthorn ready on http://127.0.0.1:${port}`), 60_000);
    const local = { QSTASH_TOKEN: '', QSTASH_URL: `http://127.0.0.1:${port}`, POSTHORN_DATA_DIR: dataDir };
    expect(await json(['queue', 'list'], { env: local })).toEqual([]);
  } finally {
    started.child.kill('SIGINT');
  }
  expect(await started.exited).toBe(0);
  await rm(dataDir, { recursive: true, force: true });
}, 120_000);

test('a server that runs is found by its file, unless the environment or an option names another one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'posthorn-cli-'));
  const other = 'http://127.0.0.1:2';
  await writeFile(join(folder, 'server.json'), JSON.stringify({ url: other, token: 'of-the-file', pid: 1 }));
  const found = { QSTASH_URL: '', QSTASH_TOKEN: '', POSTHORN_DATA_DIR: folder };
  expect(await json(['token'], { env: found })).toEqual({ url: other, token: 'of-the-file' });
  const env = { ...found, QSTASH_URL: system.api.url, QSTASH_TOKEN: testToken };
  expect(await json(['token'], { env })).toEqual({ url: system.api.url, token: testToken });
  expect(await json(['token', '--token', 'given'], { env })).toEqual({ url: system.api.url, token: 'given' });
  await rm(folder, { recursive: true });
});

test('message says where a message is and what happened to it; console prints a link that signs in', async () => {
  const id = await system.api.publish(`${system.receiver.url}/where`);
  await system.api.untilState(id, 'DELIVERED');
  const text = await posthorn(['message', id]);
  expect(text).toMatch(/^Delivered .*, first attempt: 200 after .*\.$/m);
  for (const state of ['CREATED', 'ACTIVE', 'DELIVERED']) expect(text).toContain(state);
  expect(await json(['message', id])).toMatchObject({ where: { kind: 'delivered' }, message: { messageId: id } });
  expect(await posthorn(['console'])).toMatch(/^http:\/\/.*\/console\/#code=[\w-]{43}$/m);
});

test('status says whether the server is ready, and what waits', async () => {
  expect(await json(['status'])).toMatchObject({ server: system.api.url, state: 'ready', durability: 'always' });
  expect(await posthorn(['status'])).toMatch(/^state +ready$/m);
  const away = await run(['status', '--url', 'http://127.0.0.1:2']);
  expect(away.code).toBe(4);
  expect(away.stderr).toContain('http://127.0.0.1:2 does not answer');
});

describe('listen', () => {
  async function listen(...args: string[]) {
    const port = await findFreePort();
    const listener = start(['listen', String(port), ...args]);
    await eventually(() => listener.stderr.includes('listening on'));
    return { ...listener, url: `http://localhost:${port}`, output: () => listener.stdout };
  }

  test('prints what is delivered, checks its signature, and answers with the status', async () => {
    const listener = await listen('--status', '418');
    const body = 'line\n\u001b[31mred';
    await posthorn(['publish', `${listener.url}/in?x=1`, '--body', body, '--retries', '0', '-H', 'X-Id: 7']);
    await eventually(() => listener.output().includes('red'));
    expect(listener.output()).toMatch(/^POST \/in\?x=1 {2}signature valid$/m);
    expect(listener.output()).toMatch(/^ {2}x-id: 7$/m);
    expect(listener.output()).toContain(String.raw`\x1b[31mred`);
    await eventually(async () => (await posthorn(['dlq', 'list', '--status', '418'])).includes('/in'));
    listener.child.kill('SIGINT');
    expect(await listener.exited).toBe(0);
  });

  test('says that a signature is missing, invalid, or cannot be checked, as JSON', async () => {
    const listener = await listen('--json');
    for (const headers of [{}, { 'Upstash-Signature': 'a.b.c' }]) {
      expect((await fetch(listener.url, { method: 'PUT', body: 'x', headers })).status).toBe(200);
    }
    const read = () =>
      listener
        .output()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as object);
    await eventually(() => read().length === 2);
    expect(read()).toMatchObject([
      { method: 'PUT', path: '/', body: 'x', signature: 'missing' },
      { signature: expect.stringMatching(/^invalid: /) as string },
    ]);
    listener.child.kill('SIGTERM');
    await listener.exited;
  });

  test('refuses a port in use, and a port or status that is none', async () => {
    const listener = await listen();
    const { port } = new URL(listener.url);
    expect(await run(['listen', port])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`port ${port}`) as string,
    });
    expect((await run(['listen', '70000'])).code).toBe(2);
    expect((await run(['listen', '--status', '99'])).code).toBe(2);
    listener.child.kill('SIGTERM');
    await listener.exited;
  });
});

test('who has read enough is no error', async () => {
  const started = start(['completion', 'fish']);
  started.child.stdout.destroy();
  expect(await started.exited).toBe(0);
  expect(started.stderr).toBe('');
});
