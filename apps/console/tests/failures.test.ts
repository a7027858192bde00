// What pages show when the server, the network or a proxy fails.
import { createServer, request as startRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually, startApi, type TestApi } from '@posthorn/testkit';
import type { Page } from 'playwright-core';
import { alert, button, heading, link, row, signIn, table } from './locators.ts';
import { setUpStage } from './stage.ts';

const stage = setUpStage(async () => {
  await stage.post('/v2/queues', { queueName: 'first' });
});
let page: Page;
beforeEach(async () => {
  ({ page } = await stage.openEmpty());
});

/** APIs of the test, which it may stop. */
const apis: TestApi[] = [];
async function start(port?: string): Promise<TestApi> {
  const api = await startApi(stage.system.redis.url, port === undefined ? {} : { PORT: port });
  apis.push(api);
  return api;
}
afterEach(() => Promise.all(apis.splice(0).map((api) => api.end('SIGKILL'))));

/** Signs in on the page of a path, at the API of the stage or at another URL. */
async function open(path: string, url = stage.url): Promise<void> {
  await page.goto(`${url}/console/${path}`);
  await signIn(page);
  await button(page, 'Sign out').waitFor();
}
const lost = () => alert(page, 'Connection lost');

test('a server that hangs is unreachable, and the page follows it again once it answers', async () => {
  const api = await start();
  await page.clock.install();
  await open('queues', api.url);
  await link(page, 'first').waitFor();
  api.kill('SIGSTOP');
  // A read begins that gets no reply.
  await page.waitForRequest('**/v2/queues');
  await page.clock.fastForward(31_000);
  await lost().waitFor();
  expect(await link(page, 'first').count()).toBe(1);
  api.kill('SIGCONT');
  await lost().waitFor({ state: 'detached' });
  await stage.post('/v2/queues/first/pause');
  await row(page, 'first').getByText('paused').waitFor();
  await stage.post('/v2/queues/first/resume');
});

test('a stream without a sign of life is opened again', async () => {
  const api = await start();
  await page.clock.install();
  const streams: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/v2/logs/stream')) streams.push(request.url());
  });
  await open('settings', api.url);
  await eventually(() => streams.length === 1);
  api.kill('SIGSTOP');
  await page.clock.fastForward(41_000);
  await lost().waitFor();
  api.kill('SIGCONT');
  await eventually(() => streams.length === 2);
  await lost().waitFor({ state: 'detached' });
});

test('without the server the content stays, and the alert goes when it is back', async () => {
  await stage.publishMany(2, '/ok', {}, 'DELIVERED');
  const api = await start();
  await open('messages', api.url);
  const rows = table(page, 'Messages').getByRole('row');
  await eventually(async () => (await rows.count()) > 2);
  const before = await rows.count();
  await api.end('SIGKILL');
  await lost().waitFor();
  expect(await rows.count()).toBe(before);
  await start(new URL(api.url).port);
  await page.getByRole('alert').waitFor({ state: 'detached' });
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  await link(page, id).waitFor();
});

/**
 * A reverse proxy, which answers 502 when its target cannot be reached.
 *
 * @param answer answers a request itself, and returns whether it did
 */
async function startProxy(
  target: string,
  answer: (incoming: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Promise<{ url: string; stop: () => void }> {
  const server = createServer((incoming, response) => {
    if (answer(incoming, response)) return;
    const { method, url, headers } = incoming;
    const outgoing = startRequest(target + (url ?? ''), { method, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(response);
    });
    outgoing.on('error', () => {
      response.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>502 Bad Gateway</h1>');
    });
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('behind a proxy, a server that has died is unreachable until it is back', async () => {
  const api = await start();
  const proxy = await startProxy(api.url);
  await open('queues', proxy.url);
  await link(page, 'first').waitFor();
  await api.end('SIGKILL');
  await lost().waitFor();
  // The proxy answers the probes, too.
  const probes = [1, 2].map(() => page.waitForResponse('**/health'));
  for (const probe of probes) expect((await probe).status()).toBe(502);
  expect(await lost().count()).toBe(1);
  await start(new URL(api.url).port);
  await lost().waitFor({ state: 'detached' });
  proxy.stop();
});

test('a read that fails while its data is shown is said once, until one succeeds', async () => {
  await open('queues');
  await link(page, 'first').waitFor();
  await page.route('**/v2/queues', (route) => route.fulfill({ status: 500, json: { error: 'Broken.' } }));
  const notice = alert(page, 'cannot bring this page up to date');
  await notice.waitFor();
  expect(await link(page, 'first').count()).toBe(1);
  await page.unroute('**/v2/queues');
  await notice.waitFor({ state: 'detached' });
});

test('a reply that is cut off is read again', async () => {
  let cuts = 0;
  const proxy = await startProxy(stage.url, ({ url }, response) => {
    if (url !== '/v2/limits' || ++cuts > 1) return false;
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '1000' });
    response.write('[{"na', () => response.destroy());
    return true;
  });
  // Nothing but the failure makes this page read its data again.
  await open('settings', proxy.url);
  await table(page, 'Limits').waitFor();
  expect(cuts).toBeGreaterThan(1);
  proxy.stop();
});

test('a reply that is not JSON is an error, not a wait for ever', async () => {
  await page.route('**/v2/queues', (route) => route.fulfill({ body: '<p>hello' }));
  await open('queues');
  await alert(page.getByRole('main'), 'a reply that is not JSON').waitFor();
});

test('a page whose script could not be loaded is shown when the server is back', async () => {
  const api = await start();
  await page.route('**/assets/settings-*.js', (route) => route.abort());
  await open('', api.url);
  await heading(page, 'Overview');
  await api.end('SIGKILL');
  await link(page, 'Settings').click();
  await lost().waitFor();
  await page.unroute('**/assets/settings-*.js');
  await start(new URL(api.url).port);
  await heading(page, 'Settings');
});

test('a page whose script is missing on the server is given up after the console was loaded anew', async () => {
  await page.route('**/assets/settings-*.js', (route) => route.fulfill({ status: 404 }));
  await open('');
  await heading(page, 'Overview');
  await link(page, 'Settings').click();
  await page.getByText('This page cannot be loaded.').waitFor();
  await link(page, 'Messages').click();
  await heading(page, 'Messages');
});
