// Every page, in both themes, narrow and wide: axe finds nothing, and nothing scrolls sideways.
import type { Page } from 'playwright-core';
import { findAxeViolations } from './browser.ts';
import { fillStage, type Filled } from './filled-stage.ts';
import { alert, button, combobox, field, heading, link, loadPath, region, showPath } from './locators.ts';
import { ask, confirmationField, questions } from './questions.ts';
import { readToken, setUpStage } from './stage.ts';

/** Rules whose result depends on colors or on the width. */
const changing = ['color-contrast', 'scrollable-region-focusable', 'target-size', 'link-in-text-block'];

let filled: Filled;
const firstRun: string[] = [];
const stage = setUpStage(async () => {
  const { page, context } = await stage.open('');
  for (const path of ['', 'messages', 'queues', 'schedules', 'log']) {
    await showPath(page, path);
    firstRun.push(...(await look(page, `${path}, empty`)));
  }
  await context.close();
  filled = await fillStage(stage);
});

/** Whether the page, or a dialog above it, scrolls sideways. */
const isWide = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('html, dialog')].some(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth),
  );

/** What axe finds in both themes on the page, or within an element, and whether something scrolls sideways at 320 px. */
async function look(page: Page, name: string, within?: string): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const rules = colorScheme === 'light' ? undefined : changing;
    for (const violation of await findAxeViolations(page, rules, within))
      found.push(`${name}, ${colorScheme}: ${violation}`);
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
        const view = `${name}, ${colorScheme}, ${width} px`;
        // What depends neither on the theme nor on the width is looked at twice, not four times.
        const isWhole = (colorScheme === 'light') === (width === 1280);
        for (const violation of await findAxeViolations(page, isWhole ? undefined : changing))
          found.push(`${view}: ${violation}`);
        if (await isWide(page)) found.push(`${view}: scrolls sideways`);
        // On a narrow screen tables stay tables, and do not become lists.
        const shapes = await page.evaluate(() =>
          [...document.querySelectorAll('main :is(table, tr, td)')].map(
            (element) => `${element.localName} ${getComputedStyle(element).display}`,
          ),
        );
        const isShape = /^(table table|tr table-row|td table-cell)$/;
        for (const shape of new Set(shapes)) if (!isShape.test(shape)) found.push(`${view}: ${shape}`);
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
  await button(page, 'Sign out').click();
  await heading(page, 'Sign in');
  await check('sign-in');
  expect(found).toEqual([]);
}, 300_000);

test('axe finds nothing in a read-only session, whose tables have no buttons', async () => {
  const { page } = await stage.open('', { token: readToken, viewport: { width: 320, height: 800 } });
  const found: string[] = [];
  for (const path of ['groups/group', 'dead-letters', 'settings', 'send']) {
    await loadPath(page, path);
    for (const violation of await findAxeViolations(page)) found.push(`${path}: ${violation}`);
  }
  expect(found).toEqual([]);
});

test('axe finds nothing on the pages of a first run', () => {
  expect(firstRun).toEqual([]);
});

test('axe finds nothing in any question, before and after what must be typed', async () => {
  const { page } = await stage.open('');
  const found: string[] = [];
  for (const question of questions) {
    const { path, press, typed } = question;
    await showPath(page, path(filled));
    const dialog = await ask(page, question, filled);
    found.push(...(await look(page, String(press), 'dialog')));
    if (typed !== undefined) {
      // The button that does it has other colors as long as it is off.
      await confirmationField(page, typed).fill(typed);
      found.push(...(await look(page, `${String(press)}, typed`, 'dialog')));
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }
  expect(found).toEqual([]);
});

test('axe finds nothing in any other dialog', async () => {
  const { page } = await stage.open('groups');
  const found: string[] = [];
  const check = async (name: string) => found.push(...(await look(page, name, 'dialog')));
  await button(page, 'Create URL group').click();
  await check('Create URL group');
  await field(page, 'Name').fill('no/name');
  await field(page, 'Endpoint URL').fill('https://a.example/');
  await button(page, 'Create').click();
  await field(page, 'Name').and(page.locator('[aria-invalid=true]')).waitFor();
  await check('Create URL group, with a fault');
  await button(page, 'Cancel').click();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await check('Keyboard shortcuts');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog', { name: 'Commands' }).waitFor();
  await field(page, 'Command').fill('nothing');
  await page.getByText('No command is called so.').waitFor();
  await check('Commands, none found');
  expect(found).toEqual([]);
});

test('axe finds nothing in suggestions, forms with all their fields, and results', async () => {
  const { page } = await stage.open('');
  const found: string[] = [];
  const check = async (name: string) => found.push(...(await look(page, name)));
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
  await region(page, 'Where it is')
    .getByText(/^Delivered/)
    .waitFor();
  await check('Result');
  expect(found).toEqual([]);
});

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
  await combobox(page, 'State').selectOption('FAILED');
  await page.locator('[aria-busy=true] table').waitFor();
  await check('stale');
  release();

  await button(page, 'Refresh').focus();
  await page.route('**/v2/messages?**', (route) => route.fulfill({ status: 500, json: { error: 'Broken.' } }));
  await button(page, 'Refresh').click();
  await alert(page, 'cannot bring this page up to date').waitFor();
  await check('a read has failed');
  await page.route('**/v2/**', (route) => route.abort());
  await page.route('**/health', (route) => route.abort());
  await button(page, 'Refresh').click();
  await alert(page, 'Connection lost').waitFor();
  await check('Connection lost');
  expect(found).toEqual([]);
});

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
