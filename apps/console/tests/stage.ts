import { eventually, startSystem, testToken, type TestSystem } from '@posthorn/testkit';
import type { Browser, BrowserContext } from 'playwright-core';
import { openPage, startBrowser, type Watched } from './browser.ts';
import { button, signIn } from './locators.ts';

export const readToken = 'read-only-token-0123456789';

/** All of posthorn with a browser, and pages in it that are signed in. */
export interface Stage {
  system: TestSystem;
  browser: Browser;
  url: string;
  /** A page at a path below `/console/`, signed in, with a browser profile of its own. */
  open(path?: string, options?: Parameters<Browser['newContext']>[0] & { token?: string }): Promise<Opened>;
  /** Publishes and waits for a state. */
  publish(path: string, headers?: Record<string, string>, state?: string, body?: string): Promise<string>;
  /** A `POST` to the API, with the token. */
  post(path: string, body?: object): Promise<Response>;
  stop(): Promise<void>;
}

export interface Opened extends Watched {
  context: BrowserContext;
}

export async function startStage(): Promise<Stage> {
  const [system, { browser, stop }] = await Promise.all([
    startSystem({ api: { QSTASH_READONLY_TOKEN: readToken } }),
    startBrowser(),
  ]);
  const { url } = system.api;
  const opened: Opened[] = [];
  return {
    system,
    browser,
    url,
    async open(path = '', { token = testToken, ...options } = {}) {
      const context = await browser.newContext(options);
      context.setDefaultTimeout(10_000);
      const watched = await openPage(context, url);
      const { page } = watched;
      await page.goto(`${url}/console/${path}`);
      await signIn(page, token);
      await button(page, 'Sign out').waitFor();
      const result = { ...watched, context };
      opened.push(result);
      return result;
    },
    async publish(path, headers = {}, state = '', body = 'x') {
      const id = await system.api.publish(`${system.receiver.url}${path}`, { headers, body });
      if (state) await eventually(async () => (await system.api.states(id)).at(-1) === state);
      return id;
    },
    post: (path, body = {}) => system.api.call(path, { method: 'POST', body: JSON.stringify(body) }),
    async stop() {
      // No page has asked another host for anything, and no script of it has failed.
      const faults = opened.flatMap(({ foreign, errors }) => [...foreign, ...errors]);
      await stop();
      await system.stop();
      if (faults.length > 0) throw new Error(`pages had faults: ${faults.slice(0, 5).join('; ')}`);
    },
  };
}
