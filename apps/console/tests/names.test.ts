// The names by which users, screen readers and tests find things: each is there, and once.
import { eventually } from '@posthorn/testkit';
import type { Page } from 'playwright-core';
import { fillStage, type Filled } from './filled-stage.ts';
import { button, combobox, heading, link, query, showPath, table } from './locators.ts';
import { setUpStage } from './stage.ts';

type Role = Parameters<Page['getByRole']>[0];
type Names = Partial<Record<Role, string[]>>;

let filled: Filled;
let page: Page;
const stage = setUpStage(async () => {
  filled = await fillStage(stage);
  ({ page } = await stage.open('settings'));
});

/** How often the page has each role with each name, as `button "Save"`. */
async function countNames(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  // One line for each element: its depth, its role, and its name as JSON; as a whole in quotes if YAML needs them.
  for (const line of (await page.locator('body').ariaSnapshot()).split('\n')) {
    const [, key] = /^ *- '?(\w+ "(?:[^"\\]|\\.)*")/.exec(line) ?? [];
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Waits until each name is there, and gives those that are there more than once. */
async function findRepeated(names: Names): Promise<string[]> {
  const wanted = Object.entries(names).flatMap(([role, list]) => list.map((name) => `${role} ${JSON.stringify(name)}`));
  return eventually(async () => {
    const counts = await countNames();
    expect(wanted.filter((key) => !counts.has(key))).toEqual([]);
    return wanted.filter((key) => counts.get(key) !== 1);
  });
}

const everywhere: Names = {
  navigation: ['Main'],
  searchbox: ['Find'],
  link: [
    'Skip to content',
    'Send a message',
    'Overview',
    'Messages',
    'Dead letters',
    'Queues',
    'URL groups',
    'Schedules',
    'Flow control',
    'Destinations',
    'Log',
    'Settings',
  ],
  button: ['Commands', 'Refresh', 'Sign out'],
};

test('every page has its title, one heading, its landmarks, and the names of every page once', async () => {
  const faults: string[] = [];
  const lists = [
    '',
    'messages',
    'dead-letters',
    'queues',
    'groups',
    'schedules',
    'flow-control',
    'destinations',
    'log',
  ];
  for (const path of filled.paths) {
    await showPath(page, path);
    const live = lists.includes(path) ? { switch: ['Live'] } : {};
    for (const name of await findRepeated({ ...everywhere, ...live })) faults.push(`${path}: ${name} is repeated`);
    const headings = page.getByRole('heading', { level: 1 });
    const [heading = ''] = await headings.allTextContents();
    if ((await headings.count()) !== 1) faults.push(`${path}: has not one h1`);
    if ((await page.title()) !== `${heading} · posthorn`) faults.push(`${path}: has the title ${await page.title()}`);
    for (const role of ['banner', 'main'] as const) {
      if ((await page.getByRole(role).count()) !== 1) faults.push(`${path}: has not one ${role}`);
    }
  }
  expect(faults).toEqual([]);
});

const pages: { path: (ids: Filled) => string; open?: string; names: (ids: Filled) => Names }[] = [
  {
    path: () => '',
    names: () => ({ region: ['Now'], figure: ['Messages over time'], table: ['Destinations'] }),
  },
  {
    path: () => 'messages',
    names: ({ retryingId, failedId }) => ({
      table: ['Messages'],
      combobox: ['State', 'Queue'],
      textbox: ['Destination', 'Label', 'From', 'To'],
      button: ['Clear filters'],
      link: [retryingId, failedId],
    }),
  },
  {
    path: ({ retryingId }) => `messages/${retryingId}`,
    names: () => ({
      region: ['Where it is', 'Request', 'Response', 'Related'],
      list: ['Timeline'],
      table: ['Attempts'],
      button: ['Cancel message', 'Send again', 'Copy link', 'Copy as curl'],
    }),
  },
  {
    path: ({ failedId }) => `messages/${failedId}`,
    names: () => ({ button: ['Retry', 'Send again', 'Copy link', 'Copy as curl'] }),
  },
  {
    path: () => 'send',
    open: 'Options',
    names: () => ({
      combobox: ['Method'],
      textbox: [
        ...['Destination', 'Body', 'Content type', 'Delay', 'Retries', 'Timeout', 'Label', 'Queue'],
        ...['Flow-control key', 'Deduplication id', 'Callback', 'Failure callback'],
      ],
      button: ['Options', 'Add header', 'Send'],
      tab: ['curl', 'TypeScript', 'Python'],
    }),
  },
  { path: () => 'send', open: 'Add header', names: () => ({ textbox: ['Header name', 'Header value'] }) },
  {
    path: () => 'dead-letters',
    names: ({ failedId }) => ({
      table: ['Dead letters', 'Failures by cause'],
      checkbox: [`Select ${failedId}`, 'Select all on this page'],
      link: [failedId],
      button: ['Retry selected', 'Delete selected', 'Retry all matching', 'Delete all matching'],
      textbox: ['Destination', 'Label'],
      combobox: ['Status'],
    }),
  },
  { path: () => 'queues', names: () => ({ link: ['orders'], button: ['Pause orders'] }) },
  {
    path: () => 'queues/orders',
    names: () => ({ spinbutton: ['Parallelism'], button: ['Save', 'Pause', 'Delete queue'] }),
  },
  { path: () => 'groups', names: () => ({ button: ['Create URL group'], link: ['group'] }) },
  {
    path: () => 'groups/group',
    names: () => ({
      table: ['Endpoints'],
      textbox: ['Endpoint URL', 'Endpoint name'],
      button: ['Add endpoint', `Remove ${stage.system.receiver.url}/ok`],
    }),
  },
  {
    path: () => 'schedules',
    names: () => ({ link: ['New schedule', 'daily'], button: ['Pause daily', 'Run now daily'] }),
  },
  {
    path: () => 'schedules/new',
    names: () => ({
      textbox: ['Destination', 'Cron', 'Schedule id', 'Body'],
      combobox: ['Time zone'],
      list: ['Next times'],
      button: ['Create schedule'],
    }),
  },
  { path: () => 'flow-control', names: () => ({ link: ['key'], button: ['Pause key'] }) },
  {
    path: () => 'flow-control/key',
    names: () => ({
      spinbutton: ['Parallelism', 'Rate'],
      textbox: ['Period'],
      button: ['Pin', 'Unpin', 'Reset rate'],
    }),
  },
  { path: () => 'log', names: () => ({ table: ['Log'] }) },
  {
    path: () => 'settings',
    names: () => ({
      radiogroup: ['Theme'],
      radio: ['System', 'Light', 'Dark'],
      combobox: ['Time zone'],
      checkbox: ['Single-key shortcuts'],
      button: ['Show keys', 'Rotate keys'],
    }),
  },
];

test('what the pages have is called as it should be, and nothing else is called so', async () => {
  const faults: string[] = [];
  for (const { path, open, names } of pages) {
    const place = path(filled);
    await showPath(page, place);
    const opener = open === undefined ? undefined : button(page, open);
    if (opener && (await opener.getAttribute('aria-expanded')) !== 'true') await opener.click();
    for (const name of await findRepeated(names(filled))) faults.push(`${place}: ${name} is repeated`);
  }
  expect(faults).toEqual([]);
});

test('the dialog of "Create URL group" has its fields, and their names are those of it alone', async () => {
  await showPath(page, 'groups');
  await button(page, 'Create URL group').click();
  await page.getByRole('dialog', { name: 'Create URL group', exact: true }).waitFor();
  expect(await findRepeated({ textbox: ['Name', 'Endpoint URL'], button: ['Create'] })).toEqual([]);
  await page.keyboard.press('Escape');
});

test('what is paused can be resumed, under the same name', async () => {
  for (const [path, name] of [
    ['queues', 'orders'],
    ['schedules', 'daily'],
    ['flow-control', 'key'],
  ] as const) {
    await showPath(page, path);
    await button(page, `Pause ${name}`).click();
    expect(await findRepeated({ button: [`Resume ${name}`] })).toEqual([]);
    await showPath(page, `${path}/${name}`);
    await button(page, 'Resume').click();
    expect(await findRepeated({ button: ['Pause'] })).toEqual([]);
  }
});

const tables: [path: string, table: string, columns: string[]][] = [
  ['dead-letters', 'Failures by cause', ['Destination', 'Status', 'Error', 'Count', 'First', 'Last']],
  ['dead-letters', 'Dead letters', ['Select', 'Message', 'Destination', 'Status', 'Error', 'Attempts', 'Failed']],
  ['queues', 'Queues', ['Name', 'State', 'Waiting', 'Oldest', 'Parallelism', 'Created', 'Actions']],
  ['groups', 'URL groups', ['Name', 'Endpoints', 'Success', 'Default headers', 'Created', 'Last change']],
  ['schedules', 'Schedules', ['Schedule', 'Cron', 'Time zone', 'Destination', 'State', 'Next', 'Last', 'Actions']],
  ['flow-control', 'Flow-control keys', ['Key', 'State', 'In flight', 'Rate used', 'Waiting', 'Pinned', 'Actions']],
  [
    'destinations',
    'Destinations of 24 hours',
    ['Host', 'Success', 'Attempts', 'Errors', 'p50', 'p95', 'Waiting', 'Dead', 'Last error'],
  ],
  ['log', 'Log', ['Time', 'State', 'Message', 'Destination', 'Detail']],
];

test.each(tables)('/%s: the table "%s" has its columns', async (path, name, columns) => {
  await showPath(page, path);
  await table(page, name).waitFor();
  expect(await table(page, name).getByRole('columnheader').allTextContents()).toEqual(columns);
});

const named: [kind: string, text: () => string, title: () => string][] = [
  ['a message', () => filled.retryingId, () => `Message ${filled.retryingId}`],
  ['a dead letter', () => filled.deadLetterId, () => 'Dead letter'],
  ['a queue', () => 'orders', () => 'Queue orders'],
  ['a URL group', () => 'group', () => 'URL group group'],
  ['a schedule', () => 'daily', () => 'Schedule daily'],
  ['a flow-control key', () => 'key', () => 'Flow-control key key'],
  ['a host', () => '127.0.0.1', () => 'Destination 127.0.0.1'],
  ['a label', () => 'a-label', () => 'Messages'],
  ['a URL', () => `${stage.system.receiver.url}/fails`, () => 'Messages'],
];

test.each(named)('Find opens %s', async (_kind, text, title) => {
  await showPath(page, 'settings');
  const find = page.getByRole('searchbox', { name: 'Find', exact: true });
  await find.fill(text());
  await find.press('Enter');
  await heading(page, title());
  if (title() !== 'Messages') return;
  await link(page, filled.failedId).waitFor();
  const values = [...query(page).values()];
  expect(values).toEqual([text()]);
});

test('the states of messages are those of the API, after "Any"', async () => {
  await showPath(page, 'messages');
  const state = combobox(page, 'State');
  const options = await state.getByRole('option').allTextContents();
  expect(options[0]).toBe('Any');
  for (const one of options.slice(1)) {
    expect((await stage.system.api.call(`/v2/messages?state=${one}`)).status).toBe(200);
  }
});

test('"r" refreshes, and Escape closes what is open', async () => {
  await showPath(page, 'queues');
  await page.getByRole('heading', { level: 1 }).focus();
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.url().endsWith('/v2/queues')),
    page.keyboard.press('r'),
  ]);
  expect(request.method()).toBe('GET');
  for (const [key, name] of [
    ['?', 'Keyboard shortcuts'],
    ['Control+k', 'Commands'],
  ] as const) {
    await page.keyboard.press(key);
    await page.getByRole('dialog', { name, exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await eventually(async () => (await page.getByRole('dialog').count()) === 0);
  }
});
