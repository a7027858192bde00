import { eventually, startSystem, type TestDeadLetter } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { publish } = system;

const list = (query: string) => system.api.read<{ messages: TestDeadLetter[]; cursor?: string }>(`/v2/dlq${query}`);
/** Publishes a message that fails; gives its dead letter. */
const fail = async (path: string, headers: Record<string, string> = {}) =>
  system.api.untilDead(await publish(path, { 'Upstash-Retries': '0', ...headers }, 'b'));

test('a message that finally failed is there once, with the last response', async () => {
  system.receiver.reply('/404', { status: 404, headers: { 'X-Why': 'gone' }, body: '404 Not Found' });
  const entry = await fail('/404', { 'Upstash-Label': 'a, b', 'Upstash-Retry-Delay': '1000' });
  expect(entry).toMatchObject({
    dlqId: expect.stringMatching(/^\d{13}-\d+$/) as string,
    url: `${system.receiver.url}/404`,
    body: 'b',
    maxRetries: 0,
    responseStatus: 404,
    responseBody: '404 Not Found',
    label: 'a',
    labels: ['a', 'b'],
    retryDelayExpression: '1000',
  });
  expect(entry['responseHeader']).toMatchObject({ 'X-Why': ['gone'] });
  expect(await system.api.read(`/v2/dlq/${entry.dlqId}`)).toEqual(entry);
});

test('a refused connection still has a status, and bytes that are no text come in base64', async () => {
  system.receiver.reply('/binary', (response) => response.writeHead(500).end(Buffer.from([0xff, 0xfe])));
  expect(await fail('/binary')).toMatchObject({ responseStatus: 500, responseBodyBase64: '//4=' });
  const messageId = await system.api.publish('http://127.0.0.1:1/', { headers: { 'Upstash-Retries': '0' } });
  expect(await system.api.untilDead(messageId)).toMatchObject({ responseStatus: 0 });
});

test('cursors walk all entries once, oldest first', async () => {
  system.receiver.reply('/many', 500);
  await Promise.all(Array.from({ length: 12 }, () => fail('/many')));
  const all = (await system.api.deadLetters()).map(({ dlqId }) => dlqId);
  const walked: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await list(`?count=5${cursor ? `&cursor=${cursor}` : ''}`);
    walked.push(...page.messages.map(({ dlqId }) => dlqId));
    cursor = page.cursor;
  } while (cursor);
  expect(walked).toEqual(all);
});

test.each(['/v2/dlq/1-1', '/v2/dlq/nonsense'])('%s answers 404', async (path) => {
  expect((await system.api.call(path)).status).toBe(404);
});

test.each(['?count=0', '?count=x', '?cursor=x', '?labeel=x', '?host=x', '?path=/x', '?dlqIds=', '?responseStatus=x'])(
  '%s answers 400',
  async (query) => {
    expect((await system.api.call(`/v2/dlq${query}`)).status).toBe(400);
  },
);

describe('many entries', () => {
  const ids = async (query: string) => (await system.api.deadLetters(query)).map(({ dlqId }) => dlqId);
  let a: TestDeadLetter;
  let b: TestDeadLetter;
  let c: TestDeadLetter;
  beforeEach(async () => {
    await system.api.request('DELETE', '/v2/dlq');
    expect(await ids('')).toEqual([]);
    system.receiver.reply('/a', { status: 500, body: 'no' });
    system.receiver.reply('/b', 404);
    a = await fail('/a', { 'Upstash-Label': 'red,green' });
    b = await fail('/b', { 'Upstash-Label': 'blue' });
    c = await fail('/b', {
      'Upstash-Label': 'red',
      'Upstash-Flow-Control-Key': 'k',
      'Upstash-Flow-Control-Value': 'rate=9',
    });
  });

  test('filters select; several values are alternatives, several filters all count', async () => {
    expect(await ids('?label=red')).toEqual([a.dlqId, c.dlqId]);
    expect(await ids('?label=green,blue')).toEqual([a.dlqId, b.dlqId]);
    expect(await ids('?label=red&responseStatus=404')).toEqual([c.dlqId]);
    expect(await ids('?responseStatus=404&responseStatus=500')).toHaveLength(3);
    expect(await ids(`?messageId=${b.messageId}`)).toEqual([b.dlqId]);
    expect(await ids(`?url=${encodeURIComponent(`${system.receiver.url}/b`)}`)).toEqual([b.dlqId, c.dlqId]);
    expect(await ids('?flowControlKey=k')).toEqual([c.dlqId]);
    expect(await ids(`?fromDate=${b.dlqId.split('-')[0] ?? ''}`)).toEqual([b.dlqId, c.dlqId]);
    expect(await ids(`?dlqIds=${c.dlqId}&dlqIds=${a.dlqId}`)).toEqual([c.dlqId, a.dlqId]);
    const page = await list('?label=red&count=1');
    expect(page.messages.map(({ dlqId }) => dlqId)).toEqual([a.dlqId]);
    const next = await list(`?label=red&count=1&cursor=${page.cursor ?? ''}`);
    expect(next.messages.map(({ dlqId }) => dlqId)).toEqual([c.dlqId]);
    expect(next).not.toHaveProperty('cursor');
  });

  test('one entry is removed once', async () => {
    expect((await system.api.request('DELETE', `/v2/dlq/${a.dlqId}`)).status).toBe(200);
    expect((await system.api.request('DELETE', `/v2/dlq/${a.dlqId}`)).status).toBe(404);
  });

  test('several are removed by query, by body and by filter', async () => {
    expect((await system.api.request('DELETE', `/v2/dlq?dlqIds=${a.dlqId},1-1`)).body).toEqual({ deleted: 1 });
    expect((await system.api.request('DELETE', '/v2/dlq', { body: { dlqIds: [b.dlqId, 'x'] } })).body).toEqual({
      deleted: 1,
    });
    expect((await system.api.request('DELETE', '/v2/dlq', { body: { dlqIds: [] } })).body).toEqual({ deleted: 0 });
    expect((await system.api.request('DELETE', '/v2/dlq?label=nobody')).body).toEqual({ deleted: 0 });
    expect(await ids('')).toEqual([c.dlqId]);
    expect((await system.api.request('DELETE', '/v2/dlq?labeel=red')).status).toBe(400);
    expect((await system.api.request('DELETE', '/v2/dlq?host=x')).status).toBe(400);
    expect((await system.api.request('DELETE', '/v2/dlq?label=red&count=1')).body).toEqual({ deleted: 1 });
  });

  test('a retry is a new message with what the old one had, and what the request says now', async () => {
    const headers = { 'Upstash-Redact-Fields': 'body', 'Upstash-Forward-X': 'v', 'Upstash-Label': 'again' };
    const entry = await fail('/a', headers);
    system.receiver.reply('/a', 200);
    const before = system.receiver.at('/a').length;
    const { status, body } = await system.api.request('POST', `/v2/dlq/retry/${entry.dlqId}`, {
      headers: { 'Upstash-Retries': '7' },
    });
    expect(status).toBe(201);
    expect(body['messageId']).not.toBe(entry.messageId);
    const received = await eventually(() => system.receiver.at('/a')[before]);
    expect(received.body.toString()).toBe('b');
    expect(received.headers).toMatchObject({ x: 'v', 'upstash-message-id': body['messageId'] });
    const message = await system.api.read(`/v2/messages/${String(body['messageId'])}`);
    expect(message).toMatchObject({ maxRetries: 7, labels: ['again'] });
    expect(message['body']).toMatch(/^REDACTED:/);
    expect((await system.api.request('DELETE', `/v2/dlq/${entry.dlqId}`)).status).toBe(404);
    expect((await system.api.request('POST', `/v2/dlq/retry/${entry.dlqId}`)).status).toBe(404);
  });

  test('several are retried, all or none of those that are named', async () => {
    expect((await system.api.request('POST', `/v2/dlq/retry?dlqIds=${a.dlqId}&dlqIds=1-1`)).status).toBe(404);
    expect(await ids('')).toHaveLength(3);
    system.receiver.reply('/a', 500);
    system.receiver.reply('/b', 200);
    const { status, body } = await system.api.request('POST', `/v2/dlq/retry?dlqIds=${a.dlqId}&dlqIds=${b.dlqId}`);
    expect(status).toBe(201);
    expect(body).toEqual({
      responses: [{ messageId: expect.any(String) as string, url: a['url'] }, expect.anything()],
    });
    // The one that fails again has a new entry.
    const [first] = body['responses'] as { messageId: string }[];
    const again = await system.api.untilDead(first?.messageId ?? '');
    expect(again.dlqId).not.toBe(a.dlqId);
    expect((await system.api.request('POST', '/v2/dlq/retry?label=nobody')).body).toEqual({ responses: [] });
    expect((await system.api.request('POST', '/v2/dlq/retry?flowControlKey=k')).body['responses']).toHaveLength(1);
  });

  test('a large body is published again', async () => {
    system.receiver.reply('/large', 500, 200);
    const body = 'x'.repeat(100_000);
    const id = await system.api.publish(`${system.receiver.url}/large`, { headers: { 'Upstash-Retries': '0' }, body });
    const entry = await system.api.untilDead(id);
    await system.api.request('POST', `/v2/dlq/retry/${entry.dlqId}`);
    const received = await eventually(() => system.receiver.at('/large')[1]);
    expect(received.body.toString()).toBe(body);
  });
});

test('an entry disappears after its time', async () => {
  const short = await startSystem({
    api: { DLQ_RETENTION_SECONDS: '1' },
    dispatcher: { DLQ_RETENTION_SECONDS: '1' },
  });
  const id = await short.api.publish('http://127.0.0.1:1/', { headers: { 'Upstash-Retries': '0' } });
  const { dlqId } = await short.api.untilDead(id);
  await eventually(async () => (await short.api.deadLetters()).length === 0);
  expect((await short.api.call(`/v2/dlq/${dlqId}`)).status).toBe(404);
  await short.stop();
});
