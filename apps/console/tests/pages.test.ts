// What each page shows.
import type { DestinationView, UrlGroupStats } from '@posthorn/shared';
import { eventually } from '@posthorn/testkit';
import type { Page } from 'playwright-core';
import { button, link, loadPath, region, row, status, sure, table } from './locators.ts';
import { setUpStage } from './stage.ts';

const stage = setUpStage(async () => {
  stage.system.receiver.reply('/fails', {
    status: 500,
    body: '{"why":"not today"}',
    headers: { 'Content-Type': 'application/json', 'X-Trace': 'trace-1' },
  });
});

async function columns(page: Page, name: string): Promise<string[]> {
  await table(page, name).waitFor();
  return table(page, name).getByRole('columnheader').allTextContents();
}
const none = { 'Upstash-Retries': '0' };
/** Counters are written once a second. */
async function untilCounted(path: string, isCounted: (reply: never) => boolean): Promise<void> {
  await eventually(async () => isCounted(await stage.read<never>(path)));
}

test('the overview has the state of now, counts as a figure and as a table, hosts by errors, and the system', async () => {
  await stage.publish('/fails', none, 'FAILED');
  const { page } = await stage.open('');
  await link(region(page, 'Now'), 'Dead letters 1').waitFor();
  const names = await region(page, 'Now').getByRole('link').allTextContents();
  const wanted = [/^Waiting \d+$/, /^In flight \d+$/, /^Retrying \d+$/, /^Dead letters 1$/, /^Oldest waiting \S/];
  expect(names).toEqual(wanted.map((pattern) => expect.stringMatching(pattern) as string));
  const figure = page.getByRole('figure', { name: 'Messages over time', exact: true });
  await figure.getByText('Messages over time as a table').click();
  await figure.getByRole('columnheader', { name: 'Will be retried', exact: true }).waitFor();
  await figure.getByRole('row').nth(1).waitFor();
  await row(page, '127.0.0.1').getByText('the destination answered 500').waitFor();
  const system = region(page, 'System');
  await system.getByText(/^Memory: [\d.]+ [KMG]B/).waitFor();
  await system.getByText('Durability: always').waitFor();
  await system.getByText(/\d in flight, started /).waitFor();
});

test('messages have their columns and the hosts with the most; "Older", "Newest" and back keep the filters', async () => {
  const label = { 'Upstash-Label': 'paged' };
  await stage.publishMany(101, '/ok', label);
  const { page } = await stage.open('messages?label=paged');
  expect(await columns(page, 'Messages')).toEqual([
    'State',
    'Message',
    'Destination',
    'Attempts',
    'Created',
    'Last change',
  ]);
  const rows = table(page, 'Messages').getByRole('row');
  await eventually(async () => (await rows.count()) === 1 + 100);
  await page.getByRole('link', { name: /^127\.0\.0\.1 \d+$/ }).waitFor();
  await link(page, 'Older').click();
  await eventually(async () => (await rows.count()) === 1 + 1);
  const older = page.url();
  expect(new URL(older).searchParams.get('label')).toBe('paged');
  await page.reload();
  await eventually(async () => (await rows.count()) === 1 + 1);
  await link(page, 'Newest').click();
  await eventually(async () => (await rows.count()) === 1 + 100);
  await page.goBack();
  await eventually(async () => (await rows.count()) === 1 + 1);
  expect(page.url()).toBe(older);
});

test('a list that another page has filtered says by what', async () => {
  const headers = { 'Upstash-Flow-Control-Key': 'shown', 'Upstash-Flow-Control-Value': 'parallelism=5' };
  const id = await stage.publish('/ok', headers, 'DELIVERED');
  const { page } = await stage.open('flow-control/shown');
  await link(page, 'Messages with this key').click();
  await page.getByText('Only messages of flow-control key shown.').waitFor();
  await link(page, id).waitFor();
  expect(await table(page, 'Messages').getByRole('row').count()).toBe(2);
});

test('a message has its place, its steps in order, its attempts with their responses, and what belongs to it', async () => {
  const callback = { 'Upstash-Failure-Callback': `${stage.system.receiver.url}/told` };
  const headers = { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '1', ...callback };
  const id = await stage.publish('/fails', headers, 'FAILED', '{"a":1}');
  const { page } = await stage.open(`messages/${id}`);
  const where = region(page, 'Where it is');
  await where.getByText(/^Dead letter since .*: two attempts, the last: the destination answered 500\.$/).waitFor();
  const steps = page.getByRole('list', { name: 'Timeline', exact: true }).getByRole('listitem');
  const states = (await steps.allTextContents()).map((text) => /[A-Z_]{5,}/.exec(text)?.[0]);
  expect(states).toEqual(['CREATED', 'ACTIVE', 'ERROR', 'RETRY', 'ACTIVE', 'ERROR', 'FAILED']);
  for (const step of await steps.all()) expect(await step.getByRole('time').count()).toBeGreaterThan(0);
  expect(await columns(page, 'Attempts')).toEqual(['Number', 'Started', 'Took', 'Status', 'Error', 'Response']);
  await button(page, 'Response to attempt 1').click();
  await table(page, 'Attempts').getByText('trace-1').waitFor();
  expect(await table(page, 'Attempts').getByRole('group').textContent()).toBe('{\n  "why": "not today"\n}');
  expect(await region(page, 'Request').getByRole('group').textContent()).toBe('{\n  "a": 1\n}');
  await region(page, 'Response').getByText('Status 500').waitFor();
  const related = region(page, 'Related');
  await related.getByText('Dead letter', { exact: true }).waitFor();
  await related.getByText('Callback', { exact: true }).waitFor();

  await button(page, 'Retry').click();
  await sure(page, 'Retry').click();
  await region(page, 'Related').getByText('Retry of', { exact: true }).waitFor();
  await link(region(page, 'Related'), id).click();
  await region(page, 'Where it is').getByText('It was retried as').waitFor();
  await region(page, 'Where it is').getByRole('link', { name: /^msg_/ }).waitFor();
});

test('a body that is no text is shown in hexadecimal', async () => {
  const id = await stage.publish('/ok', {}, 'DELIVERED', '\u0000\u0001a');
  const { page } = await stage.open(`messages/${id}`);
  await region(page, 'Request').getByText('000000  00 01 61').waitFor();
});

test('a queue says which message is first, and why it waits', async () => {
  await stage.post('/v2/queues', { queueName: 'held', parallelism: 2 });
  await stage.post('/v2/queues/held/pause');
  const messageId = await stage.enqueue('held', '/ok');
  const { page } = await stage.open('queues/held');
  const where = region(page, 'Where it is');
  await where.getByText('Waits for queue held, which is paused.').waitFor();
  expect(await link(where, 'held').getAttribute('href')).toBe('/console/queues/held');
  await link(page, messageId).waitFor();
  expect(await page.getByRole('spinbutton', { name: 'Parallelism', exact: true }).inputValue()).toBe('2');
});

test('a URL group has the success rate of each endpoint, also where two share a host', async () => {
  const { api, receiver } = stage.system;
  const endpoints = [{ url: `${receiver.url}/ok` }, { url: `${receiver.url}/fails`, name: 'broken' }];
  await stage.post('/v2/topics/two/endpoints', { endpoints });
  await api.call('/v2/topics/two', {
    method: 'PATCH',
    body: JSON.stringify({ headers: { 'Upstash-Forward-X-Mine': 'default' } }),
  });
  await api.call('/v2/publish/two', { method: 'POST', headers: none });
  await untilCounted('/v2/topics/two/stats', (stats: UrlGroupStats) => stats.endpoints[1]?.failed === 1);
  const { page } = await stage.open('groups/two');
  const endpoint = (url: string) => table(page, 'Endpoints').getByRole('row').filter({ hasText: url });
  await endpoint('/ok').getByText('100 %').waitFor();
  await endpoint('/fails').getByText('0 %').waitFor();
  await page.getByText('Upstash-Forward-X-Mine').waitFor();
  await link(page, 'URL groups').click();
  await row(page, 'two').getByText('50.0 %').waitFor();
  await link(page, 'two').click();
  await link(page, 'Messages to this group').click();
  await page.getByText('Only messages of URL group two.').waitFor();
});

test('a schedule has its cron in words, its zone, its next five times and its last runs', async () => {
  await stage.schedule('working-days', 'CRON_TZ=Asia/Tokyo 30 9 * * 1-5');
  const run = await stage.post('/v2/schedules/working-days/run');
  const { messageId } = (await run.json()) as { messageId: string };
  const { page } = await stage.open('schedules/working-days');
  await page.getByText('At 09:30 on Monday to Friday (Asia/Tokyo)').waitFor();
  await page.getByText('Asia/Tokyo', { exact: true }).waitFor();
  await eventually(
    async () => (await page.getByRole('list', { name: 'Next times' }).getByRole('listitem').count()) === 5,
  );
  await link(table(page, 'Last runs'), messageId).waitFor();
});

test('a flow-control key has its use against its limits, what waits, and what is pinned', async () => {
  await stage.post('/v2/flowControl/used/pin?parallelism=2&rate=9&period=3600');
  await stage.post('/v2/flowControl/used/pause');
  await stage.publish('/ok', { 'Upstash-Flow-Control-Key': 'used', 'Upstash-Flow-Control-Value': 'parallelism=1' });
  const { page } = await stage.open('flow-control');
  for (const text of ['0 of 2', '0 of 9', 'paused', 'parallelism, rate']) {
    await row(page, 'used').getByText(text).waitFor();
  }
  await row(page, 'used').getByRole('cell', { name: '1', exact: true }).waitFor();
});

test('a destination has its success rate, durations, backlog and last error', async () => {
  const id = await stage.publish('/fails', none, 'FAILED');
  await untilCounted(
    '/v2/destinations',
    ({ destinations }: { destinations: DestinationView[] }) => destinations[0]?.lastError?.messageId === id,
  );
  const { page } = await stage.open('destinations/127.0.0.1');
  const main = page.getByRole('main');
  for (const name of ['Success', 'Attempts', 'p50', 'p95', 'Waiting', 'Dead']) {
    await main.locator('.figure').filter({ hasText: name }).first().waitFor();
  }
  await link(region(page, 'Last error'), id).waitFor();
  await region(page, 'Last error').getByText('the destination answered 500').waitFor();
});

test('the log shows each entry as it is written', async () => {
  const { page } = await stage.open('log?label=tailed');
  await page.getByText('No entry of the log matches').waitFor();
  const id = await stage.publish('/ok', { 'Upstash-Label': 'tailed' }, 'DELIVERED');
  await stage.publish('/ok', { 'Upstash-Label': 'other' }, 'DELIVERED');
  const rows = table(page, 'Log').getByRole('row');
  await eventually(async () => (await rows.filter({ hasText: id }).count()) === 3);
  const states = (await rows.allTextContents()).slice(1).map((text) => /[A-Z]{5,}/.exec(text)?.[0]);
  expect(states).toEqual(['DELIVERED', 'ACTIVE', 'CREATED']);
});

test('the settings have the theme, the keys, the limits and the version', async () => {
  const { page } = await stage.open('settings');
  const limit = table(page, 'Limits').getByRole('row').filter({ hasText: 'MAX_MESSAGE_BYTES' });
  await limit.getByText('10.0 MB').waitFor();
  await table(page, 'Limits')
    .getByRole('row')
    .filter({ hasText: 'DEDUP_WINDOW_SECONDS' })
    .getByText('10 min')
    .waitFor();
  const { version } = (await (await page.request.get(`${stage.url}/console/session`)).json()) as { version: string };
  await page.getByText(version, { exact: true }).waitFor();

  const { current } = await stage.read<{ current: string }>('/v2/keys');
  expect(await page.content()).not.toContain(current);
  await button(page, 'Show keys').click();
  await page.getByText(current, { exact: true }).waitFor();
  await button(page, 'Hide keys').click();
  await page.getByText(current, { exact: true }).waitFor({ state: 'detached' });
  await button(page, 'Rotate keys').click();
  await sure(page, 'Rotate').click();
  await status(page, 'Rotated the keys').waitFor();
  expect((await stage.read<{ current: string }>('/v2/keys')).current).not.toBe(current);
});

test('the chosen theme is there before anything is drawn', async () => {
  const { page } = await stage.open('settings', { colorScheme: 'light' });
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await back();
  await page.getByRole('radiogroup', { name: 'Theme' }).getByRole('radio', { name: 'Dark', exact: true }).check();
  const dark = await back();
  expect(dark).not.toBe(light);
  // Without the scripts of the pages only what runs before them can have set it.
  await page.route('**/console/assets/main-*.js', (route) => route.abort());
  await page.reload();
  expect(await back()).toBe(dark);
  await page.unroute('**/console/assets/main-*.js');
  await page.reload();
  await page.getByRole('radio', { name: 'System', exact: true }).check();
  expect(await back()).toBe(light);
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await back()).toBe(dark);
});

test('the sentence of a message has links to the key that it waits for, and to the message before it', async () => {
  await stage.post('/v2/flowControl/closed/pin?parallelism=1');
  await stage.post('/v2/flowControl/closed/pause');
  const key = { 'Upstash-Flow-Control-Key': 'closed', 'Upstash-Flow-Control-Value': 'parallelism=1' };
  const id = await stage.publish('/ok', key);
  const { page } = await stage.open(`messages/${id}`);
  const where = region(page, 'Where it is');
  expect(await link(where, 'closed').getAttribute('href')).toBe('/console/flow-control/closed');

  const first = await stage.enqueue('line', '/fails', { 'Upstash-Retry-Delay': '600000' });
  await eventually(async () => (await stage.system.api.states(first)).at(-1) === 'RETRY');
  const second = await stage.enqueue('line', '/ok');
  await loadPath(page, `messages/${second}`);
  expect(await link(where, first).getAttribute('href')).toBe(`/console/messages/${first}`);
  expect(await link(where, 'line').getAttribute('href')).toBe('/console/queues/line');
});
