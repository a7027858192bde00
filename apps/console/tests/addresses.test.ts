// The address of a page has all that is chosen there.
import { eventually } from '@posthorn/testkit';
import type { Page } from 'playwright-core';
import { combobox, field, link, query, table } from './locators.ts';
import { setUpStage } from './stage.ts';

const stage = setUpStage();

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
    const find = (on: Page, { name, isSelect }: Choice) => (isSelect ? combobox : field)(on, name);
    for (const choice of list) {
      await (choice.isSelect ? find(page, choice).selectOption(choice.value) : find(page, choice).fill(choice.value));
      await eventually(() => query(page).get(choice.parameter) === choice.value);
    }
    const other = await context.newPage();
    await other.goto(page.url());
    for (const choice of list) {
      await eventually(async () => (await find(other, choice).inputValue()) === choice.value);
    }
    expect(query(other).toString()).toBe(query(page).toString());
  },
);

test('the time range of a figure is in the address', async () => {
  const { page } = await stage.open('');
  const range = combobox(page, 'Time range');
  await range.selectOption('7d');
  await eventually(() => query(page).get('range') === '7d');
  await page.reload();
  await range.waitFor();
  expect(await range.inputValue()).toBe('7d');
});

test('the chosen cause and status of dead letters are in the address', async () => {
  stage.system.receiver.reply('/fails', 500);
  await stage.publish('/fails', { 'Upstash-Retries': '0' }, 'FAILED');
  const { page } = await stage.open('dead-letters');
  const cause = table(page, 'Failures by cause').getByRole('button', { name: '127.0.0.1' });
  await cause.click();
  await combobox(page, 'Status').selectOption('500');
  await eventually(() => query(page).get('status') === '500');
  expect(query(page).get('cause')).toBeTruthy();
  await page.reload();
  await eventually(async () => (await cause.getAttribute('aria-pressed')) === 'true');
  const status = combobox(page, 'Status');
  await eventually(async () => (await status.inputValue()) === '500');
  await page.getByText('1 message match').waitFor();
});

test('the chosen queue is in the address, and a host keeps the other filters', async () => {
  await stage.enqueue('chosen', '/ok', { 'Upstash-Delay': '1h' });
  const { page } = await stage.open('messages');
  const queue = combobox(page, 'Queue');
  await queue.selectOption('chosen');
  await eventually(() => query(page).get('queue') === 'chosen');
  await page.reload();
  await eventually(async () => (await queue.inputValue()) === 'chosen');
  await page.getByRole('link', { name: /^127\.0\.0\.1 \d+$/ }).click();
  await eventually(() => query(page).get('destination') === '127.0.0.1');
  expect(query(page).get('queue')).toBe('chosen');
});

const readSummary = () => stage.read<{ total: number }>('/v2/dlq/summary?label=many');

test.each([
  ['log', 'Log'],
  ['dead-letters', 'Dead letters'],
])('the page of /%s is in the address: reload and back show the same', async (path, name) => {
  stage.system.receiver.reply('/fails', 500);
  const label = { 'Upstash-Label': 'many', 'Upstash-Retries': '0' };
  // The first case leaves what the second one needs: 101 dead letters, with four entries of the log each.
  const { total } = await readSummary();
  if (total === 0) await stage.publishMany(101, '/fails', label);
  await eventually(async () => (await readSummary()).total === 101);
  const { page } = await stage.open(`${path}?label=many`);
  const rows = table(page, name).getByRole('row');
  const first = () => rows.nth(1).getByRole('link').textContent();
  await eventually(async () => (await rows.count()) === 101);
  const newest = await first();
  await link(page, 'Older').click();
  await eventually(() => query(page).has('cursor'));
  await eventually(async () => (await first()) !== newest);
  const shown = await first();
  await page.reload();
  await eventually(async () => (await first()) === shown);
  await link(page, 'Newest').click();
  await eventually(async () => (await first()) === newest);
  await page.goBack();
  await eventually(async () => (await first()) === shown);
  expect(query(page).get('label')).toBe('many');
});
