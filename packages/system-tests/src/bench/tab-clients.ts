// Plays tabs of the console, in a process of its own: `tab-clients.js <port> <url> <page> <count>`. Each has a session, its
// stream of the log, and reads what its page reads as often as `apps/console/src/live.ts` does. On its port it says what
// has come.
import { createServer } from 'node:http';
import { Agent, request } from 'undici';

const [port, url = '', page, count] = process.argv.slice(2);
/** A page reads again so often while entries come: 1.2 s are gathered, and the first change is shown after 100 ms. */
const readEveryMs = 1300;
/** What each page reads after an event, how soon, and what its stream asks for. */
const pages: Record<string, { stream: string; reads: string[]; readsAfter: string; everyMs: number }> = {
  overview: {
    stream: '?trimBody=0&maxPerSecond=20',
    reads: ['/v2/overview', '/v2/stats', '/v2/destinations?count=10'],
    readsAfter: 'event: ',
    everyMs: readEveryMs,
  },
  // The stream brings the entries; the page is read again, at once, when some were left out.
  log: {
    stream: '?trimBody=0',
    reads: ['/v2/logs?count=100&trimBody=0'],
    readsAfter: 'event: skipped',
    everyMs: 0,
  },
};
const { stream, reads, readsAfter, everyMs } = pages[page ?? ''] ?? {
  stream: '',
  reads: [],
  readsAfter: '',
  everyMs: 0,
};
const seen = { events: 0, reads: 0 };

async function openTab(): Promise<void> {
  // Browsers open up to six connections.
  const dispatcher = new Agent({ connections: 6, bodyTimeout: 0 });
  const signIn = await request(`${url}/console/session`, { dispatcher, method: 'POST', body: '{"token":"bench"}' });
  const cookie = String(signIn.headers['set-cookie']).split(';')[0] ?? '';
  const headers = { cookie, 'X-Posthorn-Console': '1', 'Sec-Fetch-Site': 'same-origin', 'Accept-Encoding': 'gzip, br' };
  const read = async (path: string) => {
    const { statusCode, body } = await request(url + path, { dispatcher, headers });
    await body.dump();
    if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}`);
    seen.reads++;
  };
  const { statusCode, body } = await request(`${url}/v2/logs/stream${stream}`, { dispatcher, headers });
  if (statusCode !== 200) throw new Error(`the stream answered ${statusCode}`);
  let timer: NodeJS.Timeout | undefined;
  let readAt = 0;
  const readAll = () => {
    timer = undefined;
    readAt = performance.now();
    for (const path of reads) void read(path);
  };
  body.on('data', (data: Buffer) => {
    const text = data.toString();
    seen.events += text.split('event: ').length - 1;
    if (text.includes(readsAfter)) timer ??= setTimeout(readAll, Math.max(0, readAt + everyMs - performance.now()));
  });
}

await Promise.all(Array.from({ length: Number(count) }, openTab));
createServer((_request, response) => response.end(JSON.stringify(seen))).listen(Number(port), '127.0.0.1', () =>
  console.log('listening'),
);
