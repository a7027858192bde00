// Every page, in both themes, narrow and wide: axe finds nothing, and nothing scrolls sideways.
import { findAxeViolations } from './browser.ts';
import { fillStage } from './filled-stage.ts';
import { showPath } from './locators.ts';
import { readToken, startStage, type Stage } from './stage.ts';

/** Rules whose result depends on colours or on the width. */
const changing = ['color-contrast', 'scrollable-region-focusable', 'target-size', 'link-in-text-block'];

let stage: Stage;
let pages: string[];
beforeAll(async () => {
  stage = await startStage();
  pages = (await fillStage(stage)).paths;
}, 60_000);
afterAll(() => stage.stop());

test('axe finds nothing on any page, in both themes, at 320 and at 1280 px, and none scrolls sideways', async () => {
  const { page } = await stage.open('', { reducedMotion: 'reduce' });
  const found: string[] = [];
  const check = async (name: string) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 320]) {
        await page.setViewportSize({ width, height: 800 });
        const place = `${name}, ${colorScheme}, ${width} px`;
        // What depends neither on the theme nor on the width is looked at twice, not four times.
        const isWhole = (colorScheme === 'light') === (width === 1280);
        for (const violation of await findAxeViolations(page, isWhole ? undefined : changing))
          found.push(`${place}: ${violation}`);
        const isWide = await page.evaluate(
          () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
        );
        if (isWide) found.push(`${place}: scrolls sideways`);
        // On a narrow screen tables stay tables, and do not become lists.
        const shapes = await page.evaluate(() =>
          [...document.querySelectorAll('main :is(table, tr, td)')].map(
            (element) => `${element.localName} ${getComputedStyle(element).display}`,
          ),
        );
        const isShape = /^(table table|tr table-row|td table-cell)$/;
        for (const shape of new Set(shapes)) if (!isShape.test(shape)) found.push(`${place}: ${shape}`);
      }
    }
  };
  for (const path of pages) {
    await showPath(page, path);
    await check(path || 'overview');
  }
  await page.keyboard.press('Control+k');
  await check('commands');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await check('sign-in');
  expect(found).toEqual([]);
}, 120_000);

test('axe finds nothing in a read-only session, whose tables have no buttons', async () => {
  const { page } = await stage.open('', { token: readToken, viewport: { width: 320, height: 800 } });
  const found: string[] = [];
  for (const path of ['groups/group', 'dead-letters', 'settings', 'send']) {
    await page.goto(`${stage.url}/console/${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForFunction(() => !document.body.textContent.includes('Loading…'));
    for (const violation of await findAxeViolations(page)) found.push(`${path}: ${violation}`);
  }
  expect(found).toEqual([]);
});
