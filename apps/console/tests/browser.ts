import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChromium } from '@posthorn/testkit';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

/** A browser that asks no other host for anything. */
export async function startBrowser(): Promise<{ browser: Browser; stop: () => Promise<void> }> {
  const executablePath = findChromium();
  if (executablePath === undefined)
    throw new Error('There is no Chromium; install the package chromium-headless-shell.');
  const profile = mkdtempSync(join(tmpdir(), 'posthorn-browser-'));
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--crash-dumps-dir=${profile}`,
    ],
  });
  return {
    browser,
    async stop() {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Requests of a page to another host, and errors of its scripts and of its policy: there must be none. */
export interface Watched {
  page: Page;
  foreign: string[];
  errors: string[];
}

export async function openPage(context: BrowserContext, origin: string): Promise<Watched> {
  const page = await context.newPage();
  const foreign: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(data|blob|about):/.test(url)) foreign.push(url);
  });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    const text = message.text();
    // A refused request is a line of the browser, not an error of the page.
    if (message.type() === 'error' && !text.startsWith('Failed to load resource')) errors.push(text);
  });
  return { page, foreign, errors };
}

const axeSource = readFileSync(
  createRequire(`${process.cwd()}/apps/console/package.json`).resolve('axe-core/axe.min.js'),
  'utf8',
);

interface AxeResult {
  violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[];
}

/**
 * What axe has to say about the page, or about an element of it; nothing, if all is well.
 *
 * @param rules all that axe has by default
 * @param within a selector; the whole page by default
 */
export async function findAxeViolations(page: Page, rules?: readonly string[], within?: string): Promise<string[]> {
  // The policy of the page allows no script of ours in the page itself; this runs beside it.
  if (!(await page.evaluate('window.axe !== undefined'))) await page.evaluate(axeSource);
  const options = {
    resultTypes: ['violations'],
    selectors: false,
    ...(rules ? { runOnly: { type: 'rule', values: rules } } : {}),
  };
  const { violations } = await page.evaluate<AxeResult>(
    `axe.run(${JSON.stringify(within ?? 'html')}, ${JSON.stringify(options)})`,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary ?? ''}`),
  );
}
