// `node scripts/console-pictures.mjs [folder] [width] [theme] [path...]`: starts posthorn with some messages and takes
// pictures of the console, by default those of the documents.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './setup.mjs';

process.env.POSTHORN_ROOT = root;
const { startSystem, testToken } = await import('../packages/testkit/dist/index.js');
const { chromium } = createRequire(join(root, 'apps/console/package.json'))('playwright-core');
const [folder = join(root, 'docs/images'), width = '1280', theme = 'light', ...paths] = process.argv.slice(2);
const count = Number(process.env.MESSAGES ?? 300);
mkdirSync(folder, { recursive: true });

const system = await startSystem({ dispatcher: { BACKOFF_FACTOR: '4' } });
const { api, receiver } = system;
receiver.reply('/webhooks/orders', { status: 200, afterMs: 20 });
receiver.reply('/webhooks/invoices', {
  status: 503,
  body: '{"error":"maintenance until 14:00"}',
  headers: { 'Content-Type': 'application/json' },
});
receiver.reply('/webhooks/gone', { status: 410, body: 'The subscription was removed.' });
const post = (path, headers = {}, body = '') => api.call(path, { method: 'POST', headers, body });
const publish = (path, headers = {}, body = '{"order":1042,"total":"59.90","currency":"EUR"}') =>
  api.publish(`${receiver.url}/webhooks/${path}`, {
    headers: { 'Content-Type': 'application/json', ...headers },
    body,
  });

let example = '';
if (count > 0) {
  for (let n = 0; n < count; n++) await publish('orders', { 'Upstash-Label': `shop-${n % 7}` });
  for (let n = 0; n < Math.min(14, count); n++)
    await publish('invoices', { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '10', 'Upstash-Label': 'billing' });
  for (let n = 0; n < Math.min(5, count); n++) await publish('gone', { 'Upstash-Retries': '0' });
  for (let n = 0; n < 2; n++) await api.publish('http://127.0.0.1:9/hook', { headers: { 'Upstash-Retries': '0' } });
  await post(`/v2/enqueue/orders/${receiver.url}/webhooks/invoices`, { 'Upstash-Retry-Delay': '600000' });
  for (let n = 0; n < 3; n++) await post(`/v2/enqueue/orders/${receiver.url}/webhooks/orders`);
  await post('/v2/flowControl/stripe/pause');
  for (let n = 0; n < 2; n++)
    await publish('orders', {
      'Upstash-Flow-Control-Key': 'stripe',
      'Upstash-Flow-Control-Value': 'rate=10, period=1m, parallelism=2',
    });
  await post(
    '/v2/topics/partners/endpoints',
    {},
    JSON.stringify({
      endpoints: [
        { url: `${receiver.url}/webhooks/orders`, name: 'shop' },
        { url: `${receiver.url}/webhooks/gone`, name: 'archive' },
      ],
    }),
  );
  await post(`/v2/schedules/${receiver.url}/webhooks/orders`, {
    'Upstash-Cron': 'CRON_TZ=Europe/Berlin 30 6 * * 1-5',
    'Upstash-Schedule-Id': 'daily-report',
  });
  example = await publish('invoices', {
    'Upstash-Retries': '3',
    'Upstash-Retry-Delay': 'pow(10, retried + 2) * 40',
    'Upstash-Label': 'billing',
  });
  await new Promise((resolve) => setTimeout(resolve, 4000));
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const wanted = paths.length > 0 ? paths : ['', 'messages/example', 'dead-letters'];
for (const colorScheme of theme.split(',')) {
  for (const size of width.split(',').map(Number)) {
    const page = await browser.newPage({
      viewport: { width: size, height: 860 },
      colorScheme,
      timezoneId: 'Europe/Berlin',
    });
    page.on('pageerror', (error) => console.log('page error:', error.message));
    page.on(
      'console',
      (message) => message.type() === 'error' && console.log('console:', message.text().slice(0, 300)),
    );
    await page.goto(`${api.url}/console/`);
    await page.getByLabel('Token').fill(testToken);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    for (const path of wanted) {
      const to = path.replace('example', example);
      await page.goto(`${api.url}/console/${to}`);
      await page.waitForTimeout(900);
      const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
      if (isWide) console.log(`${path} scrolls sideways at ${size} px`);
      const name = path === '' ? 'overview' : path.replaceAll('/', '-');
      const ending = paths.length > 0 ? `-${size}-${colorScheme}` : '';
      await page.screenshot({ path: join(folder, `console-${name}${ending}.png`), fullPage: paths.length > 0 });
    }
    await page.close();
  }
}
await browser.close();
await system.stop();
process.exit(0);
