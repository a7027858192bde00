// What holds on every page: live changes, errors, hostile content, the keyboard, sizes.
import { readdirSync } from 'node:fs';
import { consoleBudgets, eventually, measureConsole, testToken } from '@posthorn/testkit';
import { button, checkbox, field, heading, link, loadPath, region, signIn } from './locators.ts';
import { setUpStage } from './stage.ts';

const stage = setUpStage();

test('the first run shows the command of this server, without its token', async () => {
  const { page } = await stage.open('');
  await page.getByText(`curl -X POST ${stage.url}/v2/publish/`).waitFor();
  expect(await page.content()).not.toContain(testToken);
  await link(page, 'Send the first message').waitFor();
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
  await link(page, id).waitFor();
  await link(page, id).focus();
  const next = await stage.publish('/ok', {}, 'DELIVERED');
  await button(page, /^Show \d+ new$/).waitFor();
  expect(await link(page, next).count()).toBe(0);
  await button(page, /^Show \d+ new$/).click();
  await link(page, next).waitFor();
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
  await region(page, 'Request').getByText(attack).first().waitFor();
  await region(page, 'Response').getByText(attack).first().waitFor();
  for (const path of ['messages', 'dead-letters', 'log', 'flow-control', 'destinations', '']) {
    await loadPath(page, path);
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
    await loadPath(page, path);
    await heading(page, 'Not found');
    expect(await page.getByRole('main').getByRole('link').count()).toBeGreaterThan(0);
  }
});

test('a form keeps its contents when the session ends, and the server says what is wrong with a field', async () => {
  const { page, context } = await stage.open('send');
  await field(page, 'Destination').fill('https://a.example/kept');
  await field(page, 'Body').fill('long work');
  await button(page, 'Options').click();
  await field(page, 'Delay').fill('soon');
  await button(page, 'Send').click();
  const delay = field(page, 'Delay');
  await eventually(async () => (await delay.getAttribute('aria-invalid')) === 'true');
  await delay.fill('1h');
  await context.clearCookies();
  await button(page, 'Send').click();
  await signIn(page);
  await heading(page, 'Send a message');
  expect(await field(page, 'Body').inputValue()).toBe('long work');
});

test('everything is reached by the keyboard alone', async () => {
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  const { page } = await stage.open('settings');
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
    expect(await link(page, name).first().getAttribute('aria-current')).toBe('page');
  }
  await link(page, id).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  await region(page, 'Where it is').waitFor();
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
  await field(page, 'Body').focus();
  await page.keyboard.type('gm?/');
  expect(await field(page, 'Body').inputValue()).toBe('gm?/');
  await loadPath(page, 'settings');
  await checkbox(page, 'Single-key shortcuts').uncheck();
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

test('the files are within their budgets, and there is no font', () => {
  const sizes = measureConsole(process.cwd());
  expect(sizes.initialScripts).toBeGreaterThan(0);
  for (const name of Object.keys(consoleBudgets) as (keyof typeof consoleBudgets)[]) {
    expect(sizes[name]).toBeLessThanOrEqual(consoleBudgets[name]);
  }
  const names = readdirSync('apps/console/dist/assets');
  expect(names.filter((name) => !/\.(js|css|svg)(\.gz|\.br)?$/.test(name))).toEqual([]);
});
