// Actions that delete, cancel or retry: each asks first, and says how many it affects.
import { readdirSync, readFileSync } from 'node:fs';
import type { Page, Request } from 'playwright-core';
import { fillStage, type Filled } from './filled-stage.ts';
import { button, loadPath } from './locators.ts';
import { ask, confirmationField, questions } from './questions.ts';
import { setUpStage } from './stage.ts';

let filled: Filled;
let page: Page;
const stage = setUpStage(async () => {
  filled = await fillStage(stage);
  ({ page } = await stage.open('settings'));
});

test('every question of the console is tested here', () => {
  const folder = 'apps/console/src';
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tsx'));
  const count = sources.flatMap(
    (name) => readFileSync(`${folder}/${name}`, 'utf8').match(/\bconfirm\(\{/g) ?? [],
  ).length;
  expect(questions).toHaveLength(count);
});

test.each(questions)('$press: $verb, $affected', async (question) => {
  const { path, press, verb, typed } = question;
  const sent: string[] = [];
  const watch = (request: Request) => {
    if (request.method() !== 'GET') sent.push(`${request.method()} ${request.url()}`);
  };
  page.on('request', watch);
  await loadPath(page, path(filled));
  const opener = button(page, press);
  for (const leave of ['Escape', 'Keep']) {
    const dialog = await ask(page, question, filled);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Keep');
    const act = button(dialog, verb);
    expect(await act.isDisabled()).toBe(typed !== undefined);
    if (typed !== undefined) {
      await confirmationField(page, typed).fill(`${typed}x`);
      expect(await act.isDisabled()).toBe(true);
      await confirmationField(page, typed).fill(typed);
      expect(await act.isDisabled()).toBe(false);
    }
    await (leave === 'Escape' ? page.keyboard.press('Escape') : button(dialog, 'Keep').click());
    await dialog.waitFor({ state: 'detached' });
    expect(await opener.evaluate((element) => element === document.activeElement)).toBe(true);
  }
  page.off('request', watch);
  expect(sent).toEqual([]);
});
