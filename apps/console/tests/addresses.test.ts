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
