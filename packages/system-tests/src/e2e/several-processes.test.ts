// `APIS` and `DISPATCHERS`: several processes of a program, of which any may die.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  eventually,
  exchangeRaw,
  findFreePort,
  listChildProcesses,
  startApi,
  startApp,
  startReceiver,
  startRedis,
  testToken,
  type ListedProcess,
  type Receiver,
  type TestProcess,
  type TestRedis,
} from '@posthorn/testkit';

let redis: TestRedis;
let receiver: Receiver;
let folder: string;
const started: TestProcess[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-several-'));
  [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.end('SIGTERM')));
  await Promise.all([redis.stop(), receiver.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

function track<T extends TestProcess>(one: T): T {
  started.push(one);
  return one;
}

/** The processes with a number that a process has started, by that number. */
function listNumbered(parentPid: number, app: string): ListedProcess[] {
  return listChildProcesses(parentPid)
    .filter(({ words }) => words.some((word) => word.endsWith(`/apps/${app}/dist/main.js`)))
    .filter(({ words }) => /^\d+$/.test(words.at(-1) ?? ''))
    .sort((a, b) => Number(a.words.at(-1)) - Number(b.words.at(-1)));
}

function isAlive(pid: number): boolean {
  try {
    // One that has ended and was not waited for has no command line.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

/** The first of two successive ports without a listener. */
async function findTwoFreePorts(): Promise<number> {
  let first = await findFreePort();
  for (;;) {
    const next = await findFreePort();
    if (next === first + 1) return first;
    first = next;
  }
}

/** Publishes on a connection of its own; gives the status, `undefined` when the connection ended without a reply. */
async function publish(url: string, destination: string, body: string): Promise<number | undefined> {
  const head = [
    `POST /v2/publish/${destination} HTTP/1.1`,
    'Host: posthorn',
    `Authorization: Bearer ${testToken}`,
    `Upstash-Deduplication-Id: ${body}`,
    `Content-Length: ${body.length}`,
  ];
  const [reply] = await exchangeRaw(url, Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`));
  return reply?.status;
}

const isAccepted = (status: number | undefined) => status === 200 || status === 202;

/** How many publishes the process with this METRICS_PORT has accepted. */
async function readAccepted(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^posthorn_messages_accepted_total\{kind="publish"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

test('npm start: an API and a dispatcher are killed under load; all arrives, both come back, one SIGTERM ends all', async () => {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const local = track(
    startApp('local', {
      REDIS_URL: redis.url,
      QSTASH_TOKEN: testToken,
      PORT: String(port),
      POSTHORN_DATA_DIR: folder,
      APIS: '2',
      DISPATCHERS: '2',
      STALLED_AFTER_SECONDS: '3',
    }),
  );
  await eventually(() => local.output().includes('posthorn ready on'));
  const [apiParent] = listChildProcesses(local.pid).filter(({ words }) => words.at(-1)?.endsWith('api/dist/main.js'));
  const listApis = () => listNumbered(apiParent?.pid ?? 0, 'api');
  const listDispatchers = () => listNumbered(local.pid, 'dispatcher');
  const [apis, dispatchers] = [listApis(), listDispatchers()];
  expect([apis.length, dispatchers.length]).toEqual([2, 2]);

  const count = 200;
  const publishAll = async () => {
    for (let n = 0; n < count; n++) {
      await eventually(async () => isAccepted(await publish(url, `${receiver.url}/load`, `message-${n}`)));
    }
  };
  const published = publishAll();
  await eventually(() => receiver.at('/load').length >= 20);
  process.kill(apis[0]?.pid ?? 0, 'SIGKILL');
  process.kill(dispatchers[0]?.pid ?? 0, 'SIGKILL');
  await published;
  await eventually(() => new Set(receiver.at('/load').map(({ body }) => body.toString())).size === count);

  const arePairs = (before: ListedProcess[], now: ListedProcess[]) =>
    now.length === 2 && now[0]?.pid !== before[0]?.pid && now[1]?.pid === before[1]?.pid;
  await eventually(() => arePairs(apis, listApis()) && arePairs(dispatchers, listDispatchers()));
  await eventually(() => local.output().includes('API process 1 ended (SIGKILL) and is started again'));
  expect(local.output()).toContain('dispatcher 1 ended (SIGKILL) and is started again');
  expect(local.output().match(/^posthorn ready on /gm)).toHaveLength(1);

  const last = [...listApis(), ...listDispatchers(), ...listChildProcesses(local.pid)].map(({ pid }) => pid);
  expect(await local.end('SIGTERM')).toBe(0);
  expect(last.filter(isAlive)).toEqual([]);
});

test('API processes get connections in turn, have metrics of their own, and the port stays open when one is killed', async () => {
  const metricsPort = await findTwoFreePorts();
  const api = track(await startApi(redis.url, { APIS: '2', METRICS_PORT: String(metricsPort) }));
  const ports = [metricsPort, metricsPort + 1];
  const readCounts = () => Promise.all(ports.map(readAccepted));
  let sent = 0;
  const publishNext = () => publish(api.url, `${receiver.url}/turns`, `turn-${sent++}`);
  // The second one has started, too.
  await eventually(async () => {
    await publishNext();
    return (await readCounts()).every((count) => count > 0);
  });

  const before = await readCounts();
  for (let n = 0; n < 10; n++) expect(await publishNext()).toBe(200);
  expect((await readCounts()).map((count, index) => count - (before[index] ?? 0))).toEqual([5, 5]);

  const response = await fetch(`${api.url}/metrics`, { headers: { Authorization: `Bearer ${testToken}` } });
  const metrics = await response.text();
  expect(metrics).toMatch(/^posthorn_messages_waiting \d+$/m);
  expect(metrics).not.toMatch(/^(posthorn_messages_accepted|process_cpu)/m);
  for (const port of ports) expect(await publish(api.url, `http://127.0.0.1:${port}/metrics`, 'own-port')).toBe(400);

  const [first] = listNumbered(api.pid, 'api');
  process.kill(first?.pid ?? 0, 'SIGKILL');
  for (let n = 0; n < 10; n++) await eventually(async () => isAccepted(await publishNext()));
  // The one that was started again takes its turn.
  await eventually(async () => {
    await publishNext();
    return (await readAccepted(metricsPort)) > 0;
  });
});

test('a connection that a frozen API process had not taken is closed when the process is killed', async () => {
  const api = track(await startApi(redis.url, { APIS: '2' }));
  await eventually(() => api.output().match(/api\.started/g)?.length === 2);
  const [first] = listNumbered(api.pid, 'api');
  process.kill(first?.pid ?? 0, 'SIGSTOP');
  let answered = 0;
  const ask = async () => {
    const replies = await exchangeRaw(api.url, Buffer.from('GET /health HTTP/1.1\r\nHost: posthorn\r\n\r\n'));
    answered += replies.length;
    return replies.length;
  };
  const asked = [ask(), ask(), ask()];
  // The third one waits for the frozen process.
  await eventually(() => answered === 2);
  process.kill(first?.pid ?? 0, 'SIGKILL');
  expect((await Promise.all(asked)).sort()).toEqual([0, 1, 1]);
});

test('SIGTERM to all processes of an API at once, as from systemd, answers the request in flight', async () => {
  const api = track(await startApi(redis.url, { APIS: '2' }));
  await eventually(() => api.output().match(/api\.started/g)?.length === 2);
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (data) => (text += data.toString('latin1')));
  const closed = once(socket, 'close');
  const lines = [`Authorization: Bearer ${testToken}`, 'Content-Length: 2', 'Expect: 100-continue'];
  socket.write(`POST /v2/publish/${receiver.url}/held HTTP/1.1\r\nHost: posthorn\r\n${lines.join('\r\n')}\r\n\r\n`);
  // The API has read the headers.
  await eventually(() => text.includes('100 Continue'));

  const pids = [api.pid, ...listNumbered(api.pid, 'api').map(({ pid }) => pid)];
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  // All have begun to stop: no one accepts connections.
  await eventually(async () => (await publish(api.url, `${receiver.url}/late`, 'late')) === undefined);
  socket.write('{}');
  await closed;
  expect(text).toMatch(/HTTP\/1\.1 200 OK[^]*messageId/);
  expect(await api.exited).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
});

test('a port in use is named once, with status 1, however many API processes there would be', async () => {
  const port = await findFreePort();
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  const variables = { REDIS_URL: redis.url, QSTASH_TOKEN: testToken, PORT: String(port), LOG_LEVEL: 'fatal' };
  const api = startApp('api', { ...variables, APIS: '3' });
  expect(await api.exited).toBe(1);
  expect(api.output()).toMatch(/^PORT: \d+ on 127\.0\.0\.1 is in use; [^\n]*\n$/);
  other.close();
});

test('dispatchers of one program have probes on successive ports, and end when their parent is killed', async () => {
  const probePort = await findTwoFreePorts();
  const variables = { REDIS_URL: redis.url, DISPATCHERS: '2', PROBE_PORT: String(probePort) };
  const parent = track(startApp('dispatcher', variables));
  await eventually(async () => {
    const replies = await Promise.all(
      [probePort, probePort + 1].map((port) => fetch(`http://127.0.0.1:${port}/ready`)),
    );
    return replies.every(({ ok }) => ok);
  });
  const pids = listNumbered(parent.pid, 'dispatcher').map(({ pid }) => pid);
  expect(pids).toHaveLength(2);
  await parent.end('SIGKILL');
  await eventually(() => !pids.some(isAlive));
});
