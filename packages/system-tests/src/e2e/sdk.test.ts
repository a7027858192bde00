// Our own SDK against the running system: every resource, and what the official client does not have.
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { eventually, testToken, type Received } from '@posthorn/testkit';
import { Client, Receiver, type QstashError } from '@posthorn/sdk';
import { QstashLimitError, QstashNotFoundError, QstashUnauthorizedError, QstashValidationError } from '@posthorn/sdk';
import { verifySignatureFetch } from '@posthorn/sdk/fetch';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf } = system;
let client: Client;
beforeAll(async () => {
  client = new Client({ baseUrl: system.api.url, token: testToken, timeoutMs: 20_000 });
});

const later = { delay: '1h' } as const;
const catchError = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined as never,
    (e: unknown) => e as QstashError,
  );

test('a message says everything that it was published with', async () => {
  const { messageId } = await client.publishJSON({
    url: urlOf('/options?x=1'),
    body: { hello: 'world' },
    headers: { 'test-header': 'v' },
    ...later,
    retries: 2,
    retryDelay: '1000 * (1 + retried)',
    method: 'PUT',
    callback: urlOf('/cb?a=b'),
    failureCallback: urlOf('/fail'),
    label: ['one', 'two'],
    flowControl: { key: 'sdk/key', rate: 4, period: '2s', parallelism: 3 },
  });
  expect(await client.messages.get(messageId)).toMatchObject({
    messageId,
    url: urlOf('/options?x=1'),
    method: 'PUT',
    body: '{"hello":"world"}',
    header: { 'Content-Type': ['application/json'], 'Test-Header': ['v'] },
    maxRetries: 2,
    retryDelayExpression: '1000 * (1 + retried)',
    callback: urlOf('/cb?a=b'),
    failureCallback: urlOf('/fail'),
    labels: ['one', 'two'],
    flowControlKey: 'sdk/key',
    rate: 4,
    ratePerSecond: 4,
    period: 2,
    parallelism: 3,
  });
});

test.each<[string, () => NonNullable<RequestInit['body']>, string]>([
  ['text', () => 'grüße', 'grüße'],
  ['bytes', () => new Uint8Array([103, 195, 188]), 'gü'],
  ['a stream', () => new Blob(['stream']).stream(), 'stream'],
  ['a form', () => new URLSearchParams({ a: 'b c' }), 'a=b+c'],
])('a body of %s arrives as it is', async (name, create, text) => {
  const path = `/body-${name.replaceAll(' ', '-')}`;
  await client.publish({ url: urlOf(path), body: create() as string });
  expect((await system.receiver.first(path)).body.toString()).toBe(text);
});

test('a URL with segments of dots is called and signed as it was given', async () => {
  const { current, next } = await client.keys.get();
  const receiver = new Receiver({ currentSigningKey: current, nextSigningKey: next });
  const paths = ['publish', 'enqueue'].map((way) => `/dots-${way}/../%2e%2e/./other.example/hook?a=/../b`);
  const [plain = '', queued = ''] = paths;
  await client.publish({ url: urlOf(plain), body: 'x' });
  await client.queue({ queueName: 'dots' }).enqueue({ url: urlOf(queued), body: 'x' });
  for (const path of paths) {
    const { headers, body } = await system.receiver.first(path);
    const signature = String(headers['upstash-signature']);
    expect(await receiver.verify({ signature, body, url: urlOf(path) })).toBe(true);
  }
  const { scheduleId } = await client.schedules.create({ destination: urlOf(plain), cron: '0 0 1 1 *' });
  expect((await client.schedules.get(scheduleId)).destination).toBe(urlOf(plain));
});

test('a publish with a deduplication id can be repeated: there is one message', async () => {
  const publish = () => client.publish({ url: urlOf('/once'), deduplicationId: 'sdk-once', ...later });
  const [first, second] = [await publish(), await publish()];
  expect(second).toEqual({ ...first, deduplicated: true });
});

test('URL groups, with default headers', async () => {
  const endpoints = [{ url: urlOf('/one'), name: 'one' }, { url: urlOf('/two') }];
  await client.urlGroups.addEndpoints({ name: 'sdk', endpoints });
  await client.urlGroups.setHeaders({ name: 'sdk', headers: { 'Upstash-Forward-From-Group': 'yes' } });
  expect(await client.urlGroups.get('sdk')).toMatchObject({ name: 'sdk', endpoints });
  const reply = await client.publish({ urlGroup: 'sdk' });
  expect(reply.map(({ url }) => url)).toEqual([urlOf('/one'), urlOf('/two')]);
  expect((await system.receiver.first('/two')).headers['from-group']).toBe('yes');
  await client.urlGroups.removeEndpoints({ name: 'sdk', endpoints: [{ name: 'one' }] });
  expect((await client.urlGroups.list()).find(({ name }) => name === 'sdk')?.endpoints).toEqual([
    { url: urlOf('/two') },
  ]);
  await client.urlGroups.delete('sdk');
  expect(await catchError(client.urlGroups.get('sdk'))).toBeInstanceOf(QstashNotFoundError);
});

test('a batch of different messages', async () => {
  const replies = await client.batchJSON([
    { url: urlOf('/batch'), body: { n: 1 }, headers: { 'X-Own': 'v' } },
    { url: urlOf('/batch-queue'), queueName: 'sdk-batch' },
  ]);
  expect(replies.map(({ url }) => url)).toEqual([urlOf('/batch'), urlOf('/batch-queue')]);
  const { body, headers } = await system.receiver.first('/batch');
  expect([body.toString(), headers['x-own']]).toEqual(['{"n":1}', 'v']);
  await system.receiver.first('/batch-queue');
  const error = await catchError(client.batch([{ url: urlOf('/never') }, { url: urlOf('/x'), retryDelay: 'foo' }]));
  expect(error).toBeInstanceOf(QstashValidationError);
  expect(system.receiver.at('/never')).toEqual([]);
});

test('queues', async () => {
  const queue = client.queue({ queueName: 'sdk' });
  await queue.upsert({ parallelism: 2, paused: true });
  await queue.enqueueJSON({ url: urlOf('/queued'), body: { n: 1 } });
  await queue.enqueue({ url: urlOf('/queued'), body: 'text' });
  expect(await queue.get()).toMatchObject({ name: 'sdk', parallelism: 2, paused: true, lag: 2 });
  await queue.resume();
  await eventually(() => system.receiver.at('/queued').length === 2);
  await queue.pause();
  expect((await client.queue().list()).find(({ name }) => name === 'sdk')).toMatchObject({ paused: true });
  await queue.delete();
  expect(await catchError(queue.get())).toBeInstanceOf(QstashNotFoundError);
});

test('flow control, also for a key that is no name', async () => {
  const key = 'user/1 ü?';
  await client.publish({ url: urlOf('/flow'), flowControl: { key: 'user/1', parallelism: 3 }, ...later });
  expect(await client.flowControl.get('user/1')).toMatchObject({ flowControlKey: 'user/1', parallelismMax: 3 });
  await client.flowControl.pin(key, { parallelism: 7, rate: 20, period: 120 });
  const pinned = { flowControlKey: key, parallelismMax: 7, rateMax: 20, ratePeriod: 120, isPinnedRate: true };
  expect(await client.flowControl.get(key)).toMatchObject(pinned);
  await client.flowControl.unpin(key, { rate: true });
  await client.flowControl.resetRate(key);
  await client.flowControl.pause(key);
  expect(await client.flowControl.get(key)).toMatchObject({ isPaused: true, isPinnedRate: false });
  await client.flowControl.resume(key);
  expect(await client.flowControl.list({ search: 'user/1' })).toHaveLength(2);
  expect(typeof (await client.flowControl.getGlobalParallelism()).parallelismCount).toBe('number');
});

test('schedules', async () => {
  const destination = urlOf('/scheduled?x=1');
  const options = { headers: { 'Test-Header': 'v' }, delay: 10, timeout: 30, label: 'l', queueName: 'sdk-scheduled' };
  const request = { destination, cron: '*/10 * * * *', scheduleId: 'sdk', body: '{"n":1}', ...options };
  expect(await client.schedules.create(request)).toEqual({ scheduleId: 'sdk' });
  const header = { 'Content-Type': ['application/json'], 'Test-Header': ['v'] };
  const shown = { destination, cron: '*/10 * * * *', header, body: '{"n":1}', delay: 10, timeout: 30, labels: ['l'] };
  expect(await client.schedules.get('sdk')).toMatchObject({ ...shown, queueName: 'sdk-scheduled', isPaused: false });
  await client.schedules.pause({ schedule: 'sdk' });
  expect((await client.schedules.list()).find(({ scheduleId }) => scheduleId === 'sdk')).toMatchObject({
    isPaused: true,
  });
  await client.schedules.resume({ schedule: 'sdk' });
  await client.schedules.delete('sdk');
  expect(await catchError(client.schedules.get('sdk'))).toBeInstanceOf(QstashNotFoundError);
  const wrong = await catchError(client.schedules.create({ destination, cron: '* *' }));
  expect(wrong).toBeInstanceOf(QstashValidationError);
  expect(wrong.detail).toMatch(/^Invalid cron expression/);
});

test('cancel: one, several, by a filter, all', async () => {
  const publish = async (label: string) => (await client.publish({ url: urlOf('/cancel'), label, ...later })).messageId;
  const [a, b] = [await publish('sdk-a'), await publish('sdk-a')];
  for (const label of ['sdk-b', 'sdk-b', 'sdk-c']) await publish(label);
  expect(await client.messages.cancel(a)).toEqual({ cancelled: 1 });
  expect(await catchError(client.messages.cancel(a))).toBeInstanceOf(QstashNotFoundError);
  expect(await client.messages.cancel([a, b])).toEqual({ cancelled: 1 });
  expect(await client.messages.cancel({ filter: { label: 'sdk-b', path: '/cancel' }, count: 1 })).toEqual({
    cancelled: 1,
  });
  expect(await client.messages.cancel({ filter: { label: ['sdk-b', 'sdk-c'] } })).toEqual({ cancelled: 2 });
  expect((await client.messages.cancel({ all: true })).cancelled).toBeGreaterThan(0);
});

test('dead letters: pages, one, retry, delete', async () => {
  system.receiver.reply('/dead', { status: 404, body: 'gone' });
  await client.batch(['1', '2', '3'].map((body) => ({ url: urlOf('/dead'), body, retries: 0, label: 'sdk-dead' })));
  const filter = { label: 'sdk-dead', responseStatus: 404 };
  const entries = await eventually(async () => {
    const { messages } = await client.dlq.listMessages({ filter });
    return messages.length === 3 ? messages : undefined;
  });
  const walked: string[] = [];
  for await (const { dlqId } of client.dlq.iterateMessages({ filter, count: 1 })) walked.push(dlqId);
  expect(walked).toEqual(entries.map(({ dlqId }) => dlqId));
  const [first = '', second = '', third = ''] = walked;
  expect(await client.dlq.get(first)).toMatchObject({ dlqId: first, responseStatus: 404, responseBody: 'gone' });
  expect(await client.dlq.delete(first)).toEqual({ deleted: 1 });
  expect(await catchError(client.dlq.delete(first))).toBeInstanceOf(QstashNotFoundError);
  system.receiver.reply('/dead', 200);
  expect((await client.dlq.retry(second)).responses).toHaveLength(1);
  expect((await client.dlq.retry({ filter })).responses).toHaveLength(1);
  expect(await client.dlq.delete({ filter })).toEqual({ deleted: 0 });
  expect(await catchError(client.dlq.get(third))).toBeInstanceOf(QstashNotFoundError);
});

test('logs: of a message, by filters, and all pages', async () => {
  const { messageId } = await client.publish({ url: urlOf('/logged?x=1'), label: 'sdk-log', body: 'text' });
  const { logs } = await eventually(async () => {
    const page = await client.logs({ messageIds: [messageId] });
    return page.logs.length === 3 ? page : undefined;
  });
  expect(logs.map(({ state }) => state)).toEqual(['DELIVERED', 'ACTIVE', 'CREATED']);
  const delivered = await eventually(async () => {
    const page = await client.logs({ filter: { label: 'sdk-log', state: 'DELIVERED', fromDate: new Date(0) } });
    return page.logs[0];
  });
  expect(delivered).toMatchObject({ messageId, url: urlOf('/logged?x=1'), method: 'POST' });
  const states: string[] = [];
  for await (const { state } of client.iterateLogs({ filter: { label: 'sdk-log' }, count: 1 })) states.push(state);
  expect(states).toEqual(['DELIVERED', 'ACTIVE', 'CREATED']);
});

test('refusals have classes and the sentence of the server', async () => {
  const stranger = new Client({ baseUrl: system.api.url, token: 'wrong' });
  expect(await catchError(stranger.queue().list())).toBeInstanceOf(QstashUnauthorizedError);
  const limit = await catchError(client.publish({ url: urlOf('/x'), retries: 1000 }));
  expect(limit).toBeInstanceOf(QstashLimitError);
  expect(limit).toMatchObject({ status: 412, message: expect.stringMatching(/^{"error":/) as string });
  expect(limit.detail).toContain('Upstash-Retries');
  const topic = await catchError(client.publish({ urlGroup: 'nobody' }));
  expect(topic).toBeInstanceOf(QstashNotFoundError);
  expect(topic.detail).toContain('topic nobody not found');
});

describe('deliveries', () => {
  const verify = async (receiver: Receiver, request: Received) =>
    receiver.verify({
      signature: String(request.headers['upstash-signature']),
      body: request.body,
      url: urlOf(request.path),
    });

  test('are accepted by the receiver, before and after a rotation, and with no other body or URL', async () => {
    const { current, next } = await client.keys.get();
    const before = new Receiver({ currentSigningKey: current, nextSigningKey: next });
    await client.publish({ url: urlOf('/signed?x=1'), body: new Uint8Array([0, 255, 128]) });
    const request = await system.receiver.first('/signed?x=1');
    expect(await verify(before, request)).toBe(true);
    await expect(verify(before, { ...request, body: Buffer.from('other') })).rejects.toThrow('body hash');
    await expect(verify(before, { ...request, path: '/other' })).rejects.toThrow('invalid subject');

    const rotated = await client.keys.rotate();
    expect(rotated.current).toBe(next);
    await client.publish({ url: urlOf('/rotated') });
    expect(await verify(before, await system.receiver.first('/rotated'))).toBe(true);
  });

  test('reach a handler that verifies them', async () => {
    const { current, next } = await client.keys.get();
    const bodies: string[] = [];
    const handler = verifySignatureFetch(
      async (request) => {
        bodies.push(await request.text());
        return new Response();
      },
      { currentSigningKey: current, nextSigningKey: next },
    );
    const server = createServer((incoming, response) => {
      const headers = { 'Upstash-Signature': String(incoming.headers['upstash-signature']) };
      const init = { method: 'POST', headers, body: incoming, duplex: 'half' };
      void handler(new Request('http://app.example', init as unknown as RequestInit)).then(({ status }) =>
        response.writeHead(status).end(),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await client.publishJSON({ url: `http://127.0.0.1:${port}/`, body: { n: 1 } });
    expect(await eventually(() => bodies[0])).toBe('{"n":1}');
    server.close();
  });
});
