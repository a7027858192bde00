// The official workflow SDK with a fetch-style adapter: the one for Cloudflare, whose handler takes a Request and gives a
// Response. It checks signatures over the text of the body, where the Express adapter checks them over parsed JSON.
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { eventually, startSystem, testToken, type TestSystem } from '@posthorn/testkit';
import { Client } from '@upstash/workflow';
import { createWorkflow, serveMany } from '@upstash/workflow/cloudflare';
import { silenceSdk } from './workflow-system.fixture.ts';

let system: TestSystem;
let client: Client;
let server: Server;
let url: string;
const statuses: number[] = [];
const seen: unknown[] = [];

const child = createWorkflow<string, string>(async (context) => context.run('one', () => `${context.requestPayload}!`));

const program = createWorkflow<{ text: string }, unknown>(async (context) => {
  const one = await context.run('one', () => context.requestPayload.text);
  await context.sleep('pause', 1);
  const [two, { status, body }, { eventData }, { timeout }, invoked] = await Promise.all([
    context.run('two', () => `${one} two`),
    context.call<string>('ask', { url: `${system.receiver.url}/third`, method: 'POST', body: one }),
    context.waitForEvent('wait', 'fetch-event', { timeout: 60 }),
    context.waitForEvent('late', 'never', { timeout: 1 }),
    context.invoke('invoke', { workflow: child, body: one }),
  ]);
  return context.run('last', () => [
    ...[two, status, body, eventData, timeout, invoked.body],
    context.headers.get('x-user'),
    context.labels,
  ]);
});

const fails = createWorkflow<string, unknown>(
  async (context) =>
    context.run('one', () => {
      throw new Error('broken & <ü>');
    }),
  {
    failureFunction: ({ context, failStatus, failResponse }) =>
      void seen.push([failStatus, failResponse, context.requestPayload]),
  },
);

beforeAll(async () => {
  silenceSdk();
  system = await startSystem();
  client = new Client({ baseUrl: system.api.url, token: testToken });
  const { current, next } = await system.api.read<{ current: string; next: string }>('/v2/keys');
  const env = {
    QSTASH_URL: system.api.url,
    QSTASH_TOKEN: testToken,
    QSTASH_CURRENT_SIGNING_KEY: current,
    QSTASH_NEXT_SIGNING_KEY: next,
  };
  const worker = serveMany({ program, child, fails });
  server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const names = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as [string, string]);
      const target = new Request(url + (request.url ?? ''), {
        method: 'POST',
        headers: names.filter(([name]) => name !== 'connection' && name !== 'transfer-encoding'),
        body: Buffer.concat(chunks),
      });
      const answer = (await worker.fetch(target, env)) as Response;
      statuses.push(answer.status);
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
    })().catch((error: unknown) => response.writeHead(500).end(String(error)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await system.stop();
});

const ended = (workflowRunId: string) =>
  eventually(async () => {
    const [run] = (await client.logs({ filter: { workflowRunId } })).runs;
    return run && run.workflowState !== 'RUN_STARTED' ? run : undefined;
  });

test('all kinds of steps, with signatures over the text of each body', async () => {
  system.receiver.reply('/third', { status: 200, headers: { 'Content-Type': 'text/plain' }, body: 'third & <ü>' });
  const { workflowRunId } = await client.trigger({
    url: `${url}/program`,
    body: { text: 'a & <ü> "\u2028' },
    headers: { 'X-User': 'u' },
    label: 'fetch',
    retries: 0,
  });
  await eventually(async () => (await client.notify({ eventId: 'fetch-event', eventData: 'e & <ü>' })).length === 1);
  const run = await ended(workflowRunId);
  const text = 'a & <ü> "\u2028';
  expect(run.workflowState).toBe('RUN_SUCCESS');
  expect(JSON.parse(run.workflowRunResponse ?? '')).toEqual([
    ...[`${text} two`, 200, 'third & <ü>', 'e & <ü>', true, `${text}!`],
    ...['u', ['fetch']],
  ]);
  expect(new Set(statuses)).toEqual(new Set([200]));
});

test('a failure function', async () => {
  const { workflowRunId } = await client.trigger({ url: `${url}/fails`, body: 'p & <ü>', retries: 0 });
  expect((await ended(workflowRunId)).workflowState).toBe('RUN_FAILED');
  await eventually(() => seen.length === 1);
  expect(seen).toEqual([[500, 'broken & <ü>', 'p & <ü>']]);
});

test('a request without a signature is refused', async () => {
  const response = await fetch(`${url}/program`, { method: 'POST', body: '{}' });
  expect(response.status).toBe(500);
  expect(await response.text()).toMatch(/signature/i);
});
