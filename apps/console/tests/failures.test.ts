// What pages show when the server, the network or a proxy fails.
import { createServer, request as startRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually, startApi, type TestApi } from '@posthorn/testkit';
import type { BrowserContext, Page } from 'playwright-core';
import { button, heading, link, signIn, table } from './locators.ts';
import { startStage, type Stage } from './stage.ts';

let stage: Stage;
let api: TestApi;
let context: BrowserContext;
let page: Page;
beforeAll(async () => {
  stage = await startStage();
  await stage.post('/v2/queues', { queueName: 'first' });
}, 60_000);
afterAll(() => stage.stop());
beforeEach(async () => {
  api = await startApi(stage.system.redis.url);
  context = await stage.browser.newContext();
  context.setDefaultTimeout(10_000);
  page = await context.newPage();
});
afterEach(async () => {
  await context.close();
  api.kill('SIGCONT');
  await api.end('SIGKILL');
});

async function open(path: string, url = api.url): Promise<void> {
  await page.goto(`${url}/console/${path}`);
  await signIn(page);
  await button(page, 'Sign out').waitFor();
}
const lost = () => page.getByRole('alert').getByText('Connection lost');

test('a server that hangs is unreachable, and the page follows it again once it answers', async () => {
  await page.clock.install();
  await open('queues');
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
  await page.getByRole('row').filter({ hasText: 'first' }).getByText('paused').waitFor();
  await stage.post('/v2/queues/first/resume');
});

test('a stream without a sign of life is opened again', async () => {
  await page.clock.install();
  const streams: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/v2/logs/stream')) streams.push(request.url());
  });
  await open('settings');
  await eventually(() => streams.length === 1);
  api.kill('SIGSTOP');
  await page.clock.fastForward(41_000);
  await lost().waitFor();
  api.kill('SIGCONT');
  await eventually(() => streams.length === 2);
  await lost().waitFor({ state: 'detached' });
});

/**
 * A reverse proxy, which answers 502 when the API cannot be reached.
 *
 * @param answer answers a request itself, and returns whether it did
 */
async function startProxy(
  target: TestApi,
  answer: (incoming: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Promise<{ url: string; stop: () => void }> {
  const server = createServer((incoming, response) => {
    if (answer(incoming, response)) return;
    const { method, url, headers } = incoming;
    const outgoing = startRequest(`${target.url}${url ?? ''}`, { method, headers }, (reply) => {
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
  const proxy = await startProxy(api);
  await open('queues', proxy.url);
  await link(page, 'first').waitFor();
  await api.end('SIGKILL');
  await lost().waitFor();
  // The proxy answers the probes, too.
  const probes = [1, 2].map(() => page.waitForResponse('**/health'));
  for (const probe of probes) expect((await probe).status()).toBe(502);
  expect(await lost().count()).toBe(1);
  api = await startApi(stage.system.redis.url, { PORT: new URL(api.url).port });
  await lost().waitFor({ state: 'detached' });
  proxy.stop();
});

test('a read that fails while its data is shown is said once, until one succeeds', async () => {
  await open('queues');
  await link(page, 'first').waitFor();
  await page.route('**/v2/queues', (route) => route.fulfill({ status: 500, json: { error: 'Broken.' } }));
  const alert = page.getByRole('alert').getByText('cannot bring this page up to date');
  await alert.waitFor();
  expect(await link(page, 'first').count()).toBe(1);
  await page.unroute('**/v2/queues');
  await alert.waitFor({ state: 'detached' });
});

test('a reply that is cut off is read again', async () => {
  let cuts = 0;
  const proxy = await startProxy(api, ({ url }, response) => {
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
  await page.getByRole('main').getByRole('alert').getByText('a reply that is not JSON').waitFor();
});

test('a page whose script could not be loaded is shown when the server is back', async () => {
  await page.route('**/assets/settings-*.js', (route) => route.abort());
  await open('');
  await heading(page, 'Overview');
  await api.end('SIGKILL');
  await link(page, 'Settings').click();
  await lost().waitFor();
  await page.unroute('**/assets/settings-*.js');
  api = await startApi(stage.system.redis.url, { PORT: new URL(api.url).port });
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
