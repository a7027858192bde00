// What lists show while things change on the server.
import { eventually } from '@posthorn/testkit';
import type { Page } from 'playwright-core';
import { alert, button, combobox, field, heading, link, query, region, row, status, table } from './locators.ts';
import { setUpStage } from './stage.ts';

const stage = setUpStage();

const createQueue = (queueName: string) => stage.post('/v2/queues', { queueName, parallelism: 1 });

test('with "Live" off nothing changes; when it is on again, the page shows what has happened', async () => {
  await createQueue('still');
  const [{ page }, { page: other }] = [await stage.open('queues'), await stage.open('queues')];
  await row(page, 'still').getByText('running').waitFor();
  const live = page.getByRole('switch', { name: 'Live', exact: true });
  await live.click();
  // The other page is live: once it has shown two changes, this one would have shown the first.
  await stage.post('/v2/queues/still/pause');
  await row(other, 'still').getByText('paused').waitFor();
  await stage.post('/v2/queues/still/resume');
  await row(other, 'still').getByText('running').waitFor();
  await stage.post('/v2/queues/still/pause');
  await row(other, 'still').getByText('paused').waitFor();
  expect(await row(page, 'still').textContent()).toContain('running');
  await live.click();
  await row(page, 'still').getByText('paused').waitFor();
});

test('rows wait while one has the focus; rows that stay where they are change at once', async () => {
  await createQueue('a-first');
  const { page } = await stage.open('queues');
  await link(page, 'a-first').focus();
  await stage.post('/v2/queues/a-first/pause');
  await row(page, 'a-first').getByText('paused').waitFor();

  await createQueue('a-second');
  await createQueue('a-third');
  await button(page, 'Show 2 new').waitFor();
  expect(await link(page, 'a-second').count()).toBe(0);
  await button(page, 'Show 2 new').click();
  await link(page, 'a-second').waitFor();
  expect(await page.getByRole('button', { name: /^Show / }).count()).toBe(0);
  await eventually(() => page.evaluate(() => document.activeElement?.tagName === 'H1'));

  await link(page, 'a-first').focus();
  await stage.remove('/v2/queues/a-third');
  await button(page, 'Show changes').waitFor();
  await link(page, 'a-third').waitFor();
  await button(page, 'Show changes').click();
  await link(page, 'a-third').waitFor({ state: 'detached' });
});

test('one button shows everything that the dead letters hold back, and a deleted one goes by itself', async () => {
  stage.system.receiver.reply('/fails', 500);
  stage.system.receiver.reply('/missing', 404);
  const none = { 'Upstash-Retries': '0' };
  const first = await stage.publish('/fails', none, 'FAILED');
  const { page } = await stage.open('dead-letters');
  await link(page, first).focus();
  const second = await stage.publish('/missing', none, 'FAILED');
  await button(page, 'Show 1 new').click();
  await link(page, second).waitFor();
  await page.getByText('2 messages match').waitFor();
  const causes = table(page, 'Failures by cause');
  await causes.getByText('the destination answered 404').waitFor();
  const { messages } = await stage.read<{ messages: { dlqId: string; messageId: string }[] }>('/v2/dlq');
  const dlqId = messages.find(({ messageId }) => messageId === second)?.dlqId ?? '';
  await stage.remove(`/v2/dlq/${dlqId}`);
  await link(page, second).waitFor({ state: 'detached' });
  await page.getByText('1 message match').waitFor();
});

test('a time without an offset is one of the zone in the settings, to the millisecond', async () => {
  const { page } = await stage.open('settings', { timezoneId: 'Europe/Berlin' });
  await combobox(page, 'Time zone').selectOption('Asia/Tokyo');
  await page.getByText('Times in Asia/Tokyo', { exact: true }).waitFor();
  await link(page, 'Messages').click();
  const from = field(page, 'From');
  const asks = (instant: number) =>
    page.waitForRequest(
      (request) => request.url().includes('/v2/messages?') && request.url().includes(`fromDate=${instant}&`),
    );
  for (const [text, instant] of [
    ['2026-01-31 14:00:30.5', Date.UTC(2026, 0, 31, 5, 0, 30, 500)],
    ['2026-01-31', Date.UTC(2026, 0, 30, 15)],
    ['2026-01-31T14:00+02:00', Date.UTC(2026, 0, 31, 12)],
  ] as const) {
    await Promise.all([asks(instant), from.fill(text)]);
  }
  await from.fill('2026-02-31');
  await page.getByText('Type 2h, 2026-01-31 or 2026-01-31 14:00.').waitFor();
});

test('the figure over messages says what it counts, and its bars are those of all hosts', async () => {
  const { page } = await stage.open('messages?destination=127.0.0.1:1&state=FAILED');
  await page.getByRole('figure', { name: 'All messages to 127.0.0.1 over time', exact: true }).waitFor();
  await button(page, 'Clear filters').click();
  await page.getByRole('figure', { name: 'Messages over time', exact: true }).waitFor();
});

test('what is deleted while it is shown is not found', async () => {
  await createQueue('gone');
  const { page } = await stage.open('queues/gone');
  await heading(page, 'Queue gone');
  await stage.remove('/v2/queues/gone');
  await heading(page, 'Not found');
});

test('with an age as "From", rows stay where they are while time goes on', async () => {
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  const froms = new Set<string | null>();
  const before = async (page: Page) => {
    await page.clock.install();
    page.on('request', (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname === '/v2/messages') froms.add(searchParams.get('fromDate'));
    });
  };
  const { page } = await stage.open('messages?from=2h', { before });
  await link(page, id).focus();
  for (let n = 0; n < 2; n++) {
    const next = await stage.publish('/ok', {}, 'DELIVERED');
    await button(page, n === 0 ? 'Show 1 new' : 'Show 2 new').waitFor();
    await page.clock.fastForward(120_000);
    expect(await link(page, next).count()).toBe(0);
  }
  expect(froms.size).toBe(1);
  // "Refresh" counts the age from now on.
  await button(page, 'Refresh').click();
  await eventually(() => froms.size === 2);
});

test('a key that is pressed while the address changes is not lost', async () => {
  const { page } = await stage.open('messages');
  const label = field(page, 'Label');
  await page.evaluate(() => {
    const replace = history.replaceState.bind(history);
    history.replaceState = (...all) => {
      replace(...all);
      history.replaceState = replace;
      // The page has drawn the new address, and its effects are still to come.
      setTimeout(() => {
        const input = document.activeElement as HTMLInputElement;
        input.value += 'b';
        input.dispatchEvent(new InputEvent('input', { bubbles: true }));
      });
    };
  });
  await label.focus();
  await page.keyboard.type('a');
  await eventually(() => query(page).get('label') === 'ab');
  expect(await label.inputValue()).toBe('ab');
});

test.each([
  ['queues/full', '**/v2/messages/*/timeline*', 'No message is in this queue.'],
  ['queues/full', '**/v2/messages?**', 'No other message'],
  ['', '**/v2/destinations?**', 'No message was sent to any host'],
  ['destinations/127.0.0.1', '**/v2/messages?**', 'No message matches'],
  ['schedules/yearly', '**/v2/messages?**', 'It has published no message'],
])('/%s does not say that there is nothing before %s has said so', async (path, pattern, statement) => {
  await stage.publish('/ok', {}, 'DELIVERED');
  await stage.enqueue('full', '/ok', { 'Upstash-Delay': '1h' });
  await stage.schedule('yearly', '0 4 1 1 *');
  let isAsked = false;
  const before = (page: Page) =>
    page.route(pattern, (route) => {
      isAsked = true;
      return route.fulfill({ status: 500, json: { error: 'Broken.' } });
    });
  const { page } = await stage.open(path, { before });
  await alert(page.getByRole('main'), 'Broken.').first().waitFor();
  expect(isAsked).toBe(true);
  expect(await page.getByRole('main').textContent()).not.toContain(statement);
});

test('what changes by itself is announced: each step of a message, and new rows', async () => {
  const { page } = await stage.open('messages');
  await heading(page, 'Messages');
  const id = await stage.publish('/ok', { 'Upstash-Delay': '1h' });
  await link(page, id).waitFor();
  const said = (text: RegExp) => status(page, text).waitFor({ state: 'attached' });
  await said(/^\d+ new rows?$/);
  await link(page, id).click();
  await region(page, 'Where it is').waitFor();
  await stage.remove(`/v2/messages/${id}`);
  await said(/^Canceled/);
});
