// What is large: a body of ten megabytes, and a log that does not end.
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '@posthorn/testkit';
import type { CDPSession, Page } from 'playwright-core';
import { button, field, heading, link, region, table } from './locators.ts';
import { setUpStage } from './stage.ts';

const stage = setUpStage();

test('a body of ten megabytes is shown in part, downloaded as a whole, and read again only in part', async () => {
  const body = `${'y'.repeat(10 * 1024 * 1024 - 2)}é`;
  const id = await stage.publish('/ok', { 'Upstash-Delay': '1h', 'Content-Type': 'text/html' }, '', body);
  const { page } = await stage.open('messages');
  const sizes: Promise<number>[] = [];
  page.on('response', (response) => {
    if (!response.url().includes('/timeline')) return;
    // The last one may be cut off when the page closes.
    const size = response.body().then(({ length }) => length);
    sizes.push(size.catch(() => 0));
  });
  await link(page, id).click();
  await page.getByText('Only the beginning is shown').waitFor();
  const request = region(page, 'Request');
  await request.getByText(/^The first 97\.7 KB, text/).waitFor();
  // The message waits, so that the page reads it again and again.
  await eventually(() => sizes.length >= 3);
  expect(Math.max(...(await Promise.all(sizes)))).toBeLessThan(500_000);

  await page.evaluate(() => {
    const create = URL.createObjectURL.bind(URL);
    URL.createObjectURL = (file: Blob) => {
      Object.assign(window, { savedType: file.type });
      return create(file);
    };
  });
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    button(page, 'Download the request body').click(),
  ]);
  expect(download.suggestedFilename()).toBe('request.bin');
  expect(readFileSync(await download.path()).equals(Buffer.from(body))).toBe(true);
  expect(await page.evaluate(() => (window as unknown as { savedType: string }).savedType)).toBe(
    'application/octet-stream',
  );
});

/** An entry of the log, as the stream sends it. */
const formatEvent = (n: number, now: number) => {
  const messageId = `msg_${String(n).padStart(26, '0')}`;
  const line = { messageId, state: 'CREATED', time: now, url: `https://a.example/hooks/${n}`, method: 'POST' };
  const more = { header: {}, maxRetries: 3, callerIP: '127.0.0.1', callerIp: '127.0.0.1', timeout: 30_000 };
  return `event: line\nid: 1-${n}\ndata: ${JSON.stringify({ ...line, ...more })}\n\n`;
};

/** A live log to which the test writes. */
interface Feed {
  /** Entries so far. */
  count: () => number;
  /** Writes so many entries at once. */
  write(count: number): void;
}

/** Puts a live log of the test in place of the one of the server. */
async function feed(page: Page): Promise<Feed & { stop: () => void }> {
  let n = 0;
  const readers = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': connected\n\n');
    // Until the page of the log is loaded, the tab reads a few entries alone.
    if (request.url?.includes('maxPerSecond')) return;
    readers.add(response);
    response.once('close', () => readers.delete(response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await page.route('**/v2/logs/stream**', (route) =>
    route.continue({ url: `http://127.0.0.1:${port}/${new URL(route.request().url()).search}` }),
  );
  await page.reload();
  await eventually(() => readers.size > 0);
  return {
    count: () => n,
    write(count) {
      const now = Date.now();
      const events = Array.from({ length: count }, () => formatEvent(n++, now));
      for (const reader of readers) reader.write(events.join(''));
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What the page holds once nothing is left to be collected. */
async function measure(cdp: CDPSession): Promise<{ heapBytes: number; nodes: number }> {
  await cdp.send('HeapProfiler.collectGarbage');
  const { usedSize } = await cdp.send('Runtime.getHeapUsage');
  const { nodes } = await cdp.send('Memory.getDOMCounters');
  return { heapBytes: usedSize, nodes };
}

const idOf = (n: number) => `msg_${String(n).padStart(26, '0')}`;
const batch = 2000;
const batches = 15;
/** An hour of such a log has twenty times as many entries; what is kept of them is the same. */
const maxGrowthBytes = 3_000_000;

test.each(['shown', 'held back'])('the memory of the log stays flat while 30,000 entries are %s', async (how) => {
  const { page, context } = await stage.open('log');
  const cdp = await context.newCDPSession(page);
  const live = await feed(page);
  const newest = table(page, 'Log').getByRole('row').nth(1);
  const write = async () => {
    live.write(batch);
    await newest.getByText(idOf(live.count() - 1)).waitFor();
  };
  await write();
  const shown = live.count();
  if (how === 'held back') {
    await newest.getByRole('link').focus();
    live.write(batch);
    await button(page, /^Show [\d,]+ new$/).waitFor();
  }
  const before = await measure(cdp);
  for (let round = 0; round < batches; round++) {
    if (how === 'shown') {
      await write();
      continue;
    }
    live.write(batch);
    await button(page, `Show ${(live.count() - shown).toLocaleString('en')} new`).waitFor();
  }
  const after = await measure(cdp);
  expect(after.heapBytes - before.heapBytes).toBeLessThan(maxGrowthBytes);
  expect(after.nodes).toBeLessThan(before.nodes * 1.5);
  if (how === 'held back') await button(page, /^Show [\d,]+ new$/).click();
  await newest.getByText(idOf(live.count() - 1)).waitFor();
  expect(await table(page, 'Log').getByRole('row').count()).toBeLessThan(250);
  live.stop();
});

/** How long the main thread of the page has run, in seconds: other programs on the machine do not count. */
async function measureThreadSeconds(cdp: CDPSession): Promise<number> {
  const { metrics } = await cdp.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'ThreadTime')?.value ?? NaN;
}

test('with 200 entries a second the log stays usable', async () => {
  const { page, context } = await stage.open('log');
  const cdp = await context.newCDPSession(page);
  await cdp.send('Performance.enable');
  const live = await feed(page);
  const writing = setInterval(() => live.write(50), 250);
  await eventually(() => live.count() > 500);
  const before = await measureThreadSeconds(cdp);
  await eventually(() => live.count() > 1500);
  // They arrive in five seconds; the page needs less than half of that time.
  expect((await measureThreadSeconds(cdp)) - before).toBeLessThan(2.5);
  await link(page, 'Settings').click();
  await heading(page, 'Settings');
  clearInterval(writing);
  live.stop();
});

test('a message of ten megabytes is sent again without a delay at each key', async () => {
  const body = 'z'.repeat(10 * 1024 * 1024 - 1);
  const id = await stage.publish('/large', {}, 'DELIVERED', body);
  const { page } = await stage.open(`send?from=${id}`);
  const text = field(page, 'Body');
  await eventually(async () => (await text.evaluate((area: HTMLTextAreaElement) => area.value.length)) === body.length);
  await page.getByText('Only the beginning is shown; "Copy code" copies all of it.').waitFor();
  const panel = page.getByRole('tabpanel');
  expect((await panel.textContent())?.length).toBeLessThan(30_000);
  await button(page, 'Send').click();
  await page.getByRole('status').getByRole('link', { name: /^msg_/ }).waitFor();
  const arrived = await eventually(() => stage.system.receiver.at('/large')[1]);
  expect(arrived.body.length).toBe(body.length);
});
