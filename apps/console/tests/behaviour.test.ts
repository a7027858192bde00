// What holds on every page: live changes, errors, sessions, hostile content, the keyboard, sizes.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { eventually, startApi, testToken } from '@posthorn/testkit';
import { heading } from './locators.ts';
import { readToken, startStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => (stage = await startStage()), 60_000);
afterAll(() => stage.stop());

test('the first run shows the command of this server, without its token', async () => {
  const { page } = await stage.open('');
  await page.getByText(`curl -X POST ${stage.url}/v2/publish/`).waitFor();
  expect(await page.content()).not.toContain(testToken);
  await page.getByRole('link', { name: 'Send the first message', exact: true }).waitFor();
  for (const path of [
    'messages',
    'dead-letters',
    'queues',
    'groups',
    'schedules',
    'flow-control',
    'destinations',
    'log',
  ]) {
    await page.goto(`${stage.url}/console/${path}`);
    expect(await page.locator('tr.empty').first().textContent()).toMatch(/\.$/);
  }
});

test('sign-in refuses a wrong token, returns to the page, and keeps the token nowhere', async () => {
  const context = await stage.browser.newContext();
  const page = await context.newPage();
  await page.goto(`${stage.url}/console/messages?state=FAILED`);
  await heading(page, 'Sign in');
  await page.getByRole('banner').waitFor();
  await page.getByRole('navigation', { name: 'Main', exact: true }).waitFor();
  const field = page.getByLabel('Token', { exact: true });
  expect(await field.evaluate((input) => input === document.activeElement)).toBe(true);
  await field.fill('wrong');
  await page.keyboard.press('Enter');
  expect(await page.getByRole('alert').textContent()).toContain('token');
  await field.fill(testToken);
  await page.keyboard.press('Enter');
  await heading(page, 'Messages');
  expect(page.url()).toBe(`${stage.url}/console/messages?state=FAILED`);
  expect(await page.getByRole('combobox', { name: 'State', exact: true }).inputValue()).toBe('FAILED');
  const stored = await page.evaluate(() =>
    JSON.stringify([
      Object.entries(localStorage),
      Object.entries(sessionStorage),
      document.cookie,
      document.documentElement.outerHTML,
    ]),
  );
  expect(stored).not.toContain(testToken);
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await heading(page, 'Sign in');
  await page.goto(`${stage.url}/console/messages`);
  await heading(page, 'Sign in');
  await context.close();
});

test('a link with a one-time code signs in once, and does not stay in the address', async () => {
  const makeCode = async () => {
    const headers = { Authorization: `Bearer ${testToken}` };
    const made = await fetch(`${stage.url}/console/code`, { method: 'POST', headers });
    return ((await made.json()) as { code: string }).code;
  };
  const code = await makeCode();
  const context = await stage.browser.newContext();
  const page = await context.newPage();
  await page.goto(`${stage.url}/console/#code=${code}`);
  await heading(page, 'Overview');
  expect(page.url()).toBe(`${stage.url}/console/`);
  const second = await stage.browser.newContext();
  const other = await second.newPage();
  await other.goto(`${stage.url}/console/#code=${code}`);
  await heading(other, 'Sign in');
  await other.getByRole('alert').getByText('used before').waitFor();
  // In a tab that is open already, only the fragment of the address changes.
  await other.evaluate((next) => (location.hash = `code=${next}`), await makeCode());
  await heading(other, 'Overview');
  expect(new URL(other.url()).hash).toBe('');
  await Promise.all([context.close(), second.close()]);
});

test('a change appears by itself, and never under the eyes of a reader', async () => {
  const { page } = await stage.open('messages');
  await heading(page, 'Messages');
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  await page.getByRole('link', { name: id, exact: true }).waitFor({ timeout: 5000 });
  await page.getByRole('link', { name: id, exact: true }).focus();
  const next = await stage.publish('/ok', {}, 'DELIVERED');
  await page.getByRole('button', { name: /^Show \d+ new$/ }).waitFor({ timeout: 5000 });
  expect(await page.getByRole('link', { name: next, exact: true }).count()).toBe(0);
  await page.getByRole('button', { name: /^Show \d+ new$/ }).click();
  await page.getByRole('link', { name: next, exact: true }).waitFor();
  const live = page.getByRole('switch', { name: 'Live', exact: true });
  await live.click();
  expect(await live.getAttribute('aria-checked')).toBe('false');
});

test('hostile bodies, headers, errors and names are text', async () => {
  const attack = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
  const { receiver, api } = stage.system;
  receiver.reply('/hostile', {
    status: 500,
    body: attack,
    headers: { 'Content-Type': 'text/html', 'X-Attack': attack },
  });
  const headers = {
    'Upstash-Retries': '0',
    'Upstash-Label': attack,
    'Upstash-Forward-X-Attack': attack,
    'Content-Type': 'text/html',
    'Upstash-Flow-Control-Key': 'javascript:alert(1)',
    'Upstash-Flow-Control-Value': 'parallelism=1',
  };
  const id = await stage.publish('/hostile', headers, 'FAILED', attack);
  await api.publish('javascript:alert(1)').catch(() => undefined);
  const { page } = await stage.open(`messages/${id}`);
  await page.getByRole('region', { name: 'Request', exact: true }).getByText(attack).first().waitFor();
  await page.getByRole('region', { name: 'Response', exact: true }).getByText(attack).first().waitFor();
  for (const path of ['messages', 'dead-letters', 'log', 'flow-control', 'destinations', '']) {
    await page.goto(`${stage.url}/console/${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.locator('main tbody tr, main figure').first().waitFor();
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(await page.locator('a[href^="javascript"], img, iframe').count()).toBe(0);
  }
});

test('a page on another port of the same host gets nothing', async () => {
  const { page, context } = await stage.open('');
  const other = createServer((_request, response) =>
    response.setHeader('Content-Type', 'text/html').end('<p>other</p>'),
  );
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const attacker = await context.newPage();
  await attacker.goto(`http://127.0.0.1:${port}/`);
  const results = await attacker.evaluate(async (url) => {
    const ask = (path: string, init: RequestInit) =>
      fetch(url + path, { credentials: 'include', ...init }).then(
        (response) => response.status,
        () => 'refused',
      );
    return [
      await ask('/v2/keys', {}),
      await ask('/v2/keys', { headers: { 'X-Posthorn-Console': '1' } }),
      await ask('/v2/keys', { mode: 'no-cors' }),
      await ask('/v2/queues', { method: 'POST', body: '{"queueName":"evil"}', mode: 'no-cors' }),
      await ask('/console/session', { method: 'POST', body: '{"token":"x"}', mode: 'no-cors' }),
      await ask('/console/session', { method: 'DELETE' }),
    ];
  }, stage.url);
  // An opaque answer has the status 0: the page learns nothing, and the API has refused it.
  expect(results).toEqual(['refused', 'refused', 0, 0, 'refused', 'refused']);
  expect((await stage.system.api.call('/v2/queues/evil')).status).toBe(404);
  await page.reload();
  await heading(page, 'Overview');
  other.close();
});

test('a read-only session sees no keys and no control that writes', async () => {
  await stage.publish('/ok', { 'Upstash-Queue-Name': 'seen' });
  const id = await stage.publish('/ok', { 'Upstash-Delay': '1h' });
  const { page } = await stage.open('settings', { token: readToken });
  await page.getByText('Read-only', { exact: true }).waitFor();
  expect(await page.getByRole('button', { name: 'Show keys' }).count()).toBe(0);
  const writing = /^(Pause|Resume|Retry|Delete|Cancel message|Send|Save|Create|Pin|Unpin|Rotate|Run now|Add|Remove)/;
  for (const path of [
    'queues',
    'dead-letters',
    'schedules',
    'flow-control',
    'groups',
    `messages/${id}`,
    'send',
    'schedules/new',
  ]) {
    await page.goto(`${stage.url}/console/${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    const buttons = await page.getByRole('button', { name: writing }).all();
    for (const button of buttons) expect(await button.isDisabled()).toBe(true);
  }
});

test('an id or a page that does not exist is not found, with a way on', async () => {
  const { page } = await stage.open('messages/msg_01ARZ3NDEKTSV4RRFFQ69G5FAV');
  await heading(page, 'Not found');
  for (const path of [
    'nowhere',
    'queues/none',
    'schedules/none',
    'groups/none',
    'flow-control/none',
    'dead-letters/1-1',
    'destinations/none.example',
  ]) {
    await page.goto(`${stage.url}/console/${path}`);
    await heading(page, 'Not found');
    expect(await page.getByRole('main').getByRole('link').count()).toBeGreaterThan(0);
  }
});

test('a form keeps its contents when the session ends, and the server says what is wrong with a field', async () => {
  const { page, context } = await stage.open('send');
  await page.getByRole('textbox', { name: 'Destination', exact: true }).fill('https://a.example/kept');
  await page.getByRole('textbox', { name: 'Body', exact: true }).fill('long work');
  await page.getByRole('button', { name: 'Options', exact: true }).click();
  await page.getByRole('textbox', { name: 'Delay', exact: true }).fill('soon');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  const delay = page.getByRole('textbox', { name: 'Delay', exact: true });
  await eventually(async () => (await delay.getAttribute('aria-invalid')) === 'true');
  await delay.fill('1h');
  await context.clearCookies();
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await heading(page, 'Sign in');
  await page.getByLabel('Token', { exact: true }).fill(testToken);
  await page.keyboard.press('Enter');
  await heading(page, 'Send a message');
  expect(await page.getByRole('textbox', { name: 'Body', exact: true }).inputValue()).toBe('long work');
});

test('everything is reached by the keyboard alone', async () => {
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  const { page } = await stage.open('settings');
  await page.goto(`${stage.url}/console/settings`);
  await heading(page, 'Settings');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content');
  for (const [key, name] of Object.entries({
    o: 'Overview',
    d: 'Dead letters',
    q: 'Queues',
    u: 'URL groups',
    s: 'Schedules',
    f: 'Flow control',
    l: 'Log',
    m: 'Messages',
  })) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await heading(page, name);
    expect(await page.getByRole('link', { name, exact: true }).first().getAttribute('aria-current')).toBe('page');
  }
  await page.getByRole('link', { name: id, exact: true }).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'Where it is' }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog', { name: 'Commands' }).waitFor();
  await page.keyboard.type('flow');
  await page.keyboard.press('Enter');
  await heading(page, 'Flow control');
  await page.keyboard.press('c');
  await heading(page, 'Send a message');
  await page.getByRole('textbox', { name: 'Body', exact: true }).focus();
  await page.keyboard.type('gm?/');
  expect(await page.getByRole('textbox', { name: 'Body', exact: true }).inputValue()).toBe('gm?/');
  await page.goto(`${stage.url}/console/settings`);
  await page.getByRole('checkbox', { name: 'Single-key shortcuts' }).uncheck();
  await page.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('c');
  await heading(page, 'Settings');
});

test('without the server the content stays, and the alert goes when it is back', async () => {
  const api = await startApi(stage.system.redis.url);
  const context = await stage.browser.newContext();
  const page = await context.newPage();
  await page.goto(`${api.url}/console/messages`);
  await page.getByLabel('Token', { exact: true }).fill(testToken);
  await page.keyboard.press('Enter');
  const rows = page.getByRole('table', { name: 'Messages' }).getByRole('row');
  await eventually(async () => (await rows.count()) > 2);
  const before = await rows.count();
  await api.end('SIGKILL');
  await page.getByRole('alert').getByText('Connection lost').waitFor();
  expect(await rows.count()).toBe(before);
  const again = await startApi(stage.system.redis.url, { PORT: new URL(api.url).port });
  await page.getByRole('alert').waitFor({ state: 'detached' });
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  await page.getByRole('link', { name: id, exact: true }).waitFor();
  await context.close();
  await again.end('SIGKILL');
});

test('a body of ten megabytes is shown in part, and can be downloaded', async () => {
  const id = await stage.publish(
    '/ok',
    { 'Upstash-Delay': '1h', 'Content-Type': 'text/plain' },
    '',
    'y'.repeat(1_500_000),
  );
  const { page } = await stage.open(`messages/${id}`);
  await page.getByText('Only the beginning is shown').waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the request body' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('request.bin');
});

test('the files are within their budgets', () => {
  const folder = join(process.cwd(), 'apps/console/dist/assets');
  const sizes = Object.fromEntries(
    readdirSync(folder)
      .filter((name) => /\.(js|css)$/.test(name))
      .map((name) => [name, gzipSync(readFileSync(join(folder, name))).length]),
  );
  const sum = (names: string[]) => names.reduce((total, name) => total + (sizes[name] ?? 0), 0);
  const scripts = Object.keys(sizes).filter((name) => name.endsWith('.js'));
  const page = readFileSync(join(folder, '../index.html'), 'utf8');
  const initial = scripts.filter((name) => page.includes(name));
  expect(initial.length).toBeGreaterThan(1);
  expect(sum(initial)).toBeLessThan(60 * 1024);
  expect(sum(scripts)).toBeLessThan(150 * 1024);
  expect(sum(Object.keys(sizes).filter((name) => name.endsWith('.css')))).toBeLessThan(15 * 1024);
});
