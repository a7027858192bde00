import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort, startReceiver, type Receiver as TestServer } from '@posthorn/testkit';
import { Client, isBatchFailure, QstashConnectionError, QstashEmptyArrayError, QstashError } from './index.ts';
import { QstashTimeoutError, QstashUnavailableError, QstashValidationError } from './index.ts';
import { version } from './version.ts';

const url = 'https://a.example';
const published = '/v2/publish/https://a.example';
const quick = { backoff: () => 1 };

let server: TestServer;
let client: Client;
let warn: jest.SpyInstance;
beforeEach(async () => {
  warn = jest.spyOn(console, 'warn').mockImplementation();
  server = await startReceiver();
  client = new Client({ baseUrl: server.url, token: 'token', retry: quick });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await server.stop();
});

const answer = (path: string, ...bodies: unknown[]) =>
  server.reply(path, ...bodies.map((body) => ({ status: 200, body: JSON.stringify(body) })));

describe('configuration', () => {
  const { env } = process;
  beforeEach(() => {
    process.env = Object.fromEntries(Object.entries(env).filter(([name]) => !/QSTASH|UPSTASH|VERCEL|AWS/.test(name)));
    answer('/v2/topics', []);
  });
  afterEach(() => (process.env = env));

  const tokenOf = async (list: Promise<unknown>) => {
    await list;
    return server.requests.at(-1)?.headers.authorization;
  };

  test('QSTASH_URL and QSTASH_TOKEN are used where nothing is given', async () => {
    process.env['QSTASH_URL'] = `${server.url}/`;
    process.env['QSTASH_TOKEN'] = 'from-variable';
    expect(await tokenOf(new Client().urlGroups.list())).toBe('Bearer from-variable');
    expect(await tokenOf(new Client({ token: 'given' }).urlGroups.list())).toBe('Bearer given');
    expect(warn).not.toHaveBeenCalled();
  });

  test('without any configuration the server of this machine is asked, and a missing token is said', async () => {
    const asked: string[] = [];
    jest.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
      asked.push((input as URL).href);
      return new Response('[]');
    });
    await new Client().urlGroups.list();
    expect(asked).toEqual(['http://127.0.0.1:8080/v2/topics']);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('QSTASH_TOKEN'));
  });

  test.each(['https://qstash.upstash.io/v2/publish', 'https://qstash.upstash.io/v2/publish/'])(
    'the old base URL %s is corrected',
    async (baseUrl) => {
      const fetching = jest.spyOn(globalThis, 'fetch').mockResolvedValue(new Response('[]'));
      await new Client({ baseUrl, token: 't' }).urlGroups.list();
      expect(fetching.mock.calls[0]?.[0]).toHaveProperty('href', 'https://qstash.upstash.io/v2/topics');
    },
  );

  test('the variables of the region are used, unless both the URL and the token are given', async () => {
    process.env['QSTASH_REGION'] = 'us-east-1';
    process.env['US_EAST_1_QSTASH_URL'] = server.url;
    process.env['US_EAST_1_QSTASH_TOKEN'] = 'of-region';
    process.env['QSTASH_TOKEN'] = 'plain';
    expect(await tokenOf(new Client().urlGroups.list())).toBe('Bearer of-region');
    expect(await tokenOf(new Client({ token: 'given' }).urlGroups.list())).toBe('Bearer of-region');
    expect(await tokenOf(new Client({ token: 'given', baseUrl: server.url }).urlGroups.list())).toBe('Bearer given');
  });

  test('a region without its variables falls back to the plain ones, with a warning', async () => {
    process.env['QSTASH_REGION'] = 'EU_CENTRAL_1';
    process.env['QSTASH_URL'] = server.url;
    process.env['QSTASH_TOKEN'] = 'plain';
    expect(await tokenOf(new Client().urlGroups.list())).toBe('Bearer plain');
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('EU_CENTRAL_1_QSTASH_URL'));
  });

  test.each(['true', '1', 'TRUE'])('QSTASH_DEV=%s uses the development server whatever else is set', async (value) => {
    process.env['QSTASH_DEV'] = value;
    process.env['QSTASH_DEV_PORT'] = new URL(server.url).port;
    expect(await tokenOf(new Client({ baseUrl: 'https://x.example', token: 'x' }).urlGroups.list())).toBe(
      'Bearer eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=',
    );
  });

  test('QSTASH_DEV can be off, and is refused by the first call when it is neither', async () => {
    for (const value of ['false', '0', '']) {
      process.env['QSTASH_DEV'] = value;
      expect(await tokenOf(new Client({ baseUrl: server.url, token: 't' }).urlGroups.list())).toBe('Bearer t');
    }
    process.env['QSTASH_DEV'] = 'maybe';
    await expect(new Client().urlGroups.list()).rejects.toThrow("QSTASH_DEV is 'maybe'");
  });

  test.each([[{ devMode: true }], [{}]])('development mode is refused in production: %j', async (given) => {
    Object.assign(process.env, { QSTASH_DEV: '1', NODE_ENV: 'production' });
    // Not by the constructor: bundlers evaluate modules with NODE_ENV=production.
    const built = new Client({ baseUrl: server.url, token: 't', ...given });
    await expect(built.urlGroups.list()).rejects.toThrow('NODE_ENV is production');
    expect(server.requests).toHaveLength(0);
  });

  test('variables that come after the client are used', async () => {
    const early = new Client();
    Object.assign(process.env, { QSTASH_URL: server.url, QSTASH_TOKEN: 'late' });
    expect(await tokenOf(early.urlGroups.list())).toBe('Bearer late');
  });

  test('explicit options need no environment, as in Deno without --allow-env', async () => {
    const refuse = (name: string | symbol) => {
      throw new Error(`Requires env access to "${String(name)}", run again with the --allow-env flag`);
    };
    process.env = new Proxy({}, { get: (_target, name) => refuse(name) });
    const explicit = new Client({ baseUrl: server.url, token: 't', enableTelemetry: true });
    expect(await tokenOf(explicit.urlGroups.list())).toBe('Bearer t');
  });

  test('without a development server the error says how to start one', async () => {
    process.env['QSTASH_DEV_PORT'] = String(await findFreePort());
    const lonely = new Client({ devMode: true, retry: false });
    await expect(lonely.urlGroups.list()).rejects.toThrow('POSTHORN_DEV_CREDENTIALS=1 npm start');
  });

  test('telemetry goes with messages only, and can be switched off', async () => {
    answer(published, { messageId: 'm' });
    await client.publish({ url, headers: { 'Upstash-Telemetry-Sdk': 'other@1' } });
    await client.urlGroups.list();
    process.env['VERCEL'] = '1';
    await new Client({ baseUrl: server.url, token: 't' }).publish({ url });
    process.env['UPSTASH_DISABLE_TELEMETRY'] = '1';
    await new Client({ baseUrl: server.url, token: 't' }).publish({ url });
    const [first, list, vercel, off] = server.requests.map(({ headers }) => headers);
    expect(first).toMatchObject({
      'upstash-telemetry-sdk': `other@1, posthorn-sdk@${version}`,
      'upstash-telemetry-runtime': `node@${process.version}`,
    });
    expect(first).not.toHaveProperty('upstash-telemetry-platform');
    expect(list).not.toHaveProperty('upstash-telemetry-sdk');
    expect(vercel).toMatchObject({ 'upstash-telemetry-platform': 'vercel' });
    expect(off).not.toHaveProperty('upstash-telemetry-sdk');
  });

  test('the version is that of the package', () => {
    const text = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8');
    expect((JSON.parse(text) as { version: string }).version).toBe(version);
  });
});

describe('what is refused before anything is sent', () => {
  afterEach(() => expect(server.requests).toEqual([]));

  const refused: [string, (client: Client) => Promise<unknown>, string][] = [
    ['messages.get', (c) => c.messages.get(''), 'Message id cannot be empty'],
    ['messages.cancel', (c) => c.messages.cancel(''), 'Message id cannot be empty'],
    ['messages.cancel of nothing', (c) => c.messages.cancel(undefined as never), 'Message id cannot be empty'],
    ['messages.delete', (c) => c.messages.delete(''), 'Message id cannot be empty'],
    ['schedules.get', (c) => c.schedules.get(''), 'Schedule id cannot be empty'],
    ['schedules.delete', (c) => c.schedules.delete(''), 'Schedule id cannot be empty'],
    ['schedules.pause', (c) => c.schedules.pause({ schedule: '' }), 'Schedule id cannot be empty'],
    ['schedules.create', (c) => c.schedules.create({ destination: '', cron: '* * * * *' }), 'Destination cannot be'],
    ['urlGroups.get', (c) => c.urlGroups.get(''), 'Url group name cannot be empty'],
    ['urlGroups.delete', (c) => c.urlGroups.delete(''), 'Url group name cannot be empty'],
    ['urlGroups.addEndpoints', (c) => c.urlGroups.addEndpoints({ name: '', endpoints: [] }), 'Url group name cannot'],
    ['dlq.get', (c) => c.dlq.get(''), 'DLQ id cannot be empty'],
    ['dlq.delete', (c) => c.dlq.delete(''), 'DLQ id cannot be empty'],
    ['dlq.retry', (c) => c.dlq.retry(''), 'DLQ id cannot be empty'],
    ['flowControl.get', (c) => c.flowControl.get(''), 'Flow control key cannot be empty'],
    ['flowControl.pause', (c) => c.flowControl.pause(''), 'Flow control key cannot be empty'],
    ['queue.get', (c) => c.queue().get(), 'Please provide a queue name to the Queue constructor'],
    ['queue.upsert', (c) => c.queue().upsert({}), 'Please provide a queue name to the Queue constructor'],
    ['queue.enqueue', (c) => c.queue().enqueue({ url }), 'Please provide a queue name to the Queue constructor'],
    ['an id of dots', (c) => c.messages.cancel('..'), "Message id cannot be '..'"],
    ['no destination', (c) => c.publish({} as never), 'Failed to infer request path for'],
    ['an empty destination', (c) => c.publish({ url: '' }), 'Failed to infer request path for'],
    ['a destination that leads elsewhere', (c) => c.publish({ url: '../keys/rotate' }), 'leads out of its path'],
    ['flow control without a limit', (c) => c.publish({ url, flowControl: { key: 'k' } as never }), 'at least one of'],
    ['a batch with bytes', (c) => c.batch([{ url, body: new Blob() }]), 'must be text'],
    ['a filter without a field', (c) => c.messages.cancel({ filter: {} as never }), 'Give messageIds, a filter'],
    ['a bulk call that names nothing', (c) => c.dlq.delete({} as never), 'Give dlqIds, a filter'],
    ['an empty list of ids', (c) => c.messages.cancel({ messageIds: [] }), 'Empty array provided for'],
    ['an empty list in a filter', (c) => c.dlq.retry({ filter: { label: [] } }), 'Empty array provided for'],
    ['an empty list of ids in logs', (c) => c.logs({ messageIds: [] }), 'Empty array provided for'],
  ];
  test.each(refused)('%s', async (_name, call, message) => {
    const failure: unknown = await call(client).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(QstashValidationError);
    expect(failure).toBeInstanceOf(QstashError);
    expect((failure as QstashError).status).toBeUndefined();
    expect((failure as QstashError).message).toContain(message);
    expect(failure instanceof QstashEmptyArrayError).toBe(message.startsWith('Empty array'));
  });

  test('an empty list is nothing to do', async () => {
    expect(await client.messages.cancel([])).toEqual({ cancelled: 0 });
    expect(await client.dlq.delete([])).toEqual({ deleted: 0 });
    expect(await client.dlq.retry([])).toEqual({ responses: [] });
  });

  test('a base URL that is none', async () => {
    const lost = new Client({ baseUrl: 'localhost', token: 't' });
    await expect(lost.urlGroups.list()).rejects.toThrow("The base URL 'localhost' is not absolute");
  });
});

describe('text that is not ASCII', () => {
  const text = 'Zoë 日本 😀';
  const message = {
    url,
    label: ['Zoë', '日本'],
    flowControl: { key: text, rate: 1 },
    callback: 'https://例え.jp/',
    headers: { 'X-Name': text },
  };
  const sent = {
    'upstash-label': 'Zoë,日本',
    'upstash-flow-control-key': text,
    'upstash-callback': 'https://例え.jp/',
    'upstash-forward-x-name': text,
  };
  /** The headers of the last request, read as UTF-8. */
  const received = () =>
    Object.fromEntries(
      Object.entries(server.requests.at(-1)?.headers ?? {}).map(([name, value]) => [
        name,
        Buffer.from(String(value), 'latin1').toString(),
      ]),
    );

  const ways: [string, (c: Client) => Promise<unknown>][] = [
    ['publish', (c) => c.publish({ ...message, body: 'x' })],
    ['publishJSON', (c) => c.publishJSON({ ...message, body: {} })],
    ['enqueue', (c) => c.queue({ queueName: 'q' }).enqueue(message)],
    ['enqueueJSON', (c) => c.queue({ queueName: 'q' }).enqueueJSON({ ...message, body: {} })],
    ['schedules.create', (c) => c.schedules.create({ ...message, destination: url, cron: '* * * * *' })],
    ['a list of headers', (c) => c.publish({ ...message, headers: [['X-Name', text]] })],
    [
      'headers that are bytes already',
      (c) => c.publish({ ...message, headers: new Headers({ 'X-Name': Buffer.from(text).toString('latin1') }) }),
    ],
  ];
  beforeEach(() => {
    for (const way of ['publish', 'enqueue/q', 'schedules', 'trigger']) answer(`/v2/${way}/${url}`, {});
  });

  test.each(ways)('%s sends it as UTF-8', async (_name, call) => {
    await call(client);
    expect(received()).toMatchObject(sent);
  });

  test('a workflow and the headers of a client, too', async () => {
    const { callback: _, ...run } = message;
    const named = new Client({ baseUrl: server.url, token: 't', headers: { 'X-Client': text } });
    await named.workflow.trigger({ ...run, workflowRunId: 'wfr_日本' });
    const { 'upstash-callback': _callback, ...rest } = sent;
    const own = { 'upstash-forward-x-client': text, 'upstash-workflow-runid': 'wfr_日本' };
    expect(received()).toMatchObject({ ...rest, ...own });
  });

  test('a batch has it as text', async () => {
    answer('/v2/batch', []);
    await client.batch([message]);
    await client.batchJSON([{ ...message, body: {} }]);
    await client.batch([{ ...message, headers: new Headers({ 'X-Name': 'Zoë' }) }]);
    const [one, two, three] = server.requests.map(({ body }) => JSON.parse(body.toString()) as [{ headers: object }]);
    expect(one?.[0].headers).toMatchObject(sent);
    expect(two?.[0].headers).toMatchObject(sent);
    expect(three?.[0].headers).toMatchObject({ ...sent, 'upstash-forward-x-name': 'Zoë' });
  });
});

describe('retries', () => {
  const unavailable = { status: 503, body: '{"error":"later"}' };
  const fine = { status: 200, body: '{"messageId":"m"}' };

  test('reads are tried again on 503, up to the number of retries', async () => {
    server.reply('/v2/topics', unavailable, unavailable, { status: 200, body: '[]' });
    expect(await client.urlGroups.list()).toEqual([]);
    server.reply('/v2/queues', unavailable);
    const failure = client.queue().list();
    await expect(failure).rejects.toBeInstanceOf(QstashUnavailableError);
    await expect(failure).rejects.toMatchObject({ status: 503, detail: 'later' });
    expect(server.at('/v2/queues')).toHaveLength(6);
  });

  test('a publish is tried again on 503 only when a second copy does no harm', async () => {
    server.reply(published, unavailable, fine);
    expect(await client.publish({ url, deduplicationId: 'once' })).toEqual({ messageId: 'm' });
    server.reply(published, unavailable, fine);
    expect(await client.publishJSON({ url, contentBasedDeduplication: true })).toEqual({ messageId: 'm' });
    server.reply(published, unavailable, fine);
    await expect(client.publish({ url })).rejects.toMatchObject({ status: 503 });
    server.reply('/v2/batch', unavailable, { status: 200, body: '[]' });
    await expect(client.batch([{ url, deduplicationId: 'a' }, { url }])).rejects.toMatchObject({ status: 503 });
    server.reply('/v2/batch', unavailable, { status: 200, body: '[]' });
    expect(await client.batch([{ url, deduplicationId: 'a' }])).toEqual([]);
  });

  test('an empty deduplication id is none to the server, so that the publish is not tried again', async () => {
    server.reply(published, unavailable, fine);
    await expect(client.publish({ url, deduplicationId: '' })).rejects.toMatchObject({ status: 503 });
  });

  test('a connection that breaks with the code of one that never was may have carried the publish', async () => {
    let calls = 0;
    jest.spyOn(globalThis, 'fetch').mockImplementation(async () => {
      calls++;
      // What a firewall that begins to reject makes of a connection that is open.
      const broken = Object.assign(new Error('read ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'read' });
      throw new TypeError('fetch failed', { cause: broken });
    });
    await expect(client.publish({ url })).rejects.toBeInstanceOf(QstashConnectionError);
    expect(calls).toBe(1);
  });

  test.each([400, 404, 412, 429, 500])('status %d is never tried again', async (status) => {
    server.reply('/v2/topics', status);
    await expect(client.urlGroups.list()).rejects.toMatchObject({ status });
    expect(server.requests).toHaveLength(1);
  });

  test('what acts on "the next 100" is sent once', async () => {
    server.reply('/v2/messages?count=100', unavailable);
    server.reply('/v2/messages?messageIds=a', unavailable);
    server.reply('/v2/dlq?label=a&count=100', unavailable);
    await expect(client.messages.cancel({ all: true })).rejects.toMatchObject({ status: 503 });
    await expect(client.dlq.delete({ filter: { label: 'a' } })).rejects.toMatchObject({ status: 503 });
    expect(server.requests).toHaveLength(2);
    await expect(client.messages.cancel(['a'])).rejects.toMatchObject({ status: 503 });
    expect(server.at('/v2/messages?messageIds=a')).toHaveLength(6);
  });

  test('without a connection everything is tried again: nothing can have been sent', async () => {
    const waits: number[] = [];
    const retry = { retries: 2, backoff: (retried: number) => (waits.push(retried), 1) };
    const lonely = new Client({ baseUrl: `http://127.0.0.1:${await findFreePort()}`, token: 't', retry });
    const failure: unknown = await lonely.publish({ url }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(QstashConnectionError);
    expect((failure as Error).message).toMatch(/^No response from http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    expect(waits).toEqual([0, 1]);
  });

  test('retry: false is one try', async () => {
    server.reply('/v2/topics', unavailable);
    const once = new Client({ baseUrl: server.url, token: 't', retry: false });
    await expect(once.urlGroups.list()).rejects.toMatchObject({ status: 503 });
    expect(server.requests).toHaveLength(1);
  });

  describe('when the connection ends after the request was sent', () => {
    let sockets = 0;
    let broken: ReturnType<typeof createServer>;
    let toBroken: Client;
    beforeEach(async () => {
      sockets = 0;
      broken = createServer((socket: Socket) => {
        sockets++;
        socket.on('error', () => undefined).once('data', () => socket.destroy());
      }).listen(0, '127.0.0.1');
      await once(broken, 'listening');
      const { port } = broken.address() as { port: number };
      toBroken = new Client({ baseUrl: `http://127.0.0.1:${port}`, token: 't', retry: { ...quick, retries: 2 } });
    });
    afterEach(() => void broken.close());

    test('a publish is sent once, for it may have been accepted', async () => {
      await expect(toBroken.publish({ url })).rejects.toBeInstanceOf(QstashConnectionError);
      expect(sockets).toBe(1);
    });

    test('a publish with a deduplication id is sent again', async () => {
      await expect(toBroken.publish({ url, deduplicationId: 'a' })).rejects.toBeInstanceOf(QstashConnectionError);
      expect(sockets).toBe(3);
    });

    test('a stream is sent once, for it is used up', async () => {
      const body = new Blob(['stream']).stream();
      await expect(toBroken.publish({ url, deduplicationId: 'a', body })).rejects.toThrow();
      expect(sockets).toBe(1);
    });

    test('keys are rotated once', async () => {
      await expect(toBroken.keys.rotate()).rejects.toBeInstanceOf(QstashConnectionError);
      expect(sockets).toBe(1);
    });
  });
});

describe('ending a call', () => {
  test('timeoutMs of a call, and of the client', async () => {
    server.reply('/v2/topics', () => undefined);
    const failure: unknown = await client.urlGroups.list({ timeoutMs: 30 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(QstashTimeoutError);
    expect((failure as Error).message).toBe('No response within 30 ms');
    const impatient = new Client({ baseUrl: server.url, token: 't', timeoutMs: 20 });
    await expect(impatient.urlGroups.list()).rejects.toThrow('No response within 20 ms');
  });

  test('timeoutMs ends the waiting between two tries', async () => {
    server.reply('/v2/topics', 503);
    const patient = new Client({ baseUrl: server.url, token: 't', retry: { backoff: () => 60_000 } });
    await expect(patient.urlGroups.list({ timeoutMs: 100 })).rejects.toBeInstanceOf(QstashTimeoutError);
  });

  test('a signal, before and during the call, gives its own reason', async () => {
    server.reply('/v2/topics', () => undefined);
    const reason = new Error('no longer wanted');
    await expect(client.urlGroups.list({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.requests).toHaveLength(0);
    const controller = new AbortController();
    const call = client.urlGroups.list({ signal: controller.signal, timeoutMs: 60_000 });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  const one = { signal: AbortSignal.abort() };
  const calls: [string, (c: Client) => Promise<unknown>][] = [
    ['publish', (c) => c.publish({ url }, one)],
    ['publishJSON', (c) => c.publishJSON({ url }, one)],
    ['batch', (c) => c.batch([{ url }], one)],
    ['batchJSON', (c) => c.batchJSON([{ url }], one)],
    ['logs', (c) => c.logs({}, one)],
    ['messages.get', (c) => c.messages.get('a', one)],
    ['messages.cancel', (c) => c.messages.cancel('a', one)],
    ['messages.cancel many', (c) => c.messages.cancel(['a'], one)],
    ['queue.enqueue', (c) => c.queue({ queueName: 'q' }).enqueue({ url }, one)],
    ['queue.upsert', (c) => c.queue({ queueName: 'q' }).upsert({}, one)],
    ['queue.pause', (c) => c.queue({ queueName: 'q' }).pause(one)],
    ['schedules.create', (c) => c.schedules.create({ destination: url, cron: '' }, one)],
    ['schedules.pause', (c) => c.schedules.pause({ schedule: 's' }, one)],
    ['urlGroups.addEndpoints', (c) => c.urlGroups.addEndpoints({ name: 'g', endpoints: [] }, one)],
    ['dlq.retry', (c) => c.dlq.retry('a', one)],
    ['dlq.delete', (c) => c.dlq.delete('a', one)],
    ['flowControl.pin', (c) => c.flowControl.pin('k', {}, one)],
    ['keys.get', (c) => c.keys.get(one)],
    ['http.request', (c) => c.http.request({ path: ['x'], ...one })],
  ];
  test.each(calls)('%s takes a signal', async (_name, call) => {
    await expect(call(client)).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.requests).toHaveLength(0);
  });
});

describe('numbers that are none are refused before anything is sent', () => {
  const none = NaN;
  const calls: [string, string, (c: Client) => Promise<unknown>][] = [
    ['timeoutMs of a call', 'timeoutMs is NaN', (c) => c.urlGroups.list({ timeoutMs: none })],
    ['an infinite timeoutMs', 'timeoutMs is Infinity', (c) => c.urlGroups.list({ timeoutMs: Infinity })],
    ['a text for timeoutMs', "timeoutMs is '60'", (c) => c.urlGroups.list({ timeoutMs: '60' as unknown as number })],
    ['delay', 'delay is NaN', (c) => c.publish({ url, delay: none })],
    ['notBefore', 'notBefore is NaN', (c) => c.publish({ url, notBefore: none })],
    ['retries', 'retries is Infinity', (c) => c.publish({ url, retries: Infinity })],
    ['timeout', 'timeout is NaN', (c) => c.publish({ url, timeout: none })],
    ['rate', 'rate is NaN', (c) => c.publish({ url, flowControl: { key: 'k', rate: none } })],
    ['parallelism', 'parallelism is', (c) => c.publish({ url, flowControl: { key: 'k', parallelism: none } })],
    ['period', 'period is NaN', (c) => c.publish({ url, flowControl: { key: 'k', rate: 1, period: none } })],
    ['of an item of a batch', 'delay is NaN', (c) => c.batch([{ url, delay: none }])],
    ['of a schedule', 'delay is NaN', (c) => c.schedules.create({ destination: url, cron: '* * * * *', delay: none })],
    ['parallelism of a queue', 'parallelism is', (c) => c.queue({ queueName: 'q' }).upsert({ parallelism: none })],
    ['count', 'count is NaN', (c) => c.logs({ count: none })],
    ['an instant', 'fromDate is NaN', (c) => c.logs({ filter: { fromDate: new Date('nonsense') } })],
    ['a status', 'responseStatus is NaN', (c) => c.dlq.listMessages({ filter: { responseStatus: [500, none] } })],
    ['pinned limits', 'rate is NaN', (c) => c.flowControl.pin('k', { rate: none })],
  ];
  test.each(calls)('%s', async (_name, reason, call) => {
    await expect(call(client)).rejects.toBeInstanceOf(QstashValidationError);
    await expect(call(client)).rejects.toThrow(reason);
    expect(server.requests).toHaveLength(0);
  });

  test.each([NaN, Infinity, -1, '3'])('retries of %p are not tries without an end', async (retries) => {
    server.reply('/v2/topics', 503);
    const retry = { retries: retries as number, backoff: () => 1 };
    const endless = new Client({ baseUrl: server.url, token: 't', retry });
    await expect(endless.urlGroups.list()).rejects.toThrow('retry.retries is');
    expect(server.requests).toHaveLength(0);
  });

  test('a wait of NaN is not no wait', async () => {
    server.reply('/v2/topics', 503);
    const hasty = new Client({ baseUrl: server.url, token: 't', retry: { backoff: () => NaN } });
    await expect(hasty.urlGroups.list()).rejects.toThrow('The result of retry.backoff is NaN');
    expect(server.requests).toHaveLength(1);
  });

  test('a time longer than a timer takes does not end at once', async () => {
    answer('/v2/topics', []);
    expect(await client.urlGroups.list({ timeoutMs: 1e12 })).toEqual([]);
    server.reply('/v2/queues', 503);
    const patient = new Client({ baseUrl: server.url, token: 't', retry: { backoff: () => 1e12 } });
    await expect(patient.queue().list({ timeoutMs: 200 })).rejects.toBeInstanceOf(QstashTimeoutError);
    expect(server.at('/v2/queues')).toHaveLength(1);
  });
});

describe('pages', () => {
  test('iterateLogs walks all pages with the same filter, and asks for no more than is read', async () => {
    const line = (messageId: string) => ({ time: 1, state: 'CREATED', messageId, url });
    answer('/v2/events?label=a', { events: [line('1'), line('2')], cursor: 'c' });
    answer('/v2/events?cursor=c&label=a', { events: [line('3')], cursor: 'd' });
    answer('/v2/events?cursor=d&label=a', { events: [line('4')] });
    const ids = [];
    for await (const { messageId } of client.iterateLogs({ filter: { label: 'a' } })) ids.push(messageId);
    expect(ids).toEqual(['1', '2', '3', '4']);
    for await (const _line of client.iterateLogs({ filter: { label: 'a' } })) break;
    expect(server.requests).toHaveLength(4);
  });

  test('dlq.iterateMessages does the same', async () => {
    answer('/v2/dlq?count=1', { messages: [{ dlqId: '1' }], cursor: 'c' });
    answer('/v2/dlq?count=1&cursor=c', { messages: [{ dlqId: '2' }] });
    const ids = [];
    for await (const { dlqId } of client.dlq.iterateMessages({ count: 1 })) ids.push(dlqId);
    expect(ids).toEqual(['1', '2']);
  });
});

test('an item of a batch that could not be stored is known by its error', async () => {
  answer('/v2/batch', [{ messageId: 'm' }, { error: 'failed to publish to url: x' }]);
  const [stored, lost] = await client.batch([{ url }, { url }]);
  expect(isBatchFailure(stored ?? {})).toBe(false);
  expect(isBatchFailure(lost ?? {})).toBe(true);
});

test('batchJSON leaves the items of the caller as they are', async () => {
  answer('/v2/batch', []);
  const item = { url, body: { n: 1 } };
  await client.batchJSON([item]);
  expect(item).toEqual({ url, body: { n: 1 } });
});
