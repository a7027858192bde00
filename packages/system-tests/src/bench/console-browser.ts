import { createRequire } from 'node:module';
import { findChromium, testToken } from '@posthorn/testkit';

/** What is used of playwright-core, which only the console depends on. */
export interface Page {
  goto(url: string): Promise<unknown>;
  fill(selector: string, text: string): Promise<void>;
  press(selector: string, key: string): Promise<void>;
  waitForSelector(selector: string): Promise<unknown>;
  waitForTimeout(ms: number): Promise<void>;
  addInitScript(script: string): Promise<void>;
  evaluate<T>(script: string): Promise<T>;
}
export interface Session {
  send(method: string, parameters?: object): Promise<unknown>;
}
export interface Context {
  newPage(): Promise<Page>;
  newCDPSession(page: Page): Promise<Session>;
  close(): Promise<void>;
}
interface SignInContext extends Context {
  storageState(): Promise<object>;
}
interface Browser {
  newContext(options?: object): Promise<SignInContext>;
  close(): Promise<void>;
}

/** A real Chromium that is signed in to the console of an API. */
export interface ConsoleBrowser {
  /** With the session, and an empty cache. */
  newContext(): Promise<Context>;
  close(): Promise<void>;
}

export async function openConsole(url: string): Promise<ConsoleBrowser> {
  const require = createRequire(`${process.cwd()}/apps/console/package.json`);
  const { chromium } = require('playwright-core') as { chromium: { launch(options: object): Promise<Browser> } };
  const browser = await chromium.launch({ executablePath: findChromium(), args: ['--no-sandbox'] });
  try {
    const first = await browser.newContext();
    const page = await first.newPage();
    await page.goto(`${url}/console/`);
    await page.fill('#token', testToken);
    await page.press('#token', 'Enter');
    await page.waitForSelector('main section.now');
    const storageState = await first.storageState();
    await first.close();
    return { newContext: () => browser.newContext({ storageState }), close: () => browser.close() };
  } catch (error) {
    await browser.close();
    throw error;
  }
}
