// The questions of a user, with the clicks that each takes.
import type { Page } from 'playwright-core';
import { eventually } from '@posthorn/testkit';
import { heading } from './locators.ts';
import { startStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => (stage = await startStage()), 60_000);
afterAll(() => stage.stop());

/** Counts clicks and key presses while something is done. */
function count(page: Page) {
  let clicks = 0;
  return {
    clicks: () => clicks,
    async link(name: string) {
      clicks++;
      await page.getByRole('link', { name, exact: true }).click();
    },
    async button(name: string | RegExp) {
      clicks++;
      await page.getByRole('button', { name, exact: true }).click();
    },
    async row(text: string) {
      clicks++;
      await page.getByRole('table', { name: 'Failures by cause' }).getByRole('row').filter({ hasText: text }).click();
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
  const where = page.getByRole('region', { name: 'Where it is' });
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
    for (let n = 0; n < 3; n++) await stage.publish('/teapot', none, 'FAILED');
    await stage.publish('/gone', none, 'FAILED');
    const { page } = await stage.open('', at(width));
    const first = count(page);
    await first.link('Dead letters');
    await heading(page, 'Dead letters');
    const causes = page.getByRole('table', { name: 'Failures by cause' });
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
    await dialog.getByRole('button', { name: 'Retry', exact: true }).click();
    await page.getByRole('status').filter({ hasText: 'Retried 3 of 3 dead letters.' }).waitFor();
    expect(steps.clicks() + 1).toBe(3);
    await eventually(() => receiver.at('/teapot').length === before + 6);
    await page.getByRole('button', { name: 'Clear filters' }).click();
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
  await page.getByRole('textbox', { name: 'Destination', exact: true }).fill(`${stage.system.receiver.url}/tried`);
  await steps.button('Send');
  expect(steps.clicks()).toBe(2);
  await page.getByRole('status').getByRole('link', { name: /^msg_/ }).waitFor();
  const response = page.getByRole('region', { name: 'Response', exact: true });
  await response.getByText('Status 500').waitFor();
  await response.getByText('not today').waitFor();
});

test('send it again, changed', async () => {
  const headers = { 'Content-Type': 'text/plain', 'Upstash-Forward-X-Mine': 'kept', 'Upstash-Label': 'again' };
  const id = await stage.publish('/again', headers, 'DELIVERED', 'first');
  const { page } = await stage.open(`messages/${id}`);
  const steps = count(page);
  await steps.button('Send again');
  const body = page.getByRole('textbox', { name: 'Body', exact: true });
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
  const cancel = page.getByRole('button', { name: 'Cancel message', exact: true });
  await cancel.click();
  await page.keyboard.press('Escape');
  expect(await page.getByRole('alertdialog').count()).toBe(0);
  expect(await stage.system.api.states(id)).toEqual(['CREATED']);
  await cancel.click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel message', exact: true }).click();
  await page.getByRole('region', { name: 'Where it is' }).getByText('Canceled').waitFor();
  expect(await cancel.count()).toBe(0);
});

test('a queue is paused and resumed, changed, and deleted once its name is typed', async () => {
  const { api, receiver } = stage.system;
  await api.call(`/v2/enqueue/orders/${receiver.url}/ok`, { method: 'POST', headers: { 'Upstash-Delay': '1h' } });
  const { page } = await stage.open('queues');
  await page.getByRole('button', { name: 'Pause orders', exact: true }).click();
  await page.getByRole('button', { name: 'Resume orders', exact: true }).click();
  await page.getByRole('button', { name: 'Pause orders', exact: true }).waitFor();
  await page.getByRole('link', { name: 'orders', exact: true }).click();
  await page.getByRole('spinbutton', { name: 'Parallelism', exact: true }).fill('7');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('status').filter({ hasText: 'Saved' }).waitFor();
  await page.getByRole('spinbutton', { name: 'Parallelism', exact: true }).fill('5000');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('parallelism: use at most 100').waitFor();
  await page.getByRole('button', { name: 'Delete queue', exact: true }).click();
  const sure = page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true });
  expect(await sure.isDisabled()).toBe(true);
  await page.getByRole('textbox', { name: 'Type orders to confirm' }).fill('orders');
  await sure.click();
  await page.getByRole('status').filter({ hasText: 'Deleted queue orders' }).waitFor();
});

test('a URL group and a schedule are created; the schedule runs now', async () => {
  const { receiver } = stage.system;
  const { page } = await stage.open('groups');
  await page.getByRole('button', { name: 'Create URL group', exact: true }).click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('both');
  await page.getByRole('textbox', { name: 'Endpoint URL', exact: true }).fill(`${receiver.url}/one`);
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await heading(page, 'URL group both');
  await page.getByRole('textbox', { name: 'Endpoint URL', exact: true }).fill(`${receiver.url}/two`);
  await page.getByRole('textbox', { name: 'Endpoint name', exact: true }).fill('second');
  await page.getByRole('button', { name: 'Add endpoint', exact: true }).click();
  await page.getByRole('button', { name: `Remove ${receiver.url}/two`, exact: true }).waitFor();

  await page.getByRole('link', { name: 'Schedules', exact: true }).click();
  await page.getByRole('link', { name: 'New schedule', exact: true }).click();
  await page.getByRole('textbox', { name: 'Destination', exact: true }).fill('both');
  await page.getByRole('textbox', { name: 'Cron', exact: true }).fill('61 4 * * *');
  await page.getByText('minute 61: use 0 to 59').waitFor();
  await page.getByRole('textbox', { name: 'Cron', exact: true }).fill('0 4 * * 1');
  await page.getByRole('combobox', { name: 'Time zone', exact: true }).selectOption('Europe/Berlin');
  await page.getByText('At 04:00 on Monday (Europe/Berlin)').waitFor();
  await eventually(
    async () => (await page.getByRole('list', { name: 'Next times' }).getByRole('listitem').count()) === 5,
  );
  await page.getByRole('textbox', { name: 'Schedule id', exact: true }).fill('weekly');
  await page.getByRole('button', { name: 'Create schedule', exact: true }).click();
  await heading(page, 'Schedule weekly');
  await page.getByRole('link', { name: 'Schedules', exact: true }).click();
  await page.getByRole('button', { name: 'Run now weekly', exact: true }).click();
  await page.getByRole('status').getByRole('link', { name: /^msg_/ }).waitFor();
  await eventually(() => receiver.at('/one').length === 1 && receiver.at('/two').length === 1);
  await page.getByRole('button', { name: 'Pause weekly', exact: true }).click();
  await page.getByRole('button', { name: 'Resume weekly', exact: true }).waitFor();
});

test('a flow-control key is pinned', async () => {
  const limits = {
    'Upstash-Flow-Control-Key': 'narrow',
    'Upstash-Flow-Control-Value': 'parallelism=1, rate=5, period=1h',
  };
  await stage.publish('/ok', limits, 'DELIVERED');
  const { page } = await stage.open('flow-control');
  await page.getByRole('link', { name: 'narrow', exact: true }).click();
  await page.getByRole('spinbutton', { name: 'Rate', exact: true }).fill('9');
  await page.getByRole('textbox', { name: 'Period', exact: true }).fill('10m');
  await page.getByRole('button', { name: 'Pin', exact: true }).click();
  await page.getByText('0 of 9').waitFor();
  await page.getByRole('button', { name: 'Unpin', exact: true }).click();
  await page.getByRole('status').filter({ hasText: 'Unpinned' }).waitFor();
  await page.getByRole('button', { name: 'Reset rate', exact: true }).click();
  await page.getByRole('status').filter({ hasText: 'A new window begins now.' }).waitFor();
});
