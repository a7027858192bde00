// `npm run bench:tail [-- --minutes 60 --rate 20]`: the memory of a page of the console that follows the log for an hour, and
// of the API that serves it. Both must stay flat.
import { parseArgs } from 'node:util';
import { readRssMb, startSystem } from '@posthorn/testkit';
import { parseWhole } from './arguments.ts';
import { openConsole } from './console-browser.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, rate: { type: 'string', default: '20' } },
});
const minutes = parseWhole('minutes', values.minutes, 2);
const perSecond = parseWhole('rate', values.rate, 1, 1000);
/** What is held after this part of the time is compared with the end: caches are full by then. */
const warmUpPart = 0.25;

const system = await startSystem();
const browser = await openConsole(system.api.url);
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await page.goto(`${system.api.url}/console/log`);
  await page.waitForSelector('main h1');
  await devtools.send('HeapProfiler.enable');

  const measure = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    const { usedSize } = (await devtools.send('Runtime.getHeapUsage')) as { usedSize: number };
    const nodes = await page.evaluate<number>('document.querySelectorAll("*").length');
    return { pageMb: Math.round(usedSize / 1e5) / 10, nodes, apiMb: readRssMb(system.api.pid) };
  };
  const startedAt = Date.now();
  let published = 0;
  const samples: Awaited<ReturnType<typeof measure>>[] = [];
  for (let minute = 1; minute <= minutes; minute++) {
    for (; Date.now() < startedAt + minute * 60_000; published++) {
      await system.api.publish(`${system.receiver.url}/tail`, { body: `message ${published}` });
      await page.waitForTimeout(Math.max(0, startedAt + (published / perSecond) * 1000 - Date.now()));
    }
    system.receiver.requests.length = 0;
    const sample = await measure();
    samples.push(sample);
    if (minute % 5 === 0 || minute === minutes) {
      console.log(
        `${minute} min, ${published} messages: page ${sample.pageMb} MB, ${sample.nodes} elements; API ${sample.apiMb} MB`,
      );
    }
  }
  const base = samples[Math.floor(samples.length * warmUpPart)];
  const last = samples.at(-1);
  if (base && last) {
    const grown = { page: Math.round((last.pageMb - base.pageMb) * 10) / 10, api: last.apiMb - base.apiMb };
    console.log(`since a quarter of the time: page ${grown.page} MB, API ${grown.api} MB`);
  }
} finally {
  await browser.close();
  await system.stop();
}
