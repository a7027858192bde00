import { connect } from 'node:net';
import { endpoints } from '@posthorn/shared';
import { eventually, startSystem, testToken, type TestSystem } from '@posthorn/testkit';
import { hookToken, startCanaryRuns } from './canary-runs.fixture.ts';

/** Text in everything that posthorn can store; without a token it must never come back. */
const canary = 'canary-5b1e';
const canaryBase64 = Buffer.from(canary).toString('base64').replace(/=+$/, '');

let system: TestSystem;
const ids = { messageId: '', dlqId: '', scheduleId: '', workflowRunId: '', runDlqId: '' };

beforeAll(async () => {
  system = await startSystem({
    api: { QSTASH_READONLY_TOKEN: 'only-reads', QSTASH_TOKEN: `${testToken},${hookToken}` },
  });
  const { api, receiver } = system;
  const url = `${receiver.url}/${canary}`;
  const json = async (path: string, init: Parameters<typeof api.call>[1]) => {
    const response = await api.call(path, init);
    expect(response.status).toBeLessThan(300);
    return (await response.json()) as Record<string, string>;
  };
  const init = (headers: Record<string, string> = {}, body = canary) => ({
    method: 'POST',
    headers: { 'Upstash-Forward-X-Canary': canary, 'Upstash-Label': canary, ...headers },
    body,
  });
  receiver.reply(`/${canary}/fails`, { status: 500, headers: { 'X-Canary': canary }, body: canary });
  await json(`/v2/publish/${url}`, init());
  await json(`/v2/publish/${url}/fails`, init({ 'Upstash-Retries': '0' }));
  ({ messageId: ids.messageId = '' } = await json(`/v2/publish/${url}`, init({ 'Upstash-Delay': '1h' })));
  await json(`/v2/enqueue/${canary}/${url}`, init());
  await json(
    `/v2/publish/${url}`,
    init({ 'Upstash-Flow-Control-Key': canary, 'Upstash-Flow-Control-Value': 'rate=9' }),
  );
  await api.call(`/v2/topics/${canary}/endpoints`, init({}, JSON.stringify({ endpoints: [{ url, name: canary }] })));
  ({ scheduleId: ids.scheduleId = '' } = await json(`/v2/schedules/${url}`, init({ 'Upstash-Cron': '0 0 1 1 *' })));
  ids.dlqId = await eventually(async () => {
    const messages = await api.deadLetters();
    return messages[0]?.dlqId;
  });
  Object.assign(ids, await startCanaryRuns(system, canary));
});
afterAll(() => system.stop());

const schemes = 'http https x ftp ws wss file data javascript HTTP h2 urn'.split(' ');
const methods = 'GET HEAD POST PUT PATCH DELETE OPTIONS TRACE QUERY PROPFIND'.split(' ');

/** Every way to write a path that a router, a parser or a check might read as the same path. */
const formsOf = (path: string) => [
  path,
  path.toUpperCase(),
  `${path}/`,
  `/${path}`,
  `//${path}`,
  `/.${path}`,
  `/x/..${path}`,
  `/%2e%2e${path}`,
  `${path};a=b`,
  `/;a=b${path}`,
  path.replaceAll('/', '%2f'),
  path.replaceAll('/', '%2F').replace('%2F', '/'),
  path.replace('v2', '%76%32'),
  path.replace('v2', 'v02'),
  path.replaceAll('/', '\\'),
  path.slice(1),
  `?${path}`,
  `${path}?`,
  `${path}?a=b?qstash_token=${canary}`,
  `${path}%00`,
  `${path}#`,
  ...schemes.flatMap((scheme) => [`${scheme}://y${path}`, `${scheme}://${path}`, `${scheme}:${path}`]),
  `http://user:password@y${path}`,
  `http://y:1${path}`,
  `http://[::1]${path}`,
  `//y${path}`,
  `x:/${path}`,
  `*${path}`,
];

function ask(port: number, method: string, target: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('connect', () => socket.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`));
    socket.on('data', (data) => (text += data.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve({ status: Number(text.slice(9, 12)), text }));
  });
}

const names = (path: string): Record<string, string> => ({
  ...ids,
  ...(path.startsWith('/v2/workflows/dlq/') ? { dlqId: ids.runDlqId } : {}),
  destination: `${system.receiver.url}/${canary}`,
  workflowUrl: `${system.receiver.url}/${canary}/workflow`,
});
const pathOf = ({ path }: { path: string }) =>
  path.replace(/[:*](\w+)/g, (_, name: string) => names(path)[name] ?? canary);

/** What counts, computes, names only hosts and causes, or never ends, so that it shows no canary. */
const unseen = [
  ...['/v2/keys', '/v2/globalParallelism', '/v2/overview', '/v2/stats', '/v2/destinations', '/v2/dlq/summary'],
  ...['/v2/cron', '/v2/logs/stream', '/v2/limits'],
];

test('with the token every place that is read shows the canary: the canaries are alive', async () => {
  const seen: string[] = [];
  for (const endpoint of endpoints) {
    if (endpoint.method !== 'GET' || endpoint.scope === 'none' || unseen.includes(endpoint.path)) continue;
    const query = endpoint.path === '/v2/find' ? `?q=${canary}` : '';
    const text = await (await system.api.call(pathOf(endpoint) + query)).text();
    if (text.includes(canary) || text.includes(canaryBase64)) seen.push(endpoint.path);
  }
  const reads = endpoints.filter(({ method, scope }) => method === 'GET' && scope === 'read').map(({ path }) => path);
  expect(reads.filter((path) => !seen.includes(path) && !unseen.includes(path))).toEqual([]);
});

test('without a token no method and no form of any target reads or changes anything', async () => {
  const port = Number(new URL(system.api.url).port);
  const requestsBefore = system.receiver.requests.length;
  const open = new Set(endpoints.filter(({ scope }) => scope === 'none').map(pathOf));
  const tries = [...new Set([...endpoints.map(pathOf), '/metrics', '/', '/v2', '/v2/nothing'])]
    .filter((path) => !open.has(path) && path !== '/metrics')
    .flatMap((path) => formsOf(path).flatMap((target) => methods.map((method) => ({ method, target }))));
  expect(tries.length).toBeGreaterThan(10_000);

  const wrong: string[] = [];
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let one = tries.pop(); one; one = tries.pop()) {
        const { status, text } = await ask(port, one.method, one.target);
        const leaks = text.includes(canary) || text.includes(canaryBase64);
        if (leaks || (status !== 400 && status !== 401)) wrong.push(`${one.method} ${one.target}: ${status}`);
      }
    }),
  );
  expect(wrong).toEqual([]);
  expect(system.receiver.requests).toHaveLength(requestsBefore);
  expect((await system.api.call(`/v2/messages/${ids.messageId}`)).status).toBe(200);
}, 120_000);

test('what is public is public in the forms of HTTP only, and for reading only', async () => {
  const port = Number(new URL(system.api.url).port);
  for (const path of endpoints.filter(({ scope }) => scope === 'none').map(pathOf)) {
    // A webhook of a run that does not exist is public and not found.
    const isHook = path.startsWith('/v2/workflows/hooks/');
    for (const target of [path, `http://y${path}`, `https://y:1${path}?a=b`]) {
      expect([target, (await ask(port, 'GET', target)).status]).toEqual([target, isHook ? 404 : 200]);
    }
    for (const target of [`ftp://y${path}`, `http://${path}`, `http:${path}`]) {
      expect([target, (await ask(port, 'GET', target)).status]).toEqual([target, 400]);
    }
    expect((await ask(port, 'POST', path)).status).toBe(isHook ? 404 : 401);
  }
});

test('an absolute target with the token is answered like its path', async () => {
  const port = Number(new URL(system.api.url).port);
  expect((await ask(port, 'GET', 'http://any.example/v2/dlq?qstash_token=only-reads')).status).toBe(200);
  expect((await ask(port, 'GET', 'x://any.example/v2/dlq?qstash_token=only-reads')).status).toBe(400);
});

test('two Host headers are refused', async () => {
  const port = Number(new URL(system.api.url).port);
  expect((await ask(port, 'GET', '/health HTTP/1.1\r\nhOsT: y\r\nX: ')).status).toBe(400);
});
