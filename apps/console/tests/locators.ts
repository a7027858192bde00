import { testToken } from '@posthorn/testkit';
import type { Locator, Page } from 'playwright-core';

/** Resolves when the page with this title is shown. */
export const heading = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name, exact: true }).waitFor();

export const link = (page: Page | Locator, name: string) => page.getByRole('link', { name, exact: true });
export const button = (page: Page | Locator, name: string | RegExp) => page.getByRole('button', { name, exact: true });
export const field = (page: Page | Locator, name: string) => page.getByRole('textbox', { name, exact: true });
export const table = (page: Page | Locator, name: string) => page.getByRole('table', { name, exact: true });
export const region = (page: Page | Locator, name: string) => page.getByRole('region', { name, exact: true });
export const combobox = (page: Page | Locator, name: string) => page.getByRole('combobox', { name, exact: true });
export const checkbox = (page: Page | Locator, name: string) => page.getByRole('checkbox', { name, exact: true });
/** The row of a table that has a link with this name. */
export const row = (page: Page, name: string) => page.getByRole('row').filter({ has: link(page, name) });
/** What is said to the reader, whether or not it is seen. */
export const status = (page: Page, text: string | RegExp) => page.getByRole('status').filter({ hasText: text });
export const alert = (page: Page | Locator, text: string) => page.getByRole('alert').getByText(text);
/** The button of a question that does what it asks about. */
export const sure = (page: Page, verb: string) => button(page.getByRole('alertdialog'), verb);

/** The query of the address of a page. */
export const query = (page: Page) => new URL(page.url()).searchParams;

/** Signs in on the page that asks for it. */
export async function signIn(page: Page, token = testToken): Promise<void> {
  await heading(page, 'Sign in');
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.keyboard.press('Enter');
}

/** Says that the tab is hidden, or visible again. */
export const setVisibility = (page: Page, state: 'hidden' | 'visible') =>
  page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);

/** Shows another page of the console without loading it again, and waits for its data. */
export async function showPath(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState(null, '', `/console/${to}`);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
  await untilLoaded(page);
}

/** Loads the page at a path below `/console/`, and waits for its data. */
export async function loadPath(page: Page, path: string): Promise<void> {
  await page.goto(new URL(`/console/${path}`, page.url()).href);
  await untilLoaded(page);
}

async function untilLoaded(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForFunction(() => !document.body.textContent.includes('Loading…'));
}
