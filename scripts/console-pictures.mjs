// `node scripts/console-pictures.mjs [folder]`: starts posthorn with some messages and takes the pictures of the documents.
// `node scripts/console-pictures.mjs --all <folder> [page...]`: takes pictures of every page, or of those that are named,
// with no, three and many messages, in both themes, 320, 768 and 1280 px wide.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './setup.mjs';

process.env.POSTHORN_ROOT = root;
const { eventually, findChromium, startSystem, testToken } = await import('../packages/testkit/dist/index.js');
const { chromium } = createRequire(join(root, 'apps/console/package.json'))('playwright-core');

const { values, positionals } = parseArgs({ options: { all: { type: 'boolean' } }, allowPositionals: true });
const [folder = join(root, 'docs/images'), ...wanted] = positionals;
mkdirSync(folder, { recursive: true });
/** Messages of a filled console, beside those that fail or wait. */
const many = 300;

/** Publishes so many messages and waits until they are where the pictures show them. Gives the pages that there are. */
async function fill({ api, receiver }, count) {
  const at = (path) => `${receiver.url}/webhooks/${path}`;
  const maintenance = { 'Content-Type': 'application/json' };
  receiver.reply('/webhooks/orders', { status: 200, afterMs: 20 });
  receiver.reply('/webhooks/invoices', {
    status: 503,
    body: '{"error":"maintenance until 14:00"}',
    headers: maintenance,
  });
  receiver.reply('/webhooks/gone', { status: 410, body: 'The subscription was removed.' });
  const post = async (path, headers = {}, body = '') =>
    (await api.call(path, { method: 'POST', headers, body })).json();
  const publish = (path, headers = {}) =>
    api.publish(at(path), {
      headers: { 'Content-Type': 'application/json', ...headers },
      body: '{"order":1042,"total":"59.90","currency":"EUR"}',
    });
  const isIn = (id, state) => eventually(async () => (await api.states(id)).at(-1) === state);
  if (count === 0) return {};

  const delivered = await publish('orders', { 'Upstash-Label': 'shop-1' });
  const failed = await publish('gone', { 'Upstash-Retries': '0', 'Upstash-Label': 'billing' });
  const filled = count > 3 ? await fillMore({ api, at, post, publish }) : {};
  const example = await publish('invoices', {
    'Upstash-Retries': '3',
    'Upstash-Retry-Delay': 'pow(60, retried) * 4000',
    'Upstash-Label': 'billing',
  });
  await Promise.all([isIn(delivered, 'DELIVERED'), isIn(failed, 'FAILED')]);
  // The second retry is minutes away.
  await eventually(async () => (await api.states(example)).filter((state) => state === 'RETRY').length === 2);
  const dead = count > 3 ? 21 : 1;
  // Counters are written once a second.
  await eventually(async () => (await (await api.call('/v2/stats')).json()).totals.failed === dead);
  const { messages } = await (await api.call('/v2/dlq?order=latestFirst')).json();
  return { delivered, failed, example, deadLetter: messages[0].dlqId, destination: '127.0.0.1', ...filled };
}

/** What a filled console has beside three messages. */
async function fillMore({ api, at, post, publish }) {
  for (let n = 0; n < many; n++) await publish('orders', { 'Upstash-Label': `shop-${n % 7}` });
  const billing = { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '10', 'Upstash-Label': 'billing' };
  for (let n = 0; n < 14; n++) await publish('invoices', billing);
  for (let n = 0; n < 4; n++) await publish('gone', { 'Upstash-Retries': '0' });
  for (let n = 0; n < 2; n++) await api.publish('http://127.0.0.1:9/hook', { headers: { 'Upstash-Retries': '0' } });
  await post(`/v2/enqueue/orders/${at('invoices')}`, { 'Upstash-Retry-Delay': '600000' });
  let queued = '';
  for (let n = 0; n < 3; n++) queued = (await post(`/v2/enqueue/orders/${at('orders')}`)).messageId;
  await api.call('/v2/flowControl/stripe/pause', { method: 'POST' });
  const limits = {
    'Upstash-Flow-Control-Key': 'stripe',
    'Upstash-Flow-Control-Value': 'rate=10, period=1m, parallelism=2',
  };
  for (let n = 0; n < 2; n++) await publish('orders', limits);
  const endpoints = [
    { url: at('orders'), name: 'shop' },
    { url: at('gone'), name: 'archive' },
  ];
  await api.call('/v2/topics/partners/endpoints', { method: 'POST', body: JSON.stringify({ endpoints }) });
  await post(`/v2/schedules/${at('orders')}`, {
    'Upstash-Cron': 'CRON_TZ=Europe/Berlin 30 6 * * 1-5',
    'Upstash-Schedule-Id': 'daily-report',
  });
  return { queued, queue: 'orders', key: 'stripe', group: 'partners', schedule: 'daily-report' };
}

/** Pages by their names: the path, and what is opened there. A page of something that is missing is left out. */
function listPages(things) {
  const of = (path, name) => (things[name] === undefined ? undefined : `${path}/${things[name]}`);
  const press = (name) => (page) => page.getByRole('button', { name, exact: true }).first().click();
  const pages = [
    ['overview', ''],
    ['messages', 'messages'],
    ['messages-none', 'messages?label=unknown'],
    ['message-delivered', of('messages', 'delivered')],
    ['message-failed', of('messages', 'failed')],
    ['message-retrying', of('messages', 'example')],
    ['message-queued', of('messages', 'queued')],
    ['send', 'send'],
    ['send-options', 'send', press('Options')],
    ['dead-letters', 'dead-letters'],
    ['dead-letters-question', things.deadLetter && 'dead-letters', press('Delete all matching')],
    ['dead-letter', of('dead-letters', 'deadLetter')],
    ['queues', 'queues'],
    ['queue', of('queues', 'queue')],
    ['groups', 'groups'],
    ['groups-create', 'groups', press('Create URL group')],
    ['group', of('groups', 'group')],
    ['schedules', 'schedules'],
    ['schedule-new', 'schedules/new'],
    ['schedule', of('schedules', 'schedule')],
    ['flow-control', 'flow-control'],
    ['flow-control-key', of('flow-control', 'key')],
    ['destinations', 'destinations'],
    ['destination', of('destinations', 'destination')],
    ['log', 'log'],
    ['settings', 'settings'],
    ['not-found', 'nowhere'],
    ['commands', '', press('Commands')],
    ['shortcuts', '', (page) => page.keyboard.press('?')],
    ['find', '', (page) => page.getByRole('searchbox', { name: 'Find' }).fill('o')],
  ];
  return pages.filter(([, path]) => path !== undefined);
}

async function takePicture(page, url, [, path, act], options) {
  await page.goto(`${url}/console/${path}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForFunction(() => !globalThis.document.body.textContent.includes('Loading…'));
  if (act) await act(page);
  // The parts of a page, and what it opens, are read one after the other, five in a second.
  await page.waitForTimeout(700);
  const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
  if (isWide) console.log(`${options.path} scrolls sideways`);
  await page.screenshot(options);
}

async function signIn(browser, url, options) {
  const page = await browser.newPage({ ...options, timezoneId: 'Europe/Berlin' });
  page.on('pageerror', (error) => console.log('page error:', error.message));
  page.on('console', (message) => message.type() === 'error' && console.log('console:', message.text().slice(0, 300)));
  await page.goto(`${url}/console/`);
  await page.getByLabel('Token').fill(testToken);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  return page;
}

const quiet = ['background-networking', 'component-update', 'sync'].map((name) => `--disable-${name}`);
const browser = await chromium.launch({
  executablePath: findChromium(),
  args: ['--no-sandbox', '--disable-quic', '--no-first-run', ...quiet],
});

async function takeAll(count) {
  const system = await startSystem({ dispatcher: { BACKOFF_FACTOR: '4' } });
  const pages = listPages(await fill(system, count)).filter(([name]) => wanted.length === 0 || wanted.includes(name));
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 768, 1280]) {
      const page = await signIn(browser, system.api.url, { viewport: { width, height: 860 }, colorScheme });
      for (const one of pages) {
        const path = join(folder, `${one[0]}-${count}-${width}-${colorScheme}.png`);
        await takePicture(page, system.api.url, one, { path, fullPage: !one[2] });
      }
      await page.close();
    }
  }
  await system.stop();
}

async function takeThoseOfDocuments() {
  const system = await startSystem({ dispatcher: { BACKOFF_FACTOR: '4' } });
  const { example } = await fill(system, many);
  const page = await signIn(browser, system.api.url, { viewport: { width: 1280, height: 860 }, colorScheme: 'light' });
  for (const [name, path] of [
    ['overview', ''],
    ['messages-example', `messages/${example}`],
    ['dead-letters', 'dead-letters'],
  ]) {
    await takePicture(page, system.api.url, [name, path], { path: join(folder, `console-${name}.png`) });
  }
  await system.stop();
}

if (values.all) for (const count of [0, 3, many]) await takeAll(count);
else await takeThoseOfDocuments();
await browser.close();
process.exit(0);
