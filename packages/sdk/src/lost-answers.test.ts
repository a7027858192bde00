// What a repetition means after a try whose answer was lost: that try may have been carried out.
import { startReceiver, type Receiver as TestServer, type Reply } from '@posthorn/testkit';
import { Client, QstashConnectionError, QstashNotFoundError } from './index.ts';

let server: TestServer;
let client: Client;
beforeEach(async () => {
  server = await startReceiver();
  client = new Client({ baseUrl: server.url, token: 't', retry: { retries: 2, backoff: () => 1 } });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await server.stop();
});

const lost: Reply = (response) => void response.destroy();
const unavailable: Reply = { status: 503, body: '{"error":"later"}' };
const missing: Reply = { status: 404, body: '{"error":"not found"}' };
const endpoints = [{ url: 'https://a.example' }];

const removals: [string, string, unknown, (c: Client) => Promise<unknown>][] = [
  ['messages.cancel', '/v2/messages/a', { cancelled: 1 }, (c) => c.messages.cancel('a')],
  ['messages.delete', '/v2/messages/a', undefined, (c) => c.messages.delete('a')],
  ['messages.runNow', '/v2/messages/a/retry', { messageId: 'a' }, (c) => c.messages.runNow('a')],
  ['dlq.delete', '/v2/dlq/a', { deleted: 1 }, (c) => c.dlq.delete('a')],
  ['schedules.delete', '/v2/schedules/a', undefined, (c) => c.schedules.delete('a')],
  ['workflow.deleteDlq', '/v2/workflows/dlq/a', { deleted: 1 }, (c) => c.workflow.deleteDlq('a')],
  [
    'urlGroups.removeEndpoints',
    '/v2/topics/a/endpoints',
    undefined,
    (c) => c.urlGroups.removeEndpoints({ name: 'a', endpoints }),
  ],
];

describe.each(removals)('%s', (_name, path, result, call) => {
  test.each([
    ['a lost response', lost],
    ['503', unavailable],
  ])('is done when nothing is there after %s', async (_first, first) => {
    server.reply(path, first, missing);
    expect(await call(client)).toEqual(result);
    expect(server.at(path)).toHaveLength(2);
  });

  test('is not found when the first response says so', async () => {
    server.reply(path, missing);
    await expect(call(client)).rejects.toBeInstanceOf(QstashNotFoundError);
  });

  test('is not found when the first try had no connection, and so did nothing', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' });
    jest
      .spyOn(globalThis, 'fetch')
      .mockRejectedValueOnce(new TypeError('fetch failed', { cause: refused }))
      .mockResolvedValueOnce(new Response('{"error":"not found"}', { status: 404 }));
    await expect(call(client)).rejects.toBeInstanceOf(QstashNotFoundError);
  });
});

test('a read is not found after a lost response, too', async () => {
  server.reply('/v2/messages/a', lost, missing);
  await expect(client.messages.get('a')).rejects.toBeInstanceOf(QstashNotFoundError);
});

const url = 'https://a.example';
const creations: [string, string, (c: Client, id: string) => Promise<unknown>][] = [
  ['publish', `/v2/publish/${url}`, (c, deduplicationId) => c.publish({ url, deduplicationId })],
  [
    'schedules.create',
    `/v2/schedules/${url}`,
    (c, scheduleId) => c.schedules.create({ destination: url, cron: '* * * * *', scheduleId }),
  ],
  ['workflow.trigger', `/v2/trigger/${url}`, (c, workflowRunId) => c.workflow.trigger({ url, workflowRunId })],
];

describe.each(creations)('%s', (_name, path, call) => {
  test.each(['', '  '])('with the id %j, which is none, is sent once', async (id) => {
    server.reply(path, lost);
    await expect(call(client, id)).rejects.toBeInstanceOf(QstashConnectionError);
    expect(server.at(path)).toHaveLength(1);
  });

  test('with an id is sent again', async () => {
    server.reply(path, lost, { status: 200, body: '{}' });
    await call(client, 'a');
    expect(server.at(path)).toHaveLength(2);
  });
});

test('a failure function is stopped once: the second try would be refused', async () => {
  server.reply('/v2/workflows/dlq/callback/a', lost);
  await expect(client.workflow.cancelFailureFunction('a')).rejects.toBeInstanceOf(QstashConnectionError);
  expect(server.requests).toHaveLength(1);
});
