// Actions that delete, cancel or retry: each asks first, and says how many it affects.
import type { Page, Request } from 'playwright-core';
import { fillStage, type Filled } from './filled-stage.ts';
import { startStage, type Stage } from './stage.ts';

let stage: Stage;
let filled: Filled;
let page: Page;
beforeAll(async () => {
  stage = await startStage();
  filled = await fillStage(stage);
  ({ page } = await stage.open('settings'));
}, 60_000);
afterAll(() => stage.stop());

const findPath = (pattern: RegExp) => filled.paths.find((path) => pattern.test(path)) ?? '';

interface Action {
  path: () => string;
  /** The button that asks. */
  press: string | (() => string);
  /** The button that does it. */
  verb: string;
  /** What is affected. */
  affected: string | RegExp;
  /** What must be selected before. */
  select?: () => string;
  /** What must be typed before. */
  typed?: string;
}

const selectFailed = () => `Select ${filled.failedId}`;
const actions: Action[] = [
  {
    path: () => `messages/${filled.retryingId}`,
    press: 'Cancel message',
    verb: 'Cancel message',
    affected: '1 message',
  },
  { path: () => `messages/${filled.failedId}`, press: 'Retry', verb: 'Retry', affected: '1 message' },
  { path: () => findPath(/^dead-letters\/\d/), press: 'Retry', verb: 'Retry', affected: '1 message' },
  { path: () => findPath(/^dead-letters\/\d/), press: 'Delete', verb: 'Delete', affected: '1 message' },
  { path: () => 'dead-letters', press: 'Retry selected', verb: 'Retry', affected: '1 message', select: selectFailed },
  { path: () => 'dead-letters', press: 'Delete selected', verb: 'Delete', affected: '1 message', select: selectFailed },
  { path: () => 'dead-letters', press: 'Retry all matching', verb: 'Retry', affected: '1 message' },
  { path: () => 'dead-letters', press: 'Delete all matching', verb: 'Delete', affected: '1 message', typed: '1' },
  {
    path: () => 'queues/orders',
    press: 'Delete queue',
    verb: 'Delete',
    affected: /^\d+ messages? will be canceled/,
    typed: 'orders',
  },
  {
    path: () => 'groups/group',
    press: () => `Remove ${stage.system.receiver.url}/ok`,
    verb: 'Delete',
    affected: '1 endpoint',
  },
  { path: () => 'schedules/daily', press: 'Delete schedule', verb: 'Delete', affected: '1 schedule' },
  { path: () => 'settings', press: 'Rotate keys', verb: 'Rotate', affected: '1 key' },
];

test.each(actions)('$press: $verb, $affected', async ({ path, press, verb, affected, select, typed }) => {
  const sent: string[] = [];
  const watch = (request: Request) => {
    if (request.method() !== 'GET') sent.push(`${request.method()} ${request.url()}`);
  };
  page.on('request', watch);
  await page.goto(`${stage.url}/console/${path()}`);
  if (select) await page.getByRole('checkbox', { name: select(), exact: true }).check();
  const name = typeof press === 'string' ? press : press();
  const opener = page.getByRole('button', { name, exact: true });
  const dialog = page.getByRole('alertdialog');
  const focused = () => page.evaluate(() => document.activeElement?.textContent);
  for (const leave of [
    () => page.keyboard.press('Escape'),
    () => dialog.getByRole('button', { name: 'Keep', exact: true }).click(),
  ]) {
    // A button without anything to act on is off.
    await page.locator('button:not([aria-disabled=true])').and(opener).click();
    await dialog.getByText(affected).waitFor();
    expect(await focused()).toBe('Keep');
    const act = dialog.getByRole('button', { name: verb, exact: true });
    expect(await act.isDisabled()).toBe(typed !== undefined);
    if (typed !== undefined) {
      await page.getByRole('textbox', { name: `Type ${typed} to confirm`, exact: true }).fill(`${typed}x`);
      expect(await act.isDisabled()).toBe(true);
      await page.getByRole('textbox', { name: `Type ${typed} to confirm`, exact: true }).fill(typed);
      expect(await act.isDisabled()).toBe(false);
    }
    await leave();
    await dialog.waitFor({ state: 'detached' });
    expect(await opener.evaluate((element) => element === document.activeElement)).toBe(true);
  }
  page.off('request', watch);
  expect(sent).toEqual([]);
});
