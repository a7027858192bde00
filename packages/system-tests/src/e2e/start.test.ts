import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { connectForRequests, connectForWork, inspectRedis } from '@posthorn/broker/parts';
import {
  eventually,
  startApi,
  startApp,
  startDispatcher,
  startReceiver,
  startRedis,
  testToken,
  type Receiver,
  type TestRedis,
} from '@posthorn/testkit';
import { makeCertificates, type Certificate } from '../hostile/certificates.ts';

let redis: TestRedis;
let receiver: Receiver;
beforeAll(async () => {
  [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
}, 120_000);
afterAll(async () => {
  await Promise.all([redis.stop(), receiver.stop()]);
});

const timeoutMs = 60_000;
const slow = 120_000;

const linesOf = (output: string, event: string) =>
  output
    .split('\n')
    .filter((line) => line.includes(`"${event}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('TLS on one side only, and certificates', () => {
  /** TLS in front of Redis, as a provider has it. */
  async function startTls(certificate: Certificate) {
    const server = createServer(certificate, (near) => {
      const far = connect(redis.port, '127.0.0.1');
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on('error', () => (near.destroy(), far.destroy()));
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port, close: () => server.close() };
  }

  async function start(url: string): Promise<string[]> {
    return Promise.all(
      [connectForRequests, connectForWork].map(async (open) => {
        const connection = open(url);
        connection.on('error', () => undefined);
        return inspectRedis(connection, timeoutMs)
          .then(
            () => 'started',
            (error: unknown) => (error as Error).message,
          )
          .finally(() => connection.disconnect());
      }),
    );
  }

  test(
    'a plain connection to a port for TLS, and the other way round',
    async () => {
      const { good } = await makeCertificates();
      const tls = await startTls(good);
      const startedAt = performance.now();
      for (const sentence of await start(`redis://localhost:${tls.port}`)) {
        expect(sentence).toBe(`REDIS_URL: Redis speaks TLS on port ${tls.port}; use rediss:// in place of redis://.`);
      }
      for (const sentence of await start(`rediss://:secret@localhost:${redis.port}`)) {
        expect(sentence).toMatch(
          /^REDIS_URL: Redis does not speak TLS on port \d+; use redis:\/\/ in place of rediss:/,
        );
      }
      // It is not waited for.
      expect(performance.now() - startedAt).toBeLessThan(timeoutMs);
      tls.close();
    },
    slow,
  );

  test.each(['expired', 'wrongName', 'selfSigned', 'good'] as const)(
    'a certificate that is not trusted: %s',
    async (kind) => {
      const tls = await startTls((await makeCertificates())[kind]);
      for (const sentence of await start(`rediss://:secret@localhost:${tls.port}`)) {
        expect(sentence).toMatch(/^REDIS_URL: the certificate of Redis cannot be trusted \(.*NODE_EXTRA_CA_CERTS/);
        expect(sentence).not.toContain('secret');
      }
      tls.close();
    },
    slow,
  );
});

test(
  'a process that may not start says one sentence, without a stack',
  async () => {
    await redis.client.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', '-evalsha');
    const common = { REDIS_URL: redis.url, QSTASH_TOKEN: testToken };
    const starts = [
      [{ ...common, REDIS_URL: `${redis.url}/99` }, /^REDIS_URL: .*database number/],
      [{ ...common, REDIS_URL: redis.url.replace('//', '//limited:wrong@') }, /^REDIS_URL: .*WRONGPASS/],
      [{ ...common, REDIS_URL: redis.url.replace('//', '//limited:secret@') }, /lacks the right to run EVALSHA/],
      [{ ...common, TRUST_PROXY: 'banana' }, /^Wrong environment: TRUST_PROXY: use addresses/],
      [{ ...common, HOST: 'no-such-host.invalid' }, /^HOST: /],
      [{ REDIS_URL: redis.url, QSTASH_TOKN: 'secret' }, /QSTASH_TOKEN: .*\(QSTASH_TOKN is set; is it misspelled\?\)/],
    ] as const;
    await Promise.all(
      starts.map(async ([variables, sentence]) => {
        const api = startApp('api', { PORT: '0', LOG_LEVEL: 'fatal', ...variables });
        expect(await api.exited).toBe(1);
        expect(api.output()).toMatch(sentence);
        expect(api.output().trim().split('\n')).toHaveLength(1);
        expect(api.output()).not.toMatch(/secret|wrong@/);
      }),
    );
  },
  slow,
);

test.each(['18.20.8', '16.13.0', '20.18.3'])(
  'Node.js %s is named with what is needed',
  async (version) => {
    const pretend = `Object.defineProperty(process.versions, 'node', { value: '${version}' });`;
    for (const name of ['api', 'dispatcher'] as const) {
      const app = startApp(name, { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(pretend)}` });
      expect(await app.exited).toBe(1);
      expect(app.output()).toBe(`posthorn needs Node.js 20.19 or newer; this is ${version}.\n`);
    }
  },
  slow,
);

test(
  'what is allowed and probably a mistake is a warning; a failed message is a line; a client that leaves is none',
  async () => {
    const [api, dispatcher] = await Promise.all([
      startApi(redis.url, { HOST: '0.0.0.0', QSTASH_READONLY_TOKEN: 'short', MAX_RETRYS: 'secret' }),
      startDispatcher(redis.url, { DISPATCHER_CONCURENCY: 'secret' }),
    ]);
    expect(linesOf(api.output(), 'configuration.doubtful').map(({ reason }) => reason)).toEqual([
      expect.stringContaining('can be guessed'),
      expect.stringContaining('TLS'),
    ]);
    expect(linesOf(api.output(), 'configuration.misspelt')).toMatchObject([
      { level: 40, reason: 'MAX_RETRYS is not a variable of posthorn; is MAX_RETRIES meant?' },
    ]);
    expect(linesOf(dispatcher.output(), 'configuration.misspelt')).toMatchObject([
      { level: 40, reason: expect.stringContaining('DISPATCHER_CONCURRENCY') as string },
    ]);

    receiver.reply('/secret-path?secret=query', { status: 500 });
    receiver.reply('/secret-path', { status: 500 });
    const { host } = new URL(receiver.url);
    const id = await api.publish(`http://user:password@${host}/secret-path?secret=query`, {
      headers: { 'Upstash-Retries': '0' },
      body: 'secret body',
    });
    const [line] = await eventually(() => {
      const lines = linesOf(dispatcher.output(), 'message.failed');
      return lines.length > 0 ? lines : undefined;
    });
    expect(line).toMatchObject({ level: 30, messageId: id, attempt: 1, status: 500, origin: `http://${host}` });
    expect(JSON.stringify(line)).not.toMatch(/secret|password/);
    const unresolved = await api.publish('http://no-such-host.invalid/secret', { headers: { 'Upstash-Retries': '0' } });
    await eventually(() => linesOf(dispatcher.output(), 'message.failed').length === 2);
    expect(linesOf(dispatcher.output(), 'message.failed')[1]).toMatchObject({ messageId: unresolved, status: 0 });
    expect(dispatcher.output()).not.toContain('secret');

    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.write(
      `POST /v2/publish/${receiver.url}/left HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${testToken}\r\nContent-Length: 1000000\r\n\r\nhalf`,
    );
    await once(socket, 'connect');
    socket.resetAndDestroy();
    // The API has seen it once it has answered a later request.
    await eventually(async () => (await fetch(`${api.url}/health`)).ok);
    expect(await api.end('SIGTERM')).toBe(0);
    expect(api.output()).not.toMatch(/request\.broken|"level":50/);
    await dispatcher.end('SIGTERM');
  },
  slow,
);
