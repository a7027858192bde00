// How pages follow the server, and what they do while it is busy.
import { eventually } from '@posthorn/testkit';
import type { Page, Request } from 'playwright-core';
import { button, heading, link } from './locators.ts';
import { startStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => (stage = await startStage()), 60_000);
afterAll(() => stage.stop());

const isStream = (request: Request) => request.url().includes('/v2/logs/stream');

/** Says that the tab is hidden, or visible again. */
const setVisibility = (page: Page, state: 'hidden' | 'visible') =>
  page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);

test('a change appears within two seconds', async () => {
  const { page } = await stage.open('messages');
  await heading(page, 'Messages');
  await page.waitForRequest((request) => request.url().includes('/v2/stats'));
  const id = await stage.publish('/ok');
  await link(page, id).waitFor({ timeout: 2000 });
  await page
    .getByRole('row')
    .filter({ has: link(page, id) })
    .getByText('DELIVERED')
    .waitFor();
});

test('a tab has one stream, which a hidden tab closes and a visible one opens again', async () => {
  const { page } = await stage.open('messages');
  const opened: Request[] = [];
  const closed: Request[] = [];
  page.on('request', (request) => isStream(request) && opened.push(request));
  page.on('requestfailed', (request) => isStream(request) && closed.push(request));
  await page.reload();
  await eventually(() => opened.length === 1);
  // The stream of the page before has ended with it.
  closed.length = 0;
  for (const name of ['Queues', 'Schedules', 'Overview']) {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click();
    await heading(page, name);
  }
  expect(opened).toHaveLength(1);
  expect(closed).toHaveLength(0);
  await setVisibility(page, 'hidden');
  await eventually(() => closed.length === 1);
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  expect(opened).toHaveLength(1);
  await setVisibility(page, 'visible');
  await eventually(() => opened.length === 2);
  await link(page, 'Messages').click();
  await link(page, id).waitFor();
});

test('a tab makes at most five requests a second, also when its reader hurries and much happens', async () => {
  const { page } = await stage.open('');
  const startedAt: number[] = [];
  page.on('requestfinished', (request) => {
    if (/\/(v2|console\/session)/.test(new URL(request.url()).pathname)) startedAt.push(request.timing().startTime);
  });
  const names = ['Messages', 'Dead letters', 'Queues', 'URL groups', 'Destinations', 'Overview'];
  for (const name of [...names, ...names]) {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click();
    await heading(page, name);
    await stage.publish('/ok');
  }
  await eventually(() => startedAt.length > 12);
  startedAt.sort((a, b) => a - b);
  // The clock of the browser for requests is not exact to the millisecond.
  const busiest = startedAt.map((from) => startedAt.filter((time) => time >= from && time < from + 950).length);
  expect(Math.max(...busiest)).toBeLessThanOrEqual(5);
});

test.each<[string, (page: Page) => Promise<unknown>]>([
  ['has scrolled', (page) => page.mouse.wheel(0, 300)],
  ['has selected text', (page) => page.getByRole('heading', { level: 1 }).selectText()],
])('new rows wait while the reader %s', async (_name, read) => {
  for (let n = 0; n < 20; n++) await stage.publish('/ok');
  const { page } = await stage.open('messages', { viewport: { width: 1280, height: 400 } });
  await page.getByRole('table', { name: 'Messages' }).getByRole('row').nth(20).waitFor();
  await read(page);
  await eventually(() => page.evaluate(() => scrollY > 40 || getSelection()?.isCollapsed === false));
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  await page.getByRole('button', { name: /^Show \d+ new$/ }).waitFor();
  expect(await link(page, id).count()).toBe(0);
});

test.each([
  [429, 'a list'],
  [503, 'a list'],
])('%i: the page says that the server is busy, asks again, and shows %s', async (status) => {
  await stage.system.api.call('/v2/queues', { method: 'POST', body: JSON.stringify({ queueName: 'later' }) });
  const { page } = await stage.open('');
  let refusals = 0;
  await page.route('**/v2/queues', async (route) => {
    if (++refusals > 2) return route.continue();
    return route.fulfill({ status, headers: { 'Retry-After': '1' }, json: { error: 'Later.' } });
  });
  await link(page, 'Queues').click();
  await page.getByRole('status').filter({ hasText: 'The server is busy' }).waitFor();
  await link(page, 'later').waitFor();
  await page.getByRole('status').filter({ hasText: 'The server is busy' }).waitFor({ state: 'detached' });
});

test('a row changes only when the server has confirmed it', async () => {
  await stage.system.api.call('/v2/queues', { method: 'POST', body: JSON.stringify({ queueName: 'slow' }) });
  const { page } = await stage.open('queues');
  const row = page.getByRole('row').filter({ has: link(page, 'slow') });
  let answer: (isAccepted: boolean) => Promise<void> = () => Promise.resolve();
  const asked = new Promise<void>((resolve) => {
    void page.route('**/v2/queues/slow/pause', (route) => {
      answer = (isAccepted) =>
        isAccepted ? route.continue() : route.fulfill({ status: 500, json: { error: 'Broken.' } });
      resolve();
    });
  });
  await button(page, 'Pause slow').click();
  await asked;
  expect(await row.textContent()).toContain('running');
  await answer(false);
  await page.getByRole('alert').getByText('Broken.').waitFor();
  expect(await row.textContent()).toContain('running');
  await button(page, 'Pause slow').click();
  await eventually(async () => {
    await answer(true).catch(() => undefined);
    return (await row.textContent())?.includes('paused');
  });
});

test('times are told by the clock of the server', async () => {
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  const { page } = await stage.open('');
  await page.route('**/console/session', async (route) => {
    const response = await route.fetch();
    const reply = (await response.json()) as { now: number };
    await route.fulfill({ response, json: { ...reply, now: reply.now + 2 * 86_400_000 } });
  });
  await page.reload();
  await link(page, 'Messages').click();
  const time = page
    .getByRole('row')
    .filter({ has: link(page, id) })
    .getByRole('time')
    .first();
  await time.getByText('2 d ago').waitFor();
  expect(Math.abs(Date.parse((await time.getAttribute('datetime')) ?? '') - Date.now())).toBeLessThan(600_000);
});
