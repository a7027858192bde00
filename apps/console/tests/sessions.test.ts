// Who may see the console, and for how long.
import { createServer } from 'node:http';
import { startApi, startRedis, testToken } from '@posthorn/testkit';
import { fillStage } from './filled-stage.ts';
import { alert, button, combobox, heading, loadPath, setVisibility, signIn } from './locators.ts';
import { readToken, setUpStage } from './stage.ts';

const stage = setUpStage();

test('sign-in refuses a wrong token, returns to the page, and keeps the token nowhere', async () => {
  const { page } = await stage.openEmpty();
  await page.goto(`${stage.url}/console/messages?state=FAILED`);
  await heading(page, 'Sign in');
  await page.getByRole('banner').waitFor();
  await page.getByRole('navigation', { name: 'Main', exact: true }).waitFor();
  const field = page.getByLabel('Token', { exact: true });
  expect(await field.evaluate((input) => input === document.activeElement)).toBe(true);
  await field.fill('wrong');
  await page.keyboard.press('Enter');
  expect(await page.getByRole('alert').textContent()).toContain('token');
  await field.fill(testToken);
  await page.keyboard.press('Enter');
  await heading(page, 'Messages');
  expect(page.url()).toBe(`${stage.url}/console/messages?state=FAILED`);
  expect(await combobox(page, 'State').inputValue()).toBe('FAILED');
  const stored = await page.evaluate(() =>
    JSON.stringify([
      Object.entries(localStorage),
      Object.entries(sessionStorage),
      document.cookie,
      document.documentElement.outerHTML,
    ]),
  );
  expect(stored).not.toContain(testToken);
  await button(page, 'Sign out').click();
  await heading(page, 'Sign in');
  await page.goto(`${stage.url}/console/messages`);
  await heading(page, 'Sign in');
});

test('a link with a one-time code signs in once, and does not stay in the address', async () => {
  const makeCode = async () => {
    const headers = { Authorization: `Bearer ${testToken}` };
    const made = await fetch(`${stage.url}/console/code`, { method: 'POST', headers });
    return ((await made.json()) as { code: string }).code;
  };
  const code = await makeCode();
  const { page } = await stage.openEmpty();
  await page.goto(`${stage.url}/console/#code=${code}`);
  await heading(page, 'Overview');
  expect(page.url()).toBe(`${stage.url}/console/`);
  const { page: other } = await stage.openEmpty();
  await other.goto(`${stage.url}/console/#code=${code}`);
  await heading(other, 'Sign in');
  await alert(other, 'used before').waitFor();
  // In a tab that is open already, only the fragment of the address changes.
  await other.evaluate((next) => (location.hash = `code=${next}`), await makeCode());
  await heading(other, 'Overview');
  expect(new URL(other.url()).hash).toBe('');
});

test('when the token is replaced, the page asks for the new one, and then shows what it showed', async () => {
  const { redis } = stage.system;
  const before = await startApi(redis.url);
  const { page } = await stage.openEmpty();
  await page.goto(`${before.url}/console/queues?x=kept`);
  await signIn(page);
  await heading(page, 'Queues');
  await before.end('SIGKILL');
  await alert(page, 'Connection lost').waitFor();
  const newToken = 'another-token-0123456789';
  const after = await startApi(redis.url, { PORT: new URL(before.url).port, QSTASH_TOKEN: newToken });
  await signIn(page);
  await alert(page, 'token').waitFor();
  await signIn(page, newToken);
  await heading(page, 'Queues');
  expect(page.url()).toBe(`${after.url}/console/queues?x=kept`);
  await after.end('SIGKILL');
});

test('two posthorns on one host do not sign each other out', async () => {
  const redis = await startRedis();
  const neighbour = await startApi(redis.url);
  const { page, context } = await stage.open('settings');
  const other = await context.newPage();
  await other.goto(`${neighbour.url}/console/`);
  await signIn(other);
  await heading(other, 'Overview');
  await page.reload();
  await heading(page, 'Settings');
  await button(other, 'Sign out').click();
  // A page that is left before takes its request back.
  await heading(other, 'Sign in');
  await page.reload();
  await heading(page, 'Settings');
  await other.goto(`${neighbour.url}/console/queues`);
  await heading(other, 'Sign in');
  await other.close();
  await neighbour.end('SIGKILL');
  await redis.stop();
});

test('a page on another port of the same host gets nothing', async () => {
  const { page, context } = await stage.open('');
  const other = createServer((_request, response) =>
    response.setHeader('Content-Type', 'text/html').end('<p>other</p>'),
  );
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const attacker = await context.newPage();
  await attacker.goto(`http://127.0.0.1:${port}/`);
  const results = await attacker.evaluate(async (url) => {
    const ask = (path: string, init: RequestInit) =>
      fetch(url + path, { credentials: 'include', ...init }).then(
        (response) => response.status,
        () => 'refused',
      );
    return [
      await ask('/v2/keys', {}),
      await ask('/v2/keys', { headers: { 'X-Posthorn-Console': '1' } }),
      await ask('/v2/keys', { mode: 'no-cors' }),
      await ask('/v2/queues', { method: 'POST', body: '{"queueName":"evil"}', mode: 'no-cors' }),
      await ask('/console/session', { method: 'POST', body: '{"token":"x"}', mode: 'no-cors' }),
      await ask('/console/session', { method: 'DELETE' }),
    ];
  }, stage.url);
  // An opaque answer has the status 0: the page learns nothing, and the API has refused it.
  expect(results).toEqual(['refused', 'refused', 0, 0, 'refused', 'refused']);
  expect((await stage.system.api.call('/v2/queues/evil')).status).toBe(404);
  await page.reload();
  await heading(page, 'Overview');
  other.close();
});

test('a read-only session sees no keys and no control that writes', async () => {
  const { paths } = await fillStage(stage);
  const { page } = await stage.open('settings', { token: readToken });
  await page.getByRole('banner').getByText('Read-only', { exact: true }).waitFor();
  const reading =
    /^(Commands|Refresh|Sign out|Live|Clear filters|Copy (link|as curl|code)|As sent|Download the .+ body|Response to attempt \d+|127\.0\.0\.1)$/;
  const found: string[] = [];
  for (const path of paths) {
    await loadPath(page, path);
    const names = await page.evaluate(() =>
      [...document.querySelectorAll('button')]
        .filter((button) => !button.matches(':disabled, [aria-disabled=true], [role=tab]'))
        .map((button) => button.getAttribute('aria-label') ?? button.textContent.trim()),
    );
    found.push(...names.filter((name) => !reading.test(name)).map((name) => `${path}: ${name}`));
  }
  expect(found).toEqual([]);
});

test('a tab follows a sign-in of another tab with a token of another scope', async () => {
  const { page, context } = await stage.open('settings');
  await button(page, 'Show keys').click();
  await button(page, 'Hide keys').waitFor();
  const other = await context.newPage();
  await other.goto(`${stage.url}/console/`);
  const signInWith = async (token: string) => {
    await button(other, 'Sign out').click();
    await signIn(other, token);
    await button(other, 'Sign out').waitFor();
  };
  await signInWith(readToken);
  await setVisibility(page, 'hidden');
  await setVisibility(page, 'visible');
  await page.getByRole('banner').getByText('Read-only', { exact: true }).waitFor();
  await button(page, 'Hide keys').waitFor({ state: 'detached' });
  await signInWith(testToken);
  await setVisibility(page, 'hidden');
  await setVisibility(page, 'visible');
  await button(page, 'Show keys').waitFor();
  expect(await page.getByText('Read-only', { exact: true }).count()).toBe(0);
});

test('a tab whose session may only read by now notices it when it tries to write', async () => {
  await stage.post('/v2/queues', { queueName: 'refused' });
  const { page, context } = await stage.open('queues');
  const { request } = await stage.open('queues', { token: readToken }).then(({ context: other }) => other);
  const { cookies } = await request.storageState();
  await context.addCookies(cookies);
  await button(page, 'Pause refused').click();
  await page.getByRole('banner').getByText('Read-only', { exact: true }).waitFor();
  await button(page, 'Pause refused').waitFor({ state: 'detached' });
});
