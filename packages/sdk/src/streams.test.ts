import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { eventually, startReceiver, type Receiver as TestServer } from '@posthorn/testkit';
import { Client, QstashConnectionError, QstashError, QstashTimeoutError } from './index.ts';

const path = '/v2/logs/stream';
const timeoutMs = 500;

let server: TestServer;
let client: Client;
let stream: ServerResponse | undefined;
beforeEach(async () => {
  server = await startReceiver();
  client = new Client({ baseUrl: server.url, token: 't', timeoutMs });
  stream = undefined;
  server.reply(path, (response) => {
    stream = response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    write('msg_1');
  });
});
afterEach(() => server.stop());

const write = (messageId: string) => stream?.write(`data: ${JSON.stringify({ messageId })}\n\n`);

/** Follows the log, and has read its first line. */
async function follow(options = {}) {
  const lines = client.followLogs({}, options);
  expect((await lines.next()).value).toMatchObject({ messageId: 'msg_1' });
  return lines;
}

test('goes on after timeoutMs, which is for its beginning', async () => {
  const lines = await follow();
  const next = lines.next();
  // A timer that began later has ended, and so has that of the call, if it still runs.
  await once(AbortSignal.timeout(timeoutMs), 'abort');
  write('msg_2');
  expect((await next).value).toMatchObject({ messageId: 'msg_2' });
  await lines.return();
});

test('one that does not begin within timeoutMs ends with that error', async () => {
  server.reply(path, () => undefined);
  await expect(client.followLogs({}, { timeoutMs: 30 }).next()).rejects.toBeInstanceOf(QstashTimeoutError);
});

test('a broken connection is an error of the SDK', async () => {
  const lines = await follow();
  stream?.destroy();
  const failure: unknown = await lines.next().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(QstashConnectionError);
  expect((failure as Error).message).toMatch(/^No response from http:\/\/127\.0\.0\.1:\d+: /);
});

test('a signal gives its own reason', async () => {
  const controller = new AbortController();
  const lines = await follow({ signal: controller.signal });
  const next = lines.next();
  const reason = new Error('no longer wanted');
  controller.abort(reason);
  await expect(next).rejects.toBe(reason);
});

test('what is no JSON is an error of the SDK', async () => {
  const lines = await follow();
  stream?.write('data: {"messageId":\n\n');
  const failure: unknown = await lines.next().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(QstashError);
  expect((failure as Error).message).toContain('The response is not JSON');
});

test('a reader that stops closes the connection', async () => {
  const lines = await follow();
  await lines.return();
  await eventually(() => stream?.destroyed);
});
