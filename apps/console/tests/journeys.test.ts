// The questions of a user, with the clicks that each takes.
import type { Page } from 'playwright-core';
import { eventually } from '@posthorn/testkit';
import { button, combobox, field, heading, link, region, status, sure, table } from './locators.ts';
import { setUpStage } from './stage.ts';

const stage = setUpStage();

/** Counts clicks and key presses while something is done. */
function count(page: Page) {
  let clicks = 0;
  return {
    clicks: () => clicks,
    async link(name: string) {
      clicks++;
      await link(page, name).click();
    },
    async button(name: string | RegExp) {
      clicks++;
      await button(page, name).click();
    },
    async row(text: string) {
      clicks++;
      await table(page, 'Failures by cause').getByRole('row').filter({ hasText: text }).click();
    },
  };
}

/** A desktop, and the narrowest screen that the console is made for. */
const widths = [1280, 320];
const at = (width: number) => ({ viewport: { width, height: 800 } });

test('where is message X: /, paste, Enter', async () => {
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  const { page } = await stage.open('queues');
  await heading(page, 'Queues');
  await page.keyboard.press('/');
  await page.keyboard.insertText(id);
  await page.keyboard.press('Enter');
  await heading(page, `Message ${id}`);
  expect(await page.title()).toBe(`Message ${id} · posthorn`);
  const where = region(page, 'Where it is');
  expect(await where.textContent()).toMatch(/^Delivered \d\d:\d\d:\d\d, first attempt: 200 after \d+ ms\./);
  await page.reload();
  await heading(page, `Message ${id}`);
});

test('where is my last message to this host: Messages, its id', async () => {
  const id = await stage.publish('/last', {}, 'DELIVERED');
  const { page } = await stage.open('settings');
  const steps = count(page);
  await steps.link('Messages');
  await steps.link(id);
  await heading(page, `Message ${id}`);
  expect(steps.clicks()).toBe(2);
});

test.each(widths)(
  'what fails and why: Dead letters; retry all of one cause in three clicks, at %i px',
  async (width) => {
    const { receiver } = stage.system;
    receiver.reply('/teapot', 418);
    receiver.reply('/gone', 410);
    const before = receiver.at('/teapot').length;
    const none = { 'Upstash-Retries': '0' };
    await stage.publishMany(3, '/teapot', none, 'FAILED');
    await stage.publish('/gone', none, 'FAILED');
    const { page } = await stage.open('', at(width));
    const first = count(page);
    await first.link('Dead letters');
    await heading(page, 'Dead letters');
    const causes = table(page, 'Failures by cause');
    await causes.getByText('the destination answered 418').waitFor();
    expect(await causes.getByRole('row').filter({ hasText: '418' }).textContent()).toContain('3');
    expect(first.clicks()).toBe(1);

    receiver.reply('/teapot', 200);
    const steps = count(page);
    await steps.row('answered 418');
    await page.getByText('3 messages match').waitFor();
    await steps.button('Retry all matching');
    const dialog = page.getByRole('alertdialog');
    expect(await dialog.textContent()).toContain('3 messages');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Keep');
    await button(dialog, 'Retry').click();
    await status(page, 'Retried 3 of 3 dead letters.').waitFor();
    expect(steps.clicks() + 1).toBe(3);
    await eventually(() => receiver.at('/teapot').length === before + 6);
    await button(page, 'Clear filters').click();
    await causes.getByText('the destination answered 410').waitFor();
    await eventually(async () => (await causes.getByText('the destination answered 418').count()) === 0);
  },
);

test.each(widths)('try an endpoint: Send a message, URL, Send; the response appears there, at %i px', async (width) => {
  stage.system.receiver.reply('/tried', {
    status: 500,
    body: '{"why":"not today"}',
    headers: { 'Content-Type': 'application/json' },
  });
  const { page } = await stage.open('', at(width));
  const steps = count(page);
  await steps.link('Send a message');
  await field(page, 'Destination').fill(`${stage.system.receiver.url}/tried`);
  await steps.button('Send');
  expect(steps.clicks()).toBe(2);
  await page.getByRole('status').getByRole('link', { name: /^msg_/ }).waitFor();
  const response = region(page, 'Response');
  await response.getByText('Status 500').waitFor();
  await response.getByText('not today').waitFor();
});

test('send it again, changed', async () => {
  const headers = { 'Content-Type': 'text/plain', 'Upstash-Forward-X-Mine': 'kept', 'Upstash-Label': 'again' };
  const id = await stage.publish('/again', headers, 'DELIVERED', 'first');
  const { page } = await stage.open(`messages/${id}`);
  const steps = count(page);
  await steps.button('Send again');
  const body = field(page, 'Body');
  await eventually(async () => (await body.inputValue()) === 'first');
  await body.fill('second ü');
  await steps.button('Send');
  expect(steps.clicks()).toBe(2);
  const arrived = await eventually(() => stage.system.receiver.at('/again')[1]);
  expect(arrived.body.toString()).toBe('second ü');
  expect(arrived.headers).toMatchObject({ 'content-type': 'text/plain', 'x-mine': 'kept' });
});

test('a message that waits is canceled after a question whose focus is harmless, and Escape keeps it', async () => {
  const id = await stage.publish('/ok', { 'Upstash-Delay': '1h' });
  const { page } = await stage.open(`messages/${id}`);
  const cancel = button(page, 'Cancel message');
  await cancel.click();
  await page.keyboard.press('Escape');
  expect(await page.getByRole('alertdialog').count()).toBe(0);
  expect(await stage.system.api.states(id)).toEqual(['CREATED']);
  await cancel.click();
  await sure(page, 'Cancel message').click();
  await region(page, 'Where it is').getByText('Canceled').waitFor();
  expect(await cancel.count()).toBe(0);
});

test('a queue is paused and resumed, changed, and deleted once its name is typed', async () => {
  await stage.enqueue('orders', '/ok', { 'Upstash-Delay': '1h' });
  const { page } = await stage.open('queues');
  await button(page, 'Pause orders').click();
  await button(page, 'Resume orders').click();
  await button(page, 'Pause orders').waitFor();
  await link(page, 'orders').click();
  await page.getByRole('spinbutton', { name: 'Parallelism', exact: true }).fill('7');
  await button(page, 'Save').click();
  await status(page, 'Saved').waitFor();
  await page.getByRole('spinbutton', { name: 'Parallelism', exact: true }).fill('5000');
  await button(page, 'Save').click();
  await page.getByText('parallelism: use at most 100').waitFor();
  await button(page, 'Delete queue').click();
  expect(await sure(page, 'Delete').isDisabled()).toBe(true);
  await field(page, 'Type orders to confirm').fill('orders');
  await sure(page, 'Delete').click();
  await status(page, 'Deleted queue orders').waitFor();
});

test('a URL group and a schedule are created; the schedule runs now', async () => {
  const { receiver } = stage.system;
  const { page } = await stage.open('groups');
  await button(page, 'Create URL group').click();
  await field(page, 'Name').fill('both');
  await field(page, 'Endpoint URL').fill(`${receiver.url}/one`);
  await button(page, 'Create').click();
  await heading(page, 'URL group both');
  await field(page, 'Endpoint URL').fill(`${receiver.url}/two`);
  await field(page, 'Endpoint name').fill('second');
  await button(page, 'Add endpoint').click();
  await button(page, `Remove ${receiver.url}/two`).waitFor();

  await link(page, 'Schedules').click();
  await link(page, 'New schedule').click();
  await field(page, 'Destination').fill('both');
  await field(page, 'Cron').fill('61 4 * * *');
  await page.getByText('minute 61: use 0 to 59').waitFor();
  await field(page, 'Cron').fill('0 4 * * 1');
  await combobox(page, 'Time zone').selectOption('Europe/Berlin');
  await page.getByText('At 04:00 on Monday (Europe/Berlin)').waitFor();
  await eventually(
    async () => (await page.getByRole('list', { name: 'Next times' }).getByRole('listitem').count()) === 5,
  );
  await field(page, 'Schedule id').fill('weekly');
  await button(page, 'Create schedule').click();
  await heading(page, 'Schedule weekly');
  await link(page, 'Schedules').click();
  await button(page, 'Run now weekly').click();
  await page.getByRole('status').getByRole('link', { name: /^msg_/ }).waitFor();
  await eventually(() => receiver.at('/one').length === 1 && receiver.at('/two').length === 1);
  await button(page, 'Pause weekly').click();
  await button(page, 'Resume weekly').waitFor();
});

test('a flow-control key is pinned', async () => {
  const limits = {
    'Upstash-Flow-Control-Key': 'narrow',
    'Upstash-Flow-Control-Value': 'parallelism=1, rate=5, period=1h',
  };
  await stage.publish('/ok', limits, 'DELIVERED');
  const { page } = await stage.open('flow-control');
  await link(page, 'narrow').click();
  await page.getByRole('spinbutton', { name: 'Rate', exact: true }).fill('9');
  await field(page, 'Period').fill('10m');
  await button(page, 'Pin').click();
  await page.getByText('0 of 9').waitFor();
  await button(page, 'Unpin').click();
  await status(page, 'Unpinned').waitFor();
  await button(page, 'Reset rate').click();
  await status(page, 'A new window begins now.').waitFor();
});
