// What a person types, and where it leads.
import { eventually } from '@posthorn/testkit';
import type { BrowserContext, Page } from 'playwright-core';
import { alert, button, field, heading, link, loadPath, query, region, showPath, signIn, status } from './locators.ts';
import { setUpStage } from './stage.ts';

const stage = setUpStage();

/** The session ends while a button is pressed; the reader signs in again. */
async function pressWithoutSession(page: Page, context: BrowserContext, name: string): Promise<void> {
  await context.clearCookies();
  // A page that reads again by itself may notice it before the click.
  await button(page, name)
    .or(page.getByRole('heading', { level: 1, name: 'Sign in' }))
    .click();
  await signIn(page);
}

test('the tab of the code is in the address, and its keys are those of tabs', async () => {
  const { page } = await stage.open('send');
  await page.getByRole('tab', { name: 'TypeScript', exact: true }).click();
  expect(query(page).get('tab')).toBe('TypeScript');
  await page.reload();
  await page.getByRole('tab', { name: 'TypeScript', exact: true, selected: true }).focus();
  await page.keyboard.press('End');
  await page.getByRole('tab', { name: 'Python', exact: true, selected: true }).waitFor();
  expect(query(page).get('tab')).toBe('Python');
  await page.keyboard.press('Home');
  await page.getByRole('tab', { name: 'curl', exact: true, selected: true }).waitFor();
});

test('"Send again" has all options, and keeps the changes when the session ends', async () => {
  const headers = {
    'Upstash-Timeout': '7s',
    'Upstash-Retry-Delay': '1000',
    'Upstash-Callback': `${stage.system.receiver.url}/back`,
    'Upstash-Callback-Forward-X-Back': 'kept',
  };
  const id = await stage.publish('/ok', headers, 'DELIVERED', 'first');
  const { page, context } = await stage.open(`send?from=${id}`);
  await eventually(async () => (await field(page, 'Body').inputValue()) === 'first');
  expect(await field(page, 'Timeout').inputValue()).toBe('7s');
  expect(await field(page, 'Retry delay').inputValue()).toBe('1000');
  await page.getByText('Upstash-Callback-Forward-X-Back: kept').waitFor();
  await field(page, 'Body').fill('changed');
  await field(page, 'Label').fill('mine');
  await pressWithoutSession(page, context, 'Send');
  await heading(page, 'Send a message');
  await eventually(async () => (await field(page, 'Body').inputValue()) === 'changed');
  expect(await field(page, 'Label').inputValue()).toBe('mine');
});

test('other forms keep their contents, too, and a sign-out forgets them', async () => {
  await stage.post('/v2/queues', { queueName: 'kept', parallelism: 2 });
  const { page, context } = await stage.open('groups');
  await button(page, 'Create URL group').click();
  await field(page, 'Name').fill('kept-group');
  await field(page, 'Endpoint URL').fill('https://a.example/kept');
  await pressWithoutSession(page, context, 'Create');
  await heading(page, 'URL groups');
  expect(await field(page, 'Name').inputValue()).toBe('kept-group');
  expect(await field(page, 'Endpoint URL').inputValue()).toBe('https://a.example/kept');
  await button(page, 'Cancel').click();

  const parallelism = page.getByRole('spinbutton', { name: 'Parallelism', exact: true });
  await showPath(page, 'queues/kept');
  await parallelism.fill('9');
  await pressWithoutSession(page, context, 'Save');
  await heading(page, 'Queue kept');
  expect(await parallelism.inputValue()).toBe('9');
  await button(page, 'Sign out').click();
  await signIn(page);
  await heading(page, 'Overview');
  await showPath(page, 'queues/kept');
  await eventually(async () => (await parallelism.inputValue()) === '2');
});

test('what cannot be copied is said: a binary body, and a hidden one, whose page is as any other', async () => {
  const binary = await stage.publish('/ok', {}, 'DELIVERED', '\u0000\u0001');
  const { page } = await stage.open(`send?from=${binary}`);
  await page.getByText('The body is left out: it is binary.').waitFor();
  const hidden = await stage.publish('/ok', { 'Upstash-Redact-Fields': 'body' }, 'DELIVERED', 'secret');
  await loadPath(page, `messages/${hidden}`);
  const request = region(page, 'Request');
  await request.getByText(/^REDACTED:[0-9a-f]{64}$/).waitFor();
  await region(page, 'Related').waitFor();
  await loadPath(page, `send?from=${hidden}`);
  await page.getByText('The body is left out: it is hidden by its publisher.').waitFor();
});

test('a fault in one page leaves the others usable', async () => {
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  const { page } = await stage.open('');
  await page.route('**/v2/messages/*/timeline*', (route) => route.fulfill({ json: {} }));
  await link(page, 'Messages').click();
  await link(page, id).click();
  await page.getByRole('main').getByRole('alert').waitFor();
  await page.unroute('**/v2/messages/*/timeline*');
  await button(page, 'Refresh').click();
  await heading(page, `Message ${id}`);
});

test('Find opens what is called so; other text shows suggestions, which are announced and close', async () => {
  for (const queueName of ['find-one', 'find-two']) {
    await stage.post('/v2/queues', { queueName, parallelism: 1 });
  }
  const { page } = await stage.open('settings');
  await heading(page, 'Settings');
  const find = page.getByRole('searchbox', { name: 'Find', exact: true });
  const suggestions = page.getByRole('list', { name: 'Suggestions' });
  await find.fill('find-');
  await status(page, '2 suggestions').waitFor({ state: 'attached' });
  await page.keyboard.press('Enter');
  await eventually(() => page.evaluate(() => document.activeElement?.closest('.hits') !== null));
  expect(new URL(page.url()).pathname).toBe('/console/settings');
  await page.getByRole('heading', { name: 'About', exact: true }).click();
  await suggestions.waitFor({ state: 'detached' });
  await find.fill('find-two');
  await page.keyboard.press('Enter');
  await heading(page, 'Queue find-two');
  await find.fill('msg_nowhere');
  await page.keyboard.press('Enter');
  await heading(page, 'Not found');
  expect(new URL(page.url()).pathname).toBe('/console/messages/msg_nowhere');
});

test('both values of a header that a message has twice are sent again', async () => {
  const id = await stage.publish('/twice', { 'Upstash-Forward-X-Mine': 'a' }, 'DELIVERED');
  const { page } = await stage.open(`send?from=${id}`);
  await eventually(async () => (await field(page, 'Header value').inputValue()) === 'a');
  await button(page, 'Add header').click();
  await field(page, 'Header name 2').fill('X-Mine');
  await field(page, 'Header value 2').fill('b');
  await button(page, 'Send').click();
  const arrived = await eventually(() => stage.system.receiver.at('/twice')[1]);
  expect(arrived.headers['x-mine']).toBe('a, b');
});

test('a form that is opened for another message does not keep the result of the last one', async () => {
  const id = await stage.publish('/ok', {}, 'DELIVERED');
  const { page } = await stage.open(`send?from=${id}`);
  await button(page, 'Send').click();
  const result = region(page, 'Result');
  await result.waitFor();
  await link(page, 'Send a message').click();
  await eventually(async () => (await field(page, 'Destination').inputValue()) === '');
  await result.waitFor({ state: 'detached' });
});

test('a value that was typed and not saved is marked as such', async () => {
  await stage.post('/v2/queues', { queueName: 'draft', parallelism: 2 });
  const { page } = await stage.open('queues/draft');
  const parallelism = page.getByRole('spinbutton', { name: 'Parallelism', exact: true });
  const note = page.getByText('not saved yet', { exact: true });
  await parallelism.waitFor();
  expect(await note.count()).toBe(0);
  await parallelism.fill('7');
  await link(page, 'Settings').click();
  await heading(page, 'Settings');
  await page.goBack();
  await note.waitFor();
  await button(page, 'Save').click();
  await note.waitFor({ state: 'detached' });
});

test('what is typed while the value before is saved stays', async () => {
  await stage.post('/v2/queues', { queueName: 'quick', parallelism: 2 });
  const { page } = await stage.open('queues/quick');
  const parallelism = page.getByRole('spinbutton', { name: 'Parallelism', exact: true });
  await parallelism.fill('7');
  let letGo: () => void = () => undefined;
  const isTyped = new Promise<void>((resolve) => (letGo = resolve));
  await page.route('**/v2/queues/quick', async (route) => {
    await isTyped;
    await route.continue();
  });
  await button(page, 'Save').click();
  await status(page, 'Saved queue quick').waitFor();
  await parallelism.fill('8');
  letGo();
  await page.getByText('At a time').locator('..').getByText('7', { exact: true }).waitFor();
  expect(await parallelism.inputValue()).toBe('8');
  await page.getByText('not saved yet', { exact: true }).waitFor();
});

test('a schedule that could not be sent has no fault in its destination', async () => {
  const { page } = await stage.open('schedules/new');
  await field(page, 'Destination').fill('https://a.example/');
  await field(page, 'Cron').fill('0 4 * * *');
  await page.route('**/v2/schedules/**', (route) =>
    route.fulfill({ status: 429, headers: { 'Retry-After': '60' }, json: { error: 'Too many requests.' } }),
  );
  await button(page, 'Create schedule').click();
  await alert(page, 'Too many requests.').waitFor();
  expect(await field(page, 'Destination').getAttribute('aria-invalid')).toBeNull();
});
