// How fast the pages of the console are in a browser whose processor is slowed down four times.
import { openConsole } from './console-browser.ts';

const slowdown = 4;
const coldStarts = 5;
const names = ['Messages', 'Dead letters', 'Queues', 'Schedules', 'Destinations', 'Log', 'Settings', 'Overview'];
/** The console loads its other pages within this time. */
const loadRestMs = 15_000;

/** Notes when the figures of the overview are shown. */
const noteUsable = `
  const look = () => {
    if (document.querySelector('main section.now')) window.usableAt = performance.now();
    else requestAnimationFrame(look);
  };
  look();`;

/** Goes to a page of the navigation, and gives the milliseconds until its heading is drawn. */
const goTo = (name: string) => `new Promise((resolve) => {
  const link = [...document.querySelectorAll('nav[aria-label=Main] a')].find((one) => one.textContent === '${name}');
  const startedAt = performance.now();
  const look = () => {
    if (document.querySelector('main h1')?.textContent === '${name}') resolve(performance.now() - startedAt);
    else requestAnimationFrame(look);
  };
  link.click();
  requestAnimationFrame(look);
})`;

export interface PageSpeed {
  /** Milliseconds from the request of the page until the overview has its figures, with an empty cache. */
  coldStartMs: number[];
  /** Milliseconds from the click until the heading of the page is drawn. */
  pageChangeMs: Record<string, number>;
}

/** Measures the console that an API serves. */
export async function measurePages(url: string): Promise<PageSpeed> {
  const browser = await openConsole(url);
  try {
    const open = async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      const cdp = await context.newCDPSession(page);
      await cdp.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
      await page.addInitScript(noteUsable);
      await page.goto(`${url}/console/`);
      await page.waitForSelector('main section.now');
      return { context, page };
    };
    const coldStartMs: number[] = [];
    for (let round = 0; round < coldStarts; round++) {
      const { context, page } = await open();
      coldStartMs.push(Math.round(await page.evaluate<number>('window.usableAt')));
      await context.close();
    }
    const { context, page } = await open();
    await page.waitForTimeout(loadRestMs);
    const pageChangeMs: Record<string, number> = {};
    for (const name of names) {
      pageChangeMs[name] = Math.round(await page.evaluate<number>(goTo(name)));
      // The requests of one page do not delay those of the next.
      await page.waitForTimeout(1000);
    }
    await context.close();
    return { coldStartMs: coldStartMs.sort((a, b) => a - b), pageChangeMs };
  } finally {
    await browser.close();
  }
}
