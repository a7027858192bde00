// Actions on many dead letters.
import { eventually } from '@posthorn/testkit';
import { alert, button, checkbox, field, heading, link, loadPath, region, status, sure } from './locators.ts';
import { setUpStage } from './stage.ts';

const stage = setUpStage();
beforeEach(() => stage.system.receiver.reply('/fails', 500));

/** Makes so many dead letters with a label, the oldest first. */
async function fail(label: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    ids.push(await stage.publish('/fails', { 'Upstash-Retries': '0', 'Upstash-Label': label }, 'FAILED'));
  }
  return ids;
}

test('selected entries are retried, and deleted, after a question that says how many', async () => {
  const [first = '', second = '', third = ''] = await fail('selected', 3);
  const { page } = await stage.open('dead-letters?label=selected');
  await checkbox(page, `Select ${first}`).check();
  await button(page, 'Retry selected').click();
  await page.getByRole('alertdialog').getByText('1 message will be published again').waitFor();
  await sure(page, 'Retry').click();
  await status(page, 'Retried 1 message.').waitFor();
  // The message that was made of it fails, too.
  await checkbox(page, `Select ${first}`).waitFor({ state: 'detached' });
  await eventually(async () => (await page.getByRole('checkbox', { name: /^Select msg_/ }).count()) === 3);
  await checkbox(page, 'Select all on this page').check();
  await checkbox(page, `Select ${second}`).uncheck();
  await button(page, 'Delete selected').click();
  await page.getByRole('alertdialog').getByText('2 messages will be lost.').waitFor();
  await sure(page, 'Delete').click();
  await checkbox(page, `Select ${third}`).waitFor({ state: 'detached' });
  expect(await checkbox(page, `Select ${second}`).count()).toBe(1);
});

test('x selects the row that has the focus, and selects it no more', async () => {
  const [, last = ''] = await fail('keys', 2);
  const { page } = await stage.open('dead-letters?label=keys');
  await checkbox(page, `Select ${last}`).waitFor();
  await link(page, last).focus();
  await page.keyboard.press('x');
  expect(await checkbox(page, `Select ${last}`).isChecked()).toBe(true);
  await page.keyboard.press('x');
  expect(await checkbox(page, `Select ${last}`).isChecked()).toBe(false);
});

test('all that match are deleted once their number is typed; others stay', async () => {
  await fail('deleted', 2);
  await fail('stays', 1);
  const { page } = await stage.open('dead-letters?label=deleted');
  await page.getByText('2 messages match').waitFor();
  await button(page, 'Delete all matching').click();
  expect(await sure(page, 'Delete').isDisabled()).toBe(true);
  await field(page, 'Type 2 to confirm').fill('3');
  expect(await sure(page, 'Delete').isDisabled()).toBe(true);
  await field(page, 'Type 2 to confirm').fill('2');
  await sure(page, 'Delete').click();
  await status(page, 'Deleted 2 of 2 dead letters.').waitFor();
  const { total } = await stage.read<{ total: number }>('/v2/dlq/summary?label=stays');
  expect(total).toBe(1);
});

test('what dies while the question is open is not part of the response', async () => {
  const [first = '', second = ''] = await fail('asked', 2);
  const { page } = await stage.open('dead-letters?label=asked');
  await page.getByText('2 messages match').waitFor();
  await button(page, 'Delete all matching').click();
  const [third = ''] = await fail('asked', 1);
  await field(page, 'Type 2 to confirm').fill('2');
  await sure(page, 'Delete').click();
  await status(page, 'Deleted 2 of 2 dead letters.').waitFor();
  await link(page, third).waitFor();
  expect(await link(page, first).count()).toBe(0);
  expect(await link(page, second).count()).toBe(0);
});

test('an entry that goes between finding and reading does not end an action on many, unless it never succeeds', async () => {
  await fail('raced', 2);
  const { page } = await stage.open('dead-letters?label=raced');
  await page.getByText('2 messages match').waitFor();
  let refusals = 0;
  const refuse = (max: number) =>
    page.route('**/v2/dlq/retry?**', (route) =>
      ++refusals > max
        ? route.continue()
        : route.fulfill({ status: 404, json: { error: 'some messages were not found' } }),
    );
  await refuse(Infinity);
  await button(page, 'Retry all matching').click();
  await sure(page, 'Retry').click();
  await alert(page, 'some messages were not found').waitFor();
  expect(refusals).toBeLessThan(10);
  await page.unroute('**/v2/dlq/retry?**');
  refusals = 0;
  await refuse(2);
  await button(page, 'Retry all matching').click();
  await sure(page, 'Retry').click();
  await status(page, 'Retried 2 of 2 dead letters.').waitFor();
});

test('of the selected entries, those that the server has deleted are reported', async () => {
  const [first = ''] = await fail('gone', 2);
  const { page } = await stage.open('dead-letters?label=gone');
  await checkbox(page, `Select ${first}`).waitFor();
  await page.getByRole('switch', { name: 'Live', exact: true }).click();
  await checkbox(page, 'Select all on this page').check();
  const { messages } = await stage.read<{ messages: { dlqId: string }[] }>('/v2/dlq?label=gone');
  await stage.remove(`/v2/dlq/${messages[0]?.dlqId ?? ''}`);
  await button(page, 'Delete selected').click();
  await sure(page, 'Delete').click();
  await status(page, 'Deleted 1 message.').waitFor();
});

test('an action on many shows its progress, goes on behind other pages, and stops', async () => {
  await fail('many', 3);
  const { page } = await stage.open('dead-letters?label=many');
  await page.getByText('3 messages match').waitFor();
  let calls = 0;
  let go: () => void = () => undefined;
  // Each call of this server retries one message, and the second one takes its time.
  await page.route('**/v2/dlq/retry?**', async (route) => {
    if (++calls === 2) await new Promise<void>((resolve) => (go = resolve));
    await route.fulfill({ json: { responses: [{}] } });
  });
  await button(page, 'Retry all matching').click();
  await sure(page, 'Retry').click();
  const progress = page.getByRole('progressbar');
  await progress.waitFor();
  await page.getByText('Retried 1 of 3', { exact: true }).waitFor();
  expect(await progress.getAttribute('value')).toBe('1');
  await link(page, 'Queues').click();
  await link(page, 'Dead letters').click();
  await button(page, 'Stop').click();
  go();
  await status(page, 'Retried 2 of 3 dead letters.').waitFor();
  await progress.waitFor({ state: 'detached' });
  expect(calls).toBe(2);
});

test('a dead letter has its request and its response; it is retried, and another one deleted', async () => {
  const headers = { 'Content-Type': 'application/json', 'X-Trace': 'trace-7' };
  stage.system.receiver.reply('/fails', { status: 500, body: '{"why":"no"}', headers });
  const [first = '', second = ''] = await fail('alone', 2);
  const { page } = await stage.open('dead-letters?label=alone');
  await link(page, first).click();
  await heading(page, 'Dead letter');
  await page.getByText('1 attempt failed: the destination answered 500.').waitFor();
  expect(await region(page, 'Response').getByRole('group').textContent()).toBe('{\n  "why": "no"\n}');
  await region(page, 'Response').getByText('trace-7').waitFor();
  expect(await region(page, 'Request').getByRole('group').textContent()).toBe('x');
  stage.system.receiver.reply('/fails', 200);
  await button(page, 'Retry').click();
  await sure(page, 'Retry').click();
  await region(page, 'Where it is')
    .getByText(/^Delivered/)
    .waitFor();

  await loadPath(page, 'dead-letters?label=alone');
  await link(page, second).click();
  await button(page, 'Delete').click();
  await sure(page, 'Delete').click();
  await status(page, 'Deleted 1 message.').waitFor();
  await loadPath(page, 'dead-letters?label=alone');
  await page.getByText('No dead letter matches these filters.').waitFor();
});
