// Every page, in both themes, narrow and wide: axe finds nothing, and nothing scrolls sideways.
import { eventually } from '@posthorn/testkit';
import { findAxeViolations } from './browser.ts';
import { startStage, type Stage } from './stage.ts';

/** Rules whose result depends on colours or on the width. */
const changing = ['color-contrast', 'scrollable-region-focusable', 'target-size', 'link-in-text-block'];

let stage: Stage;
let pages: string[];
beforeAll(async () => {
  stage = await startStage();
  const { api, receiver } = stage.system;
  receiver.reply('/fails', { status: 500, body: '{"error":"no"}' });
  const failed = await stage.publish('/fails', { 'Upstash-Retries': '0', 'Upstash-Label': 'a-label' }, 'FAILED');
  const id = await stage.publish(
    '/fails',
    {
      'Upstash-Retry-Delay': '600000',
      'Upstash-Flow-Control-Key': 'key',
      'Upstash-Flow-Control-Value': 'parallelism=2',
    },
    'RETRY',
    '{"a":1}',
  );
  await api.call(`/v2/enqueue/orders/${receiver.url}/ok`, { method: 'POST', headers: { 'Upstash-Delay': '1h' } });
  await api.call('/v2/topics/group/endpoints', {
    method: 'POST',
    body: JSON.stringify({ endpoints: [{ url: `${receiver.url}/ok` }] }),
  });
  await api.call(`/v2/schedules/${receiver.url}/ok`, {
    method: 'POST',
    headers: { 'Upstash-Cron': '0 4 * * *', 'Upstash-Schedule-Id': 'daily' },
  });
  const { messages } = (await (await api.call('/v2/dlq')).json()) as { messages: { dlqId: string }[] };
  await eventually(
    async () => ((await (await api.call('/v2/stats')).json()) as { totals: { failed: number } }).totals.failed > 0,
  );
  pages = [
    '',
    'messages',
    `messages/${id}`,
    `messages/${failed}`,
    'messages/none',
    'send',
    'dead-letters',
    `dead-letters/${messages[0]?.dlqId ?? ''}`,
    'queues',
    'queues/orders',
    'groups',
    'groups/group',
    'schedules',
    'schedules/new',
    'schedules/daily',
    'flow-control',
    'flow-control/key',
    'destinations',
    'destinations/127.0.0.1',
    'log',
    'settings',
  ];
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
      }
    }
  };
  for (const path of pages) {
    await page.evaluate((to) => {
      history.pushState(null, '', `/console/${to}`);
      dispatchEvent(new PopStateEvent('popstate'));
    }, path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForFunction(() => !document.body.textContent.includes('Loading…'));
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
