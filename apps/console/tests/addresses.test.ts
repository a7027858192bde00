// The address of a page has all that is chosen there.
import { eventually } from '@posthorn/testkit';
import type { Page } from 'playwright-core';
import { startStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => (stage = await startStage()), 60_000);
afterAll(() => stage.stop());

interface Choice {
  name: string;
  value: string;
  isSelect?: boolean;
  /** Its name in the address. */
  parameter: string;
}

const choices: [path: string, choices: Choice[]][] = [
  [
    'messages',
    [
      { name: 'State', value: 'RETRY', isSelect: true, parameter: 'state' },
      { name: 'Destination', value: 'a.example', parameter: 'destination' },
      { name: 'Label', value: 'one,two', parameter: 'label' },
      { name: 'From', value: '2h', parameter: 'from' },
      { name: 'To', value: '2099-01-31 14:00', parameter: 'to' },
    ],
  ],
  [
    'dead-letters',
    [
      { name: 'Destination', value: 'http://a.example/x?y=1', parameter: 'destination' },
      { name: 'Label', value: 'one', parameter: 'label' },
    ],
  ],
  [
    'log',
    [
      { name: 'State', value: 'ERROR', isSelect: true, parameter: 'state' },
      { name: 'Destination', value: 'a.example', parameter: 'destination' },
      { name: 'Label', value: 'one', parameter: 'label' },
    ],
  ],
  ['destinations', [{ name: 'Sort by', value: 'slow', isSelect: true, parameter: 'order' }]],
];

test.each(choices)(
  '/%s: all that is chosen is in the address, and a copied link shows the same',
  async (path, list) => {
    const { page, context } = await stage.open(path);
    const find = (on: Page, { name, isSelect }: Choice) =>
      on.getByRole(isSelect ? 'combobox' : 'textbox', { name, exact: true });
    for (const choice of list) {
      await (choice.isSelect ? find(page, choice).selectOption(choice.value) : find(page, choice).fill(choice.value));
      await eventually(() => new URL(page.url()).searchParams.get(choice.parameter) === choice.value);
    }
    const other = await context.newPage();
    await other.goto(page.url());
    for (const choice of list) {
      await eventually(async () => (await find(other, choice).inputValue()) === choice.value);
    }
    expect(new URL(other.url()).searchParams.toString()).toBe(new URL(page.url()).searchParams.toString());
  },
);

test('the time range of a figure is in the address', async () => {
  const { page } = await stage.open('');
  const range = page.getByRole('combobox', { name: 'Time range', exact: true });
  await range.selectOption('7d');
  await eventually(() => new URL(page.url()).searchParams.get('range') === '7d');
  await page.reload();
  await range.waitFor();
  expect(await range.inputValue()).toBe('7d');
});

test('the chosen cause and status of dead letters are in the address', async () => {
  stage.system.receiver.reply('/fails', 500);
  await stage.publish('/fails', { 'Upstash-Retries': '0' }, 'FAILED');
  const { page } = await stage.open('dead-letters');
  const cause = page.getByRole('table', { name: 'Failures by cause' }).getByRole('button', { name: '127.0.0.1' });
  await cause.click();
  await page.getByRole('combobox', { name: 'Status', exact: true }).selectOption('500');
  await eventually(() => new URL(page.url()).searchParams.get('status') === '500');
  expect(new URL(page.url()).searchParams.get('cause')).toBeTruthy();
  await page.reload();
  await eventually(async () => (await cause.getAttribute('aria-pressed')) === 'true');
  const status = page.getByRole('combobox', { name: 'Status', exact: true });
  await eventually(async () => (await status.inputValue()) === '500');
  await page.getByText('1 message match').waitFor();
});

test('the chosen queue is in the address, and a host keeps the other filters', async () => {
  const { api, receiver } = stage.system;
  await api.call(`/v2/enqueue/chosen/${receiver.url}/ok`, { method: 'POST', headers: { 'Upstash-Delay': '1h' } });
  const { page } = await stage.open('messages');
  const queue = page.getByRole('combobox', { name: 'Queue', exact: true });
  await queue.selectOption('chosen');
  await eventually(() => new URL(page.url()).searchParams.get('queue') === 'chosen');
  await page.reload();
  await eventually(async () => (await queue.inputValue()) === 'chosen');
  await page.getByRole('link', { name: /^127\.0\.0\.1 \d+$/ }).click();
  await eventually(() => new URL(page.url()).searchParams.get('destination') === '127.0.0.1');
  expect(new URL(page.url()).searchParams.get('queue')).toBe('chosen');
});

const readSummary = async () =>
  (await (await stage.system.api.call('/v2/dlq/summary?label=many')).json()) as { total: number };

test.each([
  ['log', 'Log'],
  ['dead-letters', 'Dead letters'],
])('the page of /%s is in the address: reload and back show the same', async (path, name) => {
  stage.system.receiver.reply('/fails', 500);
  const label = { 'Upstash-Label': 'many', 'Upstash-Retries': '0' };
  // The first case leaves what the second one needs: 101 dead letters, with four entries of the log each.
  const { total } = await readSummary();
  for (let n = total; n < 101; n++) await stage.publish('/fails', label);
  await eventually(async () => (await readSummary()).total === 101);
  const { page } = await stage.open(`${path}?label=many`);
  const rows = page.getByRole('table', { name, exact: true }).getByRole('row');
  const first = () => rows.nth(1).getByRole('link').textContent();
  await eventually(async () => (await rows.count()) === 101);
  const newest = await first();
  const older = page.getByRole('link', { name: 'Older', exact: true });
  await older.click();
  await eventually(() => new URL(page.url()).searchParams.has('cursor'));
  await eventually(async () => (await first()) !== newest);
  const shown = await first();
  await page.reload();
  await eventually(async () => (await first()) === shown);
  await page.getByRole('link', { name: 'Newest', exact: true }).click();
  await eventually(async () => (await first()) === newest);
  await page.goBack();
  await eventually(async () => (await first()) === shown);
  expect(new URL(page.url()).searchParams.get('label')).toBe('many');
});
