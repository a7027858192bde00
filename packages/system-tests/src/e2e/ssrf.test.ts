import { eventually, findFreePort, readError, startSystem, testToken, type TestSystem } from '@posthorn/testkit';
import { startNameServer, type NameServer } from '../hostile/name-server.ts';
import { answerWell, onRequest, startSink, type Sink } from '../hostile/sink.ts';

let names: NameServer;
let system: TestSystem;
/** Listens where nothing may come: each connection to it is a failure. */
let traps: Sink[];
/** A destination that redirects to a trap; the only private address that is allowed. */
let redirecting: Sink;

beforeAll(async () => {
  names = await startNameServer();
  traps = await Promise.all(['127.0.0.1', '::1'].map((host) => startSink(answerWell, { host })));
  redirecting = await startSink((socket) => {
    onRequest(socket, (path) => {
      const status = path.slice(1);
      socket.write(`HTTP/1.1 ${status} Moved\r\nLocation: ${trapUrl('127.0.0.1')}\r\nContent-Length: 0\r\n\r\n`);
    });
  });
  const variables = {
    ALLOW_PRIVATE_DESTINATIONS: 'false',
    DESTINATION_ALLOW: `127.0.0.1:${redirecting.port}`,
    DEFAULT_RETRIES: '0',
  };
  system = await startSystem({ api: variables, dispatcher: { ...variables, ...names.variables } });
});
afterAll(async () => {
  await system.stop();
  await Promise.all([...traps, redirecting].map((sink) => sink.stop()).concat(names.stop()));
});
afterEach(() => {
  expect(traps.map((trap) => trap.connections())).toEqual([0, 0]);
});

const trapUrl = (host: string) => `http://${host}:${traps[host === '[::1]' ? 1 : 0]?.port}/`;
const post = (path: string, headers: Record<string, string> = {}, body?: unknown) =>
  system.api.call(path, { method: 'POST', headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

/** Every way to say where a message is to go. */
const paths: Record<string, (url: string) => Promise<Response>> = {
  publish: (url) => post(`/v2/publish/${url}`),
  'publish with an encoded URL': (url) => post(`/v2/publish/${encodeURIComponent(url)}`),
  enqueue: (url) => post(`/v2/enqueue/ssrf/${url}`),
  batch: (url) => post('/v2/batch', {}, [{ destination: url }]),
  'a URL group': async (url) => {
    const added = await post('/v2/topics/ssrf/endpoints', {}, { endpoints: [{ url }] });
    if (!added.ok) return added;
    const published = await post('/v2/publish/ssrf');
    await system.api.request('DELETE', '/v2/topics/ssrf');
    return published;
  },
  'a callback': (url) => post(`/v2/publish/http://127.0.0.1:${redirecting.port}/200`, { 'Upstash-Callback': url }),
  'a failure callback': (url) =>
    post(`/v2/publish/http://127.0.0.1:${redirecting.port}/500`, { 'Upstash-Failure-Callback': url }),
  'a callback by query': (url) =>
    post(`/v2/publish/http://127.0.0.1:${redirecting.port}/200?upstash-callback=${encodeURIComponent(url)}`),
  'a callback of a batch item': (url) =>
    post('/v2/batch', {}, [
      { destination: `http://127.0.0.1:${redirecting.port}/200`, headers: { 'upstash-callback': url } },
    ]),
  'a callback of a dead letter that is tried again': async (url) => {
    const published = await post(`/v2/publish/http://127.0.0.1:${redirecting.port}/500`);
    const { messageId } = (await published.json()) as { messageId: string };
    const { dlqId } = await findDeadLetter(`messageId=${messageId}`);
    return post(`/v2/dlq/retry/${dlqId}`, { 'Upstash-Failure-Callback': url });
  },
};
const eachPath = Object.keys(paths);
/** Paths on which nothing is delivered at once: what a schedule publishes later goes the way of a publish. */
const laterPaths: typeof paths = {
  'a schedule': (url) => post(`/v2/schedules/${url}`, { 'Upstash-Cron': '0 0 1 1 *' }),
  'a callback of a schedule': (url) =>
    post(`/v2/schedules/http://127.0.0.1:${redirecting.port}/200`, {
      'Upstash-Cron': '0 0 1 1 *',
      'Upstash-Callback': url,
    }),
};
const send = (path: string, url: string) =>
  ({ ...paths, ...laterPaths })[path]?.(url) ?? Promise.reject(new Error(path));

/** One of each kind; every spelling of them is in the test of the guard. */
const literals = [
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '0x7f.1',
  '0177.0.0.1',
  '2130706433',
  'LOCALHOST',
  '[::1]',
  '[::ffff:7f00:1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '1.1.1.1@127.0.0.1',
  '0.0.0.0',
  '10.0.0.1',
  '169.254.169.254',
  '0xa9fea9fe',
  '168.63.129.16',
  '[fe80::1]',
];

test.each([...eachPath, ...Object.keys(laterPaths)])(
  '%s to an address that may not be reached is refused at once, and the response says what would allow it',
  async (path) => {
    for (const host of literals) {
      const response = await send(path, trapUrl(host));
      expect([host, response.status]).toEqual([host, 400]);
      const error = await readError(response);
      expect(error).toMatch(
        /invalid (failure callback|callback|destination) url: endpoint resolves to .*DESTINATION_ALLOW/,
      );
    }
  },
);

describe.each(eachPath)('%s', (path) => {
  test.each([
    ['leads to this machine', ['127.0.0.1'], /loopback address: 127\.0\.0\.1 .*ALLOW_PRIVATE_DESTINATIONS/],
    ['leads to this machine in IPv6', ['::1'], /loopback address: ::1 .*ALLOW_PRIVATE_DESTINATIONS/],
    ['leads to a private network', ['10.1.2.3', '192.168.0.1'], /private address: 10\.1\.2\.3 .*ALLOW_PRIVATE/],
    ['leads to a metadata service', ['169.254.169.254'], /metadata address: .*DESTINATION_ALLOW/],
    ['leads to a metadata service in disguise', ['64:ff9b::a9fe:a9fe'], /metadata address: .*DESTINATION_ALLOW/],
  ])('a name that %s is not connected to', async (name, addresses, reason) => {
    const host = `${name.replaceAll(' ', '-')}.${eachPath.indexOf(path)}.test`;
    names.answer(host, addresses);
    const response = await send(path, trapUrl(host));
    expect([200, 201]).toContain(response.status);
    expect(await findError(trapUrl(host))).toMatch(reason);
  });
});

test('a name that changes its mind between one question and the next is judged by the response that is used', async () => {
  let questions = 0;
  // Public once, at the check, and private ever after, at the connection.
  names.answer('rebinding.test', () => (questions++ === 0 ? ['203.0.113.1'] : ['127.0.0.1']));
  await post(`/v2/publish/${trapUrl('rebinding.test')}`, { 'Upstash-Retries': '2', 'Upstash-Retry-Delay': '0' });
  expect(await findError(trapUrl('rebinding.test'))).toMatch(/^endpoint resolves to a (reserved|loopback) address/);
  expect(questions).toBeLessThanOrEqual(3);
});

test('of a public and a private address, only the public one is tried', async () => {
  names.answer('mixed.test', ['127.0.0.1', '203.0.113.1', '::1', '10.0.0.1']);
  await post(`/v2/publish/${trapUrl('mixed.test')}`, { 'Upstash-Timeout': '1s' });
  expect(await findError(trapUrl('mixed.test'))).toMatch(/loopback|reserved/);
});

test.each([301, 302, 303, 307, 308])(
  'a redirect with %s to a trap is a failed attempt and nothing more',
  async (status) => {
    const url = `http://127.0.0.1:${redirecting.port}/${status}`;
    await post(`/v2/publish/${url}`, { Authorization: `Bearer ${testToken}` });
    expect(await findError(url)).toBe(`the destination answered ${status}`);
  },
);

test("posthorn's own Redis, API, probe and metrics are no destinations, even where this machine is allowed", async () => {
  const metrics = await findFreePort();
  const own = { METRICS_PORT: String(metrics) };
  const open = await startSystem({ api: own, dispatcher: { ...names.variables, ...own } });
  try {
    names.answer('own.test', ['127.0.0.1']);
    const { port: redis } = open.redis;
    const ports = [redis, Number(new URL(open.api.url).port), metrics];
    for (const host of ['127.0.0.1', 'localhost', '127.0.0.2', '[::ffff:127.0.0.1]']) {
      for (const port of ports) {
        const response = await open.api.call(`/v2/publish/http://${host}:${port}/`, { method: 'POST' });
        expect(response.status).toBe(400);
        expect(await response.text()).toContain('address of posthorn itself');
      }
    }
    for (const port of [redis, metrics]) {
      const id = await open.api.publish(`http://own.test:${port}/`, { headers: { 'Upstash-Retries': '0' } });
      await eventually(async () => (await open.api.states(id)).includes('FAILED'));
      const log = await (await open.api.call(`/v2/events?messageId=${id}`)).text();
      expect(log).toContain('address of posthorn itself');
    }
  } finally {
    await open.stop();
  }
});

/** The error of the last attempt of the message to this URL, once it has failed for good. */
async function findError(url: string): Promise<string> {
  const { messageId } = await findDeadLetter(`url=${encodeURIComponent(url)}`);
  // The dead letter is there a moment before the log entries.
  return eventually(async () => {
    const { events } = await system.api.read<{ events: { state: string; error?: string }[] }>(
      `/v2/events?messageId=${messageId}`,
    );
    return events.find(({ state }) => state === 'ERROR')?.error;
  });
}

function findDeadLetter(filter: string): Promise<{ dlqId: string; messageId: string }> {
  return eventually(async () => {
    const { messages } = await system.api.read<{ messages: { dlqId: string; messageId: string }[] }>(
      `/v2/dlq?${filter}`,
    );
    return messages[0];
  });
}
