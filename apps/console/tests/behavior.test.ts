// What holds on every page: live changes, errors, hostile content, the keyboard, sizes.
import { readdirSync } from 'node:fs';
import { consoleBudgets, eventually, measureConsole, startApi, testToken } from '@posthorn/testkit';
import { heading, signIn } from './locators.ts';
import { startStage, type Stage } from './stage.ts';

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
  await signIn(page);
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

test('what has the focus is seen', async () => {
  const { page } = await stage.open('messages');
  await heading(page, 'Messages');
  const unseen: string[] = [];
  const names = new Set<string>();
  for (let stop = 0; stop < 30; stop++) {
    await page.keyboard.press('Tab');
    const [name, style, width] = await page.evaluate(() => {
      const element = document.activeElement ?? document.body;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const text = element.getAttribute('aria-label') ?? element.textContent;
      return [`${element.localName} ${text}`, outlineStyle, Number.parseFloat(outlineWidth)] as const;
    });
    names.add(name);
    if (!name.startsWith('body') && (style === 'none' || width < 2)) unseen.push(name);
  }
  expect(unseen).toEqual([]);
  expect(names.size).toBeGreaterThan(20);
});

test('without the server the content stays, and the alert goes when it is back', async () => {
  const api = await startApi(stage.system.redis.url);
  const context = await stage.browser.newContext();
  const page = await context.newPage();
  await page.goto(`${api.url}/console/messages`);
  await signIn(page);
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

test('the files are within their budgets, and there is no font', () => {
  const sizes = measureConsole(process.cwd());
  expect(sizes.initialScripts).toBeGreaterThan(0);
  for (const name of Object.keys(consoleBudgets) as (keyof typeof consoleBudgets)[]) {
    expect(sizes[name]).toBeLessThanOrEqual(consoleBudgets[name]);
  }
  const names = readdirSync('apps/console/dist/assets');
  expect(names.filter((name) => !/\.(js|css|svg)(\.gz|\.br)?$/.test(name))).toEqual([]);
});
