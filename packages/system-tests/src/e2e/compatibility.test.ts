// The official JavaScript SDK, unchanged, from its registry package: only its base URL and its token are ours.
import { eventually, fetchChecked, testToken, type Received } from '@posthorn/testkit';
import { Client, Receiver } from '@upstash/qstash';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf } = system;
let client: Client;
beforeAll(async () => {
  // The SDK writes each refusal there.
  jest.spyOn(console, 'error').mockImplementation();
  jest.spyOn(globalThis, 'fetch').mockImplementation(fetchChecked(system.api.url));
  client = new Client({ baseUrl: system.api.url, token: testToken, retry: false });
});

const later = { delay: '1h' } as const;

async function createReceiver(): Promise<Receiver> {
  const { current, next } = await system.api.read<{ current: string; next: string }>('/v2/keys');
  return new Receiver({ currentSigningKey: current, nextSigningKey: next });
}
const verify = (receiver: Receiver, request: Received) =>
  receiver.verify({
    signature: String(request.headers['upstash-signature']),
    body: request.body.toString(),
    url: urlOf(request.path),
  });

describe('publish', () => {
  test('with every option', async () => {
    const { messageId } = await client.publishJSON({
      url: urlOf('/options?x=1'),
      body: { hello: 'world' },
      headers: { 'test-header': 'v', 'Content-Type': 'application/json' },
      delay: 3600,
      retries: 2,
      retryDelay: '1000 * (1 + retried)',
      method: 'PUT',
      timeout: '30s',
      callback: urlOf('/cb?a=b'),
      failureCallback: urlOf('/fail'),
      label: ['one', 'two'],
      flowControl: { key: 'flow', rate: 4, period: '2s', parallelism: 3 },
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
      label: 'one',
      flowControlKey: 'flow',
      rate: 4,
      period: 2,
      parallelism: 3,
    });
  });

  test('plain, at a time, without a body', async () => {
    const { messageId } = await client.publish({
      url: urlOf('/plain'),
      body: 'text',
      headers: { 'Content-Type': 'a/b' },
    });
    expect((await system.receiver.first('/plain')).headers['upstash-message-id']).toBe(messageId);
    const notBefore = Math.floor(Date.now() / 1000) + 3600;
    const timed = await client.publish({ url: urlOf('/timed'), notBefore });
    expect(await client.messages.get(timed.messageId)).toMatchObject({ notBefore: notBefore * 1000 });
    await client.publishJSON({ url: urlOf('/no-body') });
    expect((await system.receiver.first('/no-body')).body).toHaveLength(0);
  });

  test('with deduplication', async () => {
    const publish = () => client.publish({ url: urlOf('/dedup'), deduplicationId: 'sdk', ...later });
    const first = await publish();
    expect(await publish()).toEqual({ ...first, deduplicated: true });
    const byContent = () =>
      client.publishJSON({ url: urlOf('/c'), body: 1, contentBasedDeduplication: true, ...later });
    const { messageId } = await byContent();
    expect((await byContent()).messageId).toBe(messageId);
  });

  test('with redaction', async () => {
    const { messageId } = await client.publish({
      url: urlOf('/redact'),
      body: 'secret',
      headers: { Authorization: 'Bearer s' },
      redact: { body: true, header: ['Authorization'] },
      ...later,
    });
    const message = await client.messages.get(messageId);
    expect(message.body).toMatch(/^REDACTED:[0-9a-f]{64}$/);
    expect(message.header?.['Authorization']?.[0]).toMatch(/^REDACTED:[0-9a-f]{64}$/);
  });

  test('a wrong option is an error that says so', async () => {
    await expect(client.publish({ url: urlOf('/x'), retryDelay: 'foo(1)' })).rejects.toThrow(/Upstash-Retry-Delay/);
    await expect(client.publish({ url: 'example.com' })).rejects.toThrow(/endpoint has invalid scheme/);
  });
});

describe('URL groups', () => {
  test('are filled, published to and removed', async () => {
    await client.urlGroups.addEndpoints({
      name: 'sdk',
      endpoints: [{ url: urlOf('/one'), name: 'one' }, { url: urlOf('/two') }],
    });
    expect(await client.urlGroups.get('sdk')).toMatchObject({
      endpoints: [{ name: 'one', url: urlOf('/one') }, { url: urlOf('/two') }],
    });
    const reply = await client.publishJSON({ urlGroup: 'sdk', body: { n: 1 } });
    expect(reply.map(({ url }) => url)).toEqual([urlOf('/one'), urlOf('/two')]);
    await system.receiver.first('/two');
    await client.urlGroups.removeEndpoints({ name: 'sdk', endpoints: [{ name: 'one' }] });
    expect((await client.urlGroups.get('sdk')).endpoints).toHaveLength(1);
    await client.urlGroups.delete('sdk');
    expect((await client.urlGroups.list()).map(({ name }) => name)).not.toContain('sdk');
  });
});

test('batch and batchJSON', async () => {
  await client.urlGroups.addEndpoints({ name: 'batch', endpoints: [{ url: urlOf('/b1') }, { url: urlOf('/b2') }] });
  const reply = await client.batch([
    { url: urlOf('/batch'), body: 'a', headers: { 'X-Own': 'v' } },
    { urlGroup: 'batch', body: 'b', delay: 1 },
  ]);
  expect(reply).toMatchObject([{ url: urlOf('/batch') }, [{ url: urlOf('/b1') }, { url: urlOf('/b2') }]]);
  expect((await system.receiver.first('/batch')).headers['x-own']).toBe('v');
  await system.receiver.first('/b2');
  await client.batchJSON([{ url: urlOf('/json'), body: { n: 1 }, retries: 0 }]);
  const received = await system.receiver.first('/json');
  expect(received.body.toString()).toBe('{"n":1}');
  expect(received.headers['content-type']).toBe('application/json');
});

test('queues', async () => {
  const queue = client.queue({ queueName: 'sdk-queue' });
  await queue.upsert({ parallelism: 2, paused: true });
  expect(await queue.get()).toMatchObject({ name: 'sdk-queue', parallelism: 2, paused: true, lag: 0 });
  const { messageId } = await queue.enqueueJSON({ url: urlOf('/queued'), body: { n: 1 } });
  await queue.enqueue({ url: urlOf('/queued'), body: 'text' });
  expect(await client.messages.get(messageId)).toMatchObject({ queueName: 'sdk-queue' });
  expect((await queue.get()).lag).toBe(2);
  await queue.resume();
  await eventually(() => system.receiver.at('/queued').length === 2);
  await queue.pause();
  expect((await queue.get()).paused).toBe(true);
  expect((await queue.list()).map(({ name }) => name)).toContain('sdk-queue');
  await client.batch([{ queueName: 'sdk-batch', url: urlOf('/queued-batch'), body: 'b' }]);
  await system.receiver.first('/queued-batch');
  await queue.delete();
  await expect(queue.get()).rejects.toThrow(/not found/);
});

test('flow control', async () => {
  const flowControl = { key: 'sdk-flow', parallelism: 3, rate: 10, period: '1m' } as const;
  await client.publish({ url: urlOf('/flow'), flowControl, ...later });
  expect(await client.flowControl.get('sdk-flow')).toMatchObject({
    flowControlKey: 'sdk-flow',
    parallelismMax: 3,
    rateMax: 10,
    ratePeriod: 60,
    isPaused: false,
  });
  await client.flowControl.pause('sdk-flow');
  expect((await client.flowControl.get('sdk-flow')).isPaused).toBe(true);
  await client.flowControl.resume('sdk-flow');
  await client.flowControl.pin('sdk-flow', { parallelism: 7, rate: 20, period: 120 });
  expect(await client.flowControl.get('sdk-flow')).toMatchObject({ parallelismMax: 7, rateMax: 20, ratePeriod: 120 });
  await client.flowControl.unpin('sdk-flow', { parallelism: true, rate: true });
  expect((await client.flowControl.get('sdk-flow')).isPinnedRate).toBe(false);
  await client.flowControl.resetRate('sdk-flow');
  expect(await client.flowControl.getGlobalParallelism()).toMatchObject({ parallelismMax: 0 });
});

test('schedules', async () => {
  const { scheduleId } = await client.schedules.create({
    destination: urlOf('/scheduled?x=1'),
    cron: '*/10 * * * * ',
    scheduleId: 'sdk-schedule',
    body: '{"n":1}',
    headers: { 'test-header': 'v' },
    delay: 10,
    retries: 2,
    retryDelay: '1000',
    callback: urlOf('/cb'),
    failureCallback: urlOf('/fail'),
    method: 'PUT',
    timeout: 30,
    queueName: 'sdk-scheduled',
    flowControl: { key: 'sdk-scheduled', parallelism: 3, rate: 4, period: '2s' },
    label: ['one', 'two'],
    redact: { header: ['Test-Header'] },
  });
  expect(scheduleId).toBe('sdk-schedule');
  expect(await client.schedules.get(scheduleId)).toMatchObject({
    scheduleId,
    destination: urlOf('/scheduled?x=1'),
    cron: '*/10 * * * *',
    body: '{"n":1}',
    header: {
      'Content-Type': ['application/json'],
      'Test-Header': [expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/) as string],
    },
    delay: 10,
    retries: 2,
    retryDelayExpression: '1000',
    callback: urlOf('/cb'),
    failureCallback: urlOf('/fail'),
    method: 'PUT',
    queueName: 'sdk-scheduled',
    flowControlKey: 'sdk-scheduled',
    parallelism: 3,
    ratePerSecond: 4,
    period: 2,
    labels: ['one', 'two'],
    isPaused: false,
  });
  await client.schedules.pause({ schedule: scheduleId });
  expect((await client.schedules.get(scheduleId)).isPaused).toBe(true);
  await client.schedules.resume({ schedule: scheduleId });
  expect((await client.schedules.get(scheduleId)).isPaused).toBe(false);
  await client.schedules.create({ destination: urlOf('/other'), cron: '0 0 1 1 *', scheduleId });
  const schedules = (await client.schedules.list()).filter((each) => each.scheduleId === scheduleId);
  expect(schedules).toMatchObject([{ destination: urlOf('/other') }]);
  expect(schedules[0]?.body).toBeUndefined();
  await client.schedules.delete(scheduleId);
  await expect(client.schedules.get(scheduleId)).rejects.toThrow(/not found/);
  await expect(client.schedules.create({ destination: urlOf('/x'), cron: '* *' })).rejects.toThrow(/Invalid cron/);
});

describe('cancel', () => {
  const publish = async (label: string) => (await client.publish({ url: urlOf('/cancel'), label, ...later })).messageId;
  const isGone = async (id: string) => expect(client.messages.get(id)).rejects.toThrow(/not found/);

  test('one, several, by filter and all', async () => {
    const [a, b, c, d, e] = (await Promise.all(['l', 'l', 'l', 'other', 'last'].map(publish))) as [
      string,
      string,
      string,
      string,
      string,
    ];
    expect(await client.messages.cancel(a)).toEqual({ cancelled: 1 });
    await isGone(a);
    expect(await client.messages.cancel([a, b])).toEqual({ cancelled: 1 });
    expect(await client.messages.cancel({ filter: { label: 'l' } })).toEqual({ cancelled: 1 });
    await isGone(c);
    expect(await client.messages.cancel({ filter: { label: ['other'], fromDate: 0, path: '/cancel' } })).toEqual({
      cancelled: 1,
    });
    await isGone(d);
    expect((await client.messages.cancel({ all: true })).cancelled).toBeGreaterThanOrEqual(1);
    await isGone(e);
  });

  test('an unknown message is an error', async () => {
    await expect(client.messages.cancel('msg_unknown')).rejects.toThrow(/not found/);
  });
});

test('its receiver accepts deliveries, retries and callbacks, before and after a rotation, and no other body', async () => {
  const before = await createReceiver();
  system.receiver.reply('/signed', 500, 200);
  await client.publishJSON({ url: urlOf('/signed'), body: { ü: 1 }, retryDelay: '10', callback: urlOf('/signed-cb') });
  await eventually(() => system.receiver.at('/signed').length === 2 && system.receiver.at('/signed-cb').length === 2);
  for (const request of [...system.receiver.at('/signed'), ...system.receiver.at('/signed-cb')]) {
    expect(await verify(before, request)).toBe(true);
  }
  await client.publish({ url: urlOf('/empty') });
  expect(await verify(before, await system.receiver.first('/empty'))).toBe(true);

  await system.api.request('POST', '/v2/keys/rotate');
  await eventually(async () => {
    await client.publish({ url: urlOf('/rotated') });
    const last = system.receiver.at('/rotated').at(-1);
    return last && (await verify(await createReceiver(), last));
  });
  const rotated = await eventually(() => system.receiver.at('/rotated').at(-1));
  expect(await verify(before, rotated)).toBe(true);
  await expect(verify(before, { ...rotated, body: Buffer.from('other') })).rejects.toThrow();
});

test('logs and dead letters of these messages', async () => {
  system.receiver.reply('/dead', { status: 404, body: '404 Not Found' });
  const { messageId } = await client.publish({ url: urlOf('/dead'), retries: 0 });
  const { messages } = await eventually(async () => {
    const page = await client.dlq.listMessages();
    return page.messages.some((entry) => entry.messageId === messageId) ? page : undefined;
  });
  const entry = messages.find((each) => each.messageId === messageId);
  expect(entry).toMatchObject({ responseStatus: 404, responseBody: '404 Not Found' });
  system.receiver.reply('/dead', 200);
  const retried = await client.dlq.retry(String(entry?.dlqId));
  expect(retried.responses).toHaveLength(1);
  await expect(client.dlq.delete(String(entry?.dlqId))).rejects.toThrow();
  const { logs } = await client.logs({ messageIds: [messageId] });
  expect(logs.map(({ state }) => state)).toEqual(['FAILED', 'ERROR', 'ACTIVE', 'CREATED']);
});

test('the log of all messages, with filters and a cursor', async () => {
  for (let n = 0; n < 3; n++) await client.publish({ url: urlOf('/logged'), label: 'logged' });
  const filter = { label: 'logged', state: 'DELIVERED', url: urlOf('/logged'), fromDate: new Date(0) } as const;
  await eventually(async () => (await client.logs({ filter })).logs.length === 3);
  const walked: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.logs({ filter, count: 1, ...(cursor === undefined ? {} : { cursor }) });
    walked.push(...page.logs.map(({ messageId }) => messageId));
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(new Set(walked).size).toBe(3);
  expect(walked).toHaveLength(3);
  const { logs } = await client.logs({ filter: { ...filter, state: 'CREATED' }, cursor: Date.now() + 1000 });
  expect(logs).toHaveLength(3);
  expect(logs[0]).toMatchObject({ state: 'CREATED', labels: ['logged'] });
  expect(await client.logs({ filter: { label: 'none' } })).toMatchObject({ logs: [], cursor: undefined });
});
