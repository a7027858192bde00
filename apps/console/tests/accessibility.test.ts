// Every page, in both themes, narrow and wide: axe finds nothing, and nothing scrolls sideways.
import type { Page } from 'playwright-core';
import { findAxeViolations } from './browser.ts';
import { fillStage, type Filled } from './filled-stage.ts';
import { button, field, link, showPath } from './locators.ts';
import { readToken, startStage, type Stage } from './stage.ts';

/** Rules whose result depends on colours or on the width. */
const changing = ['color-contrast', 'scrollable-region-focusable', 'target-size', 'link-in-text-block'];

let stage: Stage;
let filled: Filled;
const firstRun: string[] = [];
beforeAll(async () => {
  stage = await startStage();
  const { page, context } = await stage.open('');
  for (const path of ['', 'messages', 'queues', 'schedules', 'log']) {
    await showPath(page, path);
    firstRun.push(...(await look(page, `${path}, empty`)));
  }
  await context.close();
  filled = await fillStage(stage);
}, 120_000);
afterAll(() => stage.stop());

const isWide = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

/** What axe finds in both themes, and whether the page scrolls sideways at 320 px. */
async function look(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const rules = colorScheme === 'light' ? undefined : changing;
    for (const violation of await findAxeViolations(page, rules)) found.push(`${name}, ${colorScheme}: ${violation}`);
  }
  const size = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 800 });
  if (await isWide(page)) found.push(`${name}: scrolls sideways`);
  if (size) await page.setViewportSize(size);
  return found;
}

test('axe finds nothing on any page, in both themes, at 320 and at 1280 px, and none scrolls sideways', async () => {
  const { page } = await stage.open('', { reducedMotion: 'reduce' });
  const found: string[] = [];
  const check = async (name: string) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 320]) {
        await page.setViewportSize({ width, height: 800 });
        const place = `${name}, ${colorScheme}, ${width} px`;
        // What depends neither on the theme nor on the width is looked at twice, not four times.
        const isWhole = (colorScheme === 'light') === (width === 1280);
        for (const violation of await findAxeViolations(page, isWhole ? undefined : changing))
          found.push(`${place}: ${violation}`);
        if (await isWide(page)) found.push(`${place}: scrolls sideways`);
        // On a narrow screen tables stay tables, and do not become lists.
        const shapes = await page.evaluate(() =>
          [...document.querySelectorAll('main :is(table, tr, td)')].map(
            (element) => `${element.localName} ${getComputedStyle(element).display}`,
          ),
        );
        const isShape = /^(table table|tr table-row|td table-cell)$/;
        for (const shape of new Set(shapes)) if (!isShape.test(shape)) found.push(`${place}: ${shape}`);
      }
    }
  };
  for (const path of filled.paths) {
    await showPath(page, path);
    await check(path || 'overview');
  }
  await page.keyboard.press('Control+k');
  await check('commands');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await check('sign-in');
  expect(found).toEqual([]);
}, 120_000);

test('axe finds nothing in a read-only session, whose tables have no buttons', async () => {
  const { page } = await stage.open('', { token: readToken, viewport: { width: 320, height: 800 } });
  const found: string[] = [];
  for (const path of ['groups/group', 'dead-letters', 'settings', 'send']) {
    await page.goto(`${stage.url}/console/${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForFunction(() => !document.body.textContent.includes('Loading…'));
    for (const violation of await findAxeViolations(page)) found.push(`${path}: ${violation}`);
  }
  expect(found).toEqual([]);
});

test('axe finds nothing on the pages of a first run', () => {
  expect(firstRun).toEqual([]);
});

test('axe finds nothing in dialogs, suggestions, forms with all their fields, and results', async () => {
  const { page } = await stage.open('');
  const found: string[] = [];
  const check = async (name: string) => found.push(...(await look(page, name)));
  for (const [path, opener] of [
    [`messages/${filled.retryingId}`, 'Cancel message'],
    ['dead-letters', 'Delete all matching'],
    ['queues/orders', 'Delete queue'],
  ] as const) {
    await showPath(page, path);
    await page.locator('button:not([aria-disabled=true])').and(button(page, opener)).click();
    await page.getByRole('alertdialog').waitFor();
    await check(opener);
    await page.keyboard.press('Escape');
  }
  await showPath(page, 'groups');
  await button(page, 'Create URL group').click();
  await check('Create URL group');
  await button(page, 'Cancel').click();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await check('Keyboard shortcuts');
  await page.keyboard.press('Escape');
  await page.getByRole('searchbox', { name: 'Find' }).fill('o');
  await page.getByRole('list', { name: 'Suggestions' }).waitFor();
  await check('Suggestions');
  await page.keyboard.press('Escape');

  await showPath(page, 'send');
  await button(page, 'Options').click();
  await button(page, 'Add header').click();
  await field(page, 'Delay').fill('soon');
  await field(page, 'Destination').fill(`${stage.system.receiver.url}/ok`);
  await button(page, 'Send').click();
  await page.getByText('Upstash-Delay', { exact: false }).first().waitFor();
  await check('Send with options and a fault');
  await field(page, 'Delay').fill('');
  await button(page, 'Send').click();
  await page
    .getByRole('region', { name: 'Where it is' })
    .getByText(/^Delivered/)
    .waitFor();
  await check('Result');
  expect(found).toEqual([]);
}, 120_000);

test('axe finds nothing while rows wait, while a table is stale, and in notices', async () => {
  const { page } = await stage.open('messages');
  const found: string[] = [];
  const check = async (name: string) => found.push(...(await look(page, name)));
  await link(page, filled.failedId).focus();
  await stage.publish('/ok', {}, 'DELIVERED');
  await button(page, /^Show \d+ new$/).waitFor();
  await check('Show new');

  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/v2/messages?**state=FAILED**', async (route) => {
    await released;
    await route.continue();
  });
  await page.getByRole('combobox', { name: 'State', exact: true }).selectOption('FAILED');
  await page.locator('[aria-busy=true] table').waitFor();
  await check('stale');
  release();

  await button(page, 'Refresh').focus();
  await page.route('**/v2/messages?**', (route) => route.fulfill({ status: 500, json: { error: 'Broken.' } }));
  await button(page, 'Refresh').click();
  await page.getByRole('alert').getByText('cannot bring this page up to date').waitFor();
  await check('a read has failed');
  await page.route('**/v2/**', (route) => route.abort());
  await page.route('**/health', (route) => route.abort());
  await button(page, 'Refresh').click();
  await page.getByRole('alert').getByText('Connection lost').waitFor();
  await check('Connection lost');
  expect(found).toEqual([]);
}, 60_000);

test('names of 256 characters do not make a page scroll sideways at 320 px', async () => {
  const name = 'n'.repeat(256);
  const headers = { 'Upstash-Flow-Control-Key': name, 'Upstash-Flow-Control-Value': 'parallelism=1' };
  await stage.publish('/ok', headers, 'DELIVERED');
  await stage.post(`/v2/flowControl/${name}/pin?parallelism=2`);
  const { page } = await stage.open('', { viewport: { width: 320, height: 800 } });
  const wide: string[] = [];
  for (const path of [
    'flow-control',
    `flow-control/${name}`,
    `messages?key=${name}&group=${name}&schedule=${name}`,
    `messages?label=${name}`,
    `dead-letters?label=${name}&destination=${name}`,
    `log?label=${name}`,
    `queues/${name}`,
    `groups/${name}`,
    `schedules/${name}`,
    `flow-control/x${name}`,
    `destinations/${name}.example`,
    `messages/${name}`,
    `dead-letters/${name}`,
    name,
  ]) {
    await showPath(page, path);
    if (await isWide(page)) wide.push(path.replaceAll(name, 'name'));
  }
  // What the counters have of a label is named in the figure.
  await page.goto(`${stage.url}/console/messages?label=${name}`);
  await page.getByRole('figure').waitFor();
  if (await isWide(page)) wide.push('figure');
  expect(wide).toEqual([]);
});
