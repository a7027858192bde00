// How fast the pages of the console are in a browser whose processor is slowed down four times.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openConsole } from './console-browser.ts';

const slowdown = 4;
const coldStarts = 5;
const names = ['Messages', 'Dead letters', 'Queues', 'Schedules', 'Destinations', 'Log', 'Settings', 'Overview'];
/** The console loads its other pages within this time. */
const loadRestMs = 15_000;

/** A promise of the time at which the figures of the overview are drawn. To look for them in every frame would cost frames. */
const noteUsable = `
  window.usable = new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      if (!document.querySelector('main section.now')) return;
      observer.disconnect();
      requestAnimationFrame(() => resolve(performance.now()));
    });
    observer.observe(document, { childList: true, subtree: true });
  });`;

/** What stands for the script of the console on a page that does nothing but be drawn. */
const floorScript = `
  const main = document.createElement('main');
  const figures = document.createElement('section');
  figures.className = 'now';
  main.append(figures);
  document.querySelector('#app').append(main);`;

/** Serves the page of the console with its style and without its scripts: no console can be faster. */
async function serveFloor(): Promise<{ url: string; close(): void }> {
  const dist = join(process.cwd(), 'apps/console/dist');
  const read = (name: string) => readFileSync(join(dist, name));
  const page = read('index.html').toString();
  const server = createServer(({ url = '' }, response) => {
    const name = url.replace('/console/', '');
    const ending = name.slice(name.lastIndexOf('.'));
    if (ending === '.js') response.setHeader('Content-Type', 'text/javascript').end(floorScript);
    else if (ending === '.css') response.setHeader('Content-Type', 'text/css').end(read(name));
    else if (ending === '.svg') response.setHeader('Content-Type', 'image/svg+xml').end(read(name));
    else response.setHeader('Content-Type', 'text/html').end(page.replace(/<script src=.*?<\/script>/, ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
}

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
  /** The same for a page that has the style of the console, and no script but one that draws one element. */
  floorMs: number[];
  /** Milliseconds from the click until the heading of the page is drawn. */
  pageChangeMs: Record<string, number>;
}

/** Measures the console that an API serves. */
export async function measurePages(url: string): Promise<PageSpeed> {
  const [browser, floor] = await Promise.all([openConsole(url), serveFloor()]);
  try {
    const open = async (origin: string) => {
      const context = await browser.newContext();
      const page = await context.newPage();
      const cdp = await context.newCDPSession(page);
      await cdp.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
      await page.addInitScript(noteUsable);
      await page.goto(`${origin}/console/`);
      return { context, page, usableMs: Math.round(await page.evaluate<number>('window.usable')) };
    };
    const times: Record<string, number[]> = { [url]: [], [floor.url]: [] };
    for (let round = 0; round < coldStarts; round++) {
      for (const [origin, measured] of Object.entries(times)) {
        const { context, usableMs } = await open(origin);
        measured.push(usableMs);
        await context.close();
      }
    }
    const [coldStartMs = [], floorMs = []] = Object.values(times).map((one) => one.sort((a, b) => a - b));
    const { context, page } = await open(url);
    await page.waitForTimeout(loadRestMs);
    const pageChangeMs: Record<string, number> = {};
    for (const name of names) {
      pageChangeMs[name] = Math.round(await page.evaluate<number>(goTo(name)));
      // The requests of one page do not delay those of the next.
      await page.waitForTimeout(1000);
    }
    await context.close();
    return { coldStartMs, floorMs, pageChangeMs };
  } finally {
    floor.close();
    await browser.close();
  }
}
