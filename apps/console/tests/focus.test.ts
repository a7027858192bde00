// Where the focus is, and what lies above the page.
import { eventually } from '@posthorn/testkit';
import type { Page } from 'playwright-core';
import { fillStage, type Filled } from './filled-stage.ts';
import { button, checkbox, heading, link, table } from './locators.ts';
import { setUpStage } from './stage.ts';

let filled: Filled;
const stage = setUpStage(async () => {
  filled = await fillStage(stage);
});

/** Resolves when the heading of the page with this title has the focus. */
const focused = (page: Page, title: string) =>
  eventually(() =>
    page.evaluate(
      (wanted) => document.activeElement?.tagName === 'H1' && document.activeElement.textContent === wanted,
      title,
    ),
  );

test('the heading of the page that was opened has the focus, whenever the page is loaded and read', async () => {
  const { page } = await stage.open('');
  await heading(page, 'Overview');
  for (const [list, name, title] of [
    ['Queues', 'orders', 'Queue orders'],
    ['URL groups', 'group', 'URL group group'],
    ['Schedules', 'daily', 'Schedule daily'],
    ['Flow control', 'key', 'Flow-control key key'],
    ['Destinations', '127.0.0.1', 'Destination 127.0.0.1'],
    ['Messages', filled.failedId, `Message ${filled.failedId}`],
  ] as const) {
    await link(page, list).click();
    await focused(page, list);
    await link(page.getByRole('main'), name).click();
    await page.locator('main :is(.now, section, table)').first().waitFor();
    await focused(page, title);
  }
});

test('a page that arrives late does not take the focus from what the reader has gone to', async () => {
  const { page } = await stage.open('');
  await heading(page, 'Overview');
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/v2/queues/orders', async (route) => {
    await released;
    await route.continue();
  });
  await link(page, 'Queues').click();
  await link(page, 'orders').click();
  await focused(page, 'Queue orders');
  await page.getByRole('searchbox', { name: 'Find' }).focus();
  release();
  await button(page, 'Delete queue').waitFor();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('find');
});

test('what gets the focus is not under the banner', async () => {
  await stage.publishMany(20, '/ok');
  const { page } = await stage.open('messages', { viewport: { width: 1280, height: 500 } });
  const rows = table(page, 'Messages').getByRole('row');
  await rows.nth(20).waitFor();
  await rows.nth(20).getByRole('link').focus();
  const covered: string[] = [];
  for (let stop = 0; stop < 20; stop++) {
    await page.keyboard.press('Shift+Tab');
    const name = await page.evaluate(() => {
      const element = document.activeElement ?? document.body;
      const { left, top, width, height } = element.getBoundingClientRect();
      const above = document.elementFromPoint(left + width / 2, top + height / 2);
      return element.contains(above) ? '' : `${element.textContent} at ${top}`;
    });
    if (name !== '') covered.push(name);
  }
  expect(covered).toEqual([]);
});

test('a question ends with its page, and nothing opens on top of it', async () => {
  const { page } = await stage.open('queues');
  await link(page, 'orders').click();
  await button(page, 'Delete queue').click();
  const question = page.getByRole('alertdialog');
  await question.waitFor();
  await page.keyboard.press('Control+k');
  expect(await page.getByRole('dialog', { name: 'Commands' }).count()).toBe(0);
  await page.goBack();
  await heading(page, 'Queues');
  await question.waitFor({ state: 'detached' });
});

test('Cmd+K opens the commands, as Ctrl+K does', async () => {
  const { page } = await stage.open('settings');
  await heading(page, 'Settings');
  await page.keyboard.press('Meta+k');
  await page.getByRole('dialog', { name: 'Commands' }).waitFor();
});

test('single keys do nothing once they are switched off; Ctrl+K still works', async () => {
  const { page } = await stage.open('settings');
  await checkbox(page, 'Single-key shortcuts').uncheck();
  await page.getByRole('heading', { level: 1 }).click();
  let reads = 0;
  page.on('request', (request) => {
    if (request.url().includes('/v2/limits')) reads++;
  });
  for (const key of ['/', '?', 'g', 'm', 'c', 'j', 'k', 'x', 'r']) await page.keyboard.press(key);
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
  expect(await page.getByRole('dialog').count()).toBe(0);
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog', { name: 'Commands' }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/console/settings');
  expect(reads).toBe(0);
});
