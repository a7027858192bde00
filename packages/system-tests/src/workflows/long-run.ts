// A run whose results are large. Its endpoint speaks the protocol itself: the SDK takes seconds per step to decode a log
// of 100 MB, and the memory and time of the server are what counts here.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually, readRssMb, startApi, startDispatcher, startRedis, testToken } from '@posthorn/testkit';
import { request } from 'undici';

const bytesPerStep = 100_000;
/** What processes may need more than at the beginning, however long the log is. Redis keeps the log as well. */
const maxGrowthMb = { api: 150, dispatcher: 100, redis: 60 };
const timeoutMs = 3_600_000;
const elementMark = Buffer.from('"messageId"');

/** Elements of a log that arrives in pieces. */
async function countElements(pieces: AsyncIterable<Buffer>): Promise<number> {
  let count = 0;
  let rest = Buffer.alloc(0);
  for await (const piece of pieces) {
    const text = Buffer.concat([rest, piece]);
    let at = -1;
    while ((at = text.indexOf(elementMark, at + 1)) >= 0) count += 1;
    // Shorter than the mark, so that what was counted is not counted again.
    rest = text.subarray(Math.max(0, text.length - elementMark.length + 1));
  }
  return count;
}

/** Runs a workflow of so many steps of 100 KB each, prints what it took, and gives what is wrong. */
export async function runLong(steps: number, print = console.log): Promise<string[]> {
  const redis = await startRedis();
  const api = await startApi(redis.url);
  const dispatcher = await startDispatcher(redis.url);
  const faults: string[] = [];
  let lazy = 0;
  let ended = false;

  const call = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: string) => {
    const headers = { Authorization: `Bearer ${testToken}`, 'Content-Type': 'application/json' };
    const reply = await request(api.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
    if (reply.statusCode >= 300) faults.push(`${method} ${path.slice(0, 40)} answered ${reply.statusCode}`);
    return reply.body;
  };
  /** Answers the delivery with the next step, or with the end. */
  const goOn = async (headers: IncomingHttpHeaders, body: AsyncIterable<Buffer>) => {
    const runId = String(headers['upstash-workflow-runid']);
    const isLazy = headers['content-length'] === '0';
    if (isLazy) lazy += 1;
    const log: AsyncIterable<Buffer> = isLazy ? await call('GET', `/v2/workflows/runs/${runId}`) : body;
    const count = await countElements(log);
    if (count > steps) {
      await (await call('DELETE', `/v2/workflows/runs/${runId}?cancel=false`, String(count))).dump();
      ended = true;
      return;
    }
    const step = { stepId: count, stepName: `step ${count}`, stepType: 'Run', out: 'x'.repeat(bytesPerStep) };
    const item = { ...describe(runId, url), body: JSON.stringify({ ...step, concurrent: 1 }) };
    await (await call('POST', '/v2/batch', JSON.stringify([item]))).dump();
  };
  const server = createServer((incoming, response) => {
    response.setHeader('Upstash-Workflow-Sdk-Version', '1');
    void goOn(incoming.headers, incoming).then(
      () => response.end(),
      (error: unknown) => {
        faults.push(String(error));
        response.writeHead(500).end();
      },
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/long`;

  const measure = () => ({
    api: readRssMb(api.pid),
    dispatcher: readRssMb(dispatcher.pid),
    redis: readRssMb(redis.pid()),
  });
  const before = measure();
  const peak = measure();
  const looks = setInterval(() => {
    for (const [name, value] of Object.entries(measure())) {
      peak[name as keyof typeof peak] = Math.max(peak[name as keyof typeof peak], value);
    }
  }, 50);
  const startedAt = Date.now();
  try {
    const first = { ...describe('wfr_long', url, true), body: 'payload' };
    await (await call('POST', '/v2/batch', JSON.stringify([first]))).dump();
    await eventually(() => ended || faults.length > 0, timeoutMs);
  } finally {
    clearInterval(looks);
    server.closeAllConnections();
    server.close();
    await Promise.all([api.end('SIGKILL'), dispatcher.end('SIGKILL')]);
    await redis.stop();
  }
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  const logMb = Math.round((steps * bytesPerStep * 4) / 3 / 1e6);
  print(
    `long run: ${steps} steps of ${bytesPerStep} bytes in ${seconds} s, a log of ${logMb} MB, fetched ${lazy} times; MB at ` +
      `the beginning and at most: API ${before.api} ${peak.api}, dispatcher ${before.dispatcher} ${peak.dispatcher}, ` +
      `Redis ${before.redis} ${peak.redis}`,
  );
  for (const [key, maxMb] of Object.entries(maxGrowthMb)) {
    const name = key as keyof typeof maxGrowthMb;
    const grew = peak[name] - before[name] - (name === 'redis' ? logMb : 0);
    if (grew > maxMb) faults.push(`${name} grew by ${grew} MB in a long run, more than ${maxMb} MB`);
  }
  if (lazy === 0 && logMb > 4) faults.push('the log was never fetched');
  return faults;
}

function describe(
  runId: string,
  url: string,
  isInit = false,
): { destination: string; headers: Record<string, string> } {
  return {
    destination: url,
    headers: {
      'upstash-workflow-runid': runId,
      'upstash-workflow-init': String(isInit),
      'upstash-workflow-url': url,
      'upstash-workflow-sdk-version': '1',
      'upstash-forward-upstash-workflow-sdk-version': '1',
      'upstash-feature-set': 'LazyFetch,InitialBody,WF_DetectTrigger,WF_TriggerOnConfig',
      'upstash-retries': '0',
      'content-type': 'application/json',
    },
  };
}
