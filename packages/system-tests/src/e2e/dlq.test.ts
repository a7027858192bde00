import { eventually, startSystem, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

interface Entry {
  messageId: string;
  dlqId: string;
  [field: string]: unknown;
}
const list = async (query = '') =>
  (await (await system.api.call(`/v2/dlq${query}`)).json()) as { messages: Entry[]; cursor?: string };
const fail = async (path: string, headers: Record<string, string> = {}) => {
  const messageId = await system.api.publish(system.receiver.url + path, {
    headers: { 'Upstash-Retries': '0', ...headers },
    body: 'b',
  });
  return eventually(async () => (await list()).messages.find((entry) => entry.messageId === messageId));
};

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
  expect(await (await system.api.call(`/v2/dlq/${entry.dlqId}`)).json()).toEqual(entry);
});

test('a refused connection still has a status, and bytes that are no text come in base64', async () => {
  system.receiver.reply('/binary', (response) => response.writeHead(500).end(Buffer.from([0xff, 0xfe])));
  expect(await fail('/binary')).toMatchObject({ responseStatus: 500, responseBodyBase64: '//4=' });
  const messageId = await system.api.publish('http://127.0.0.1:1/', { headers: { 'Upstash-Retries': '0' } });
  const refused = await eventually(async () => (await list()).messages.find((entry) => entry.messageId === messageId));
  expect(refused).toMatchObject({ responseStatus: 0 });
});

test('cursors walk all entries once, oldest first', async () => {
  system.receiver.reply('/many', 500);
  await Promise.all(Array.from({ length: 12 }, () => fail('/many')));
  const all = (await list()).messages.map(({ dlqId }) => dlqId);
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
  const call = async (method: string, path: string, init: { headers?: Record<string, string>; body?: object } = {}) => {
    const { headers = {}, body } = init;
    const response = await system.api.call(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : undefined) as Record<string, unknown> };
  };
  const ids = async (query: string) => (await list(query)).messages.map(({ dlqId }) => dlqId);
  let a: Entry;
  let b: Entry;
  let c: Entry;
  beforeEach(async () => {
    await call('DELETE', '/v2/dlq');
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
    expect((await call('DELETE', `/v2/dlq/${a.dlqId}`)).status).toBe(200);
    expect((await call('DELETE', `/v2/dlq/${a.dlqId}`)).status).toBe(404);
  });

  test('several are removed by query, by body and by filter', async () => {
    expect((await call('DELETE', `/v2/dlq?dlqIds=${a.dlqId},1-1`)).body).toEqual({ deleted: 1 });
    expect((await call('DELETE', '/v2/dlq', { body: { dlqIds: [b.dlqId, 'x'] } })).body).toEqual({ deleted: 1 });
    expect((await call('DELETE', '/v2/dlq', { body: { dlqIds: [] } })).body).toEqual({ deleted: 0 });
    expect((await call('DELETE', '/v2/dlq?label=nobody')).body).toEqual({ deleted: 0 });
    expect(await ids('')).toEqual([c.dlqId]);
    expect((await call('DELETE', '/v2/dlq?labeel=red')).status).toBe(400);
    expect((await call('DELETE', '/v2/dlq?host=x')).status).toBe(400);
    expect((await call('DELETE', '/v2/dlq?label=red&count=1')).body).toEqual({ deleted: 1 });
  });

  test('a retry is a new message with what the old one had, and what the request says now', async () => {
    const headers = { 'Upstash-Redact-Fields': 'body', 'Upstash-Forward-X': 'v', 'Upstash-Label': 'again' };
    const entry = await fail('/a', headers);
    system.receiver.reply('/a', 200);
    const before = system.receiver.at('/a').length;
    const { status, body } = await call('POST', `/v2/dlq/retry/${entry.dlqId}`, {
      headers: { 'Upstash-Retries': '7' },
    });
    expect(status).toBe(201);
    expect(body['messageId']).not.toBe(entry.messageId);
    const received = await eventually(() => system.receiver.at('/a')[before]);
    expect(received.body.toString()).toBe('b');
    expect(received.headers).toMatchObject({ x: 'v', 'upstash-message-id': body['messageId'] });
    const message = (await call('GET', `/v2/messages/${String(body['messageId'])}`)).body;
    expect(message).toMatchObject({ maxRetries: 7, labels: ['again'] });
    expect(message['body']).toMatch(/^REDACTED:/);
    expect((await call('DELETE', `/v2/dlq/${entry.dlqId}`)).status).toBe(404);
    expect((await call('POST', `/v2/dlq/retry/${entry.dlqId}`)).status).toBe(404);
  });

  test('several are retried, all or none of those that are named', async () => {
    expect((await call('POST', `/v2/dlq/retry?dlqIds=${a.dlqId}&dlqIds=1-1`)).status).toBe(404);
    expect(await ids('')).toHaveLength(3);
    system.receiver.reply('/a', 500);
    system.receiver.reply('/b', 200);
    const { status, body } = await call('POST', `/v2/dlq/retry?dlqIds=${a.dlqId}&dlqIds=${b.dlqId}`);
    expect(status).toBe(201);
    expect(body).toEqual({
      responses: [{ messageId: expect.any(String) as string, url: a['url'] }, expect.anything()],
    });
    // The one that fails again has a new entry.
    const [first] = body['responses'] as { messageId: string }[];
    const again = await eventually(async () =>
      (await list()).messages.find((each) => each.messageId === first?.messageId),
    );
    expect(again.dlqId).not.toBe(a.dlqId);
    expect((await call('POST', '/v2/dlq/retry?label=nobody')).body).toEqual({ responses: [] });
    expect((await call('POST', '/v2/dlq/retry?flowControlKey=k')).body['responses']).toHaveLength(1);
  });

  test('a large body is published again', async () => {
    system.receiver.reply('/large', 500, 200);
    const body = 'x'.repeat(100_000);
    const id = await system.api.publish(`${system.receiver.url}/large`, { headers: { 'Upstash-Retries': '0' }, body });
    const entry = await eventually(async () => (await list()).messages.find(({ messageId }) => messageId === id));
    await call('POST', `/v2/dlq/retry/${entry.dlqId}`);
    const received = await eventually(() => system.receiver.at('/large')[1]);
    expect(received.body.toString()).toBe(body);
  });
});

test('an entry disappears after its time', async () => {
  const short = await startSystem({
    api: { DLQ_RETENTION_SECONDS: '1' },
    dispatcher: { DLQ_RETENTION_SECONDS: '1' },
  });
  const read = async () => ((await (await short.api.call('/v2/dlq')).json()) as { messages: Entry[] }).messages;
  await short.api.publish('http://127.0.0.1:1/', { headers: { 'Upstash-Retries': '0' } });
  const [entry] = await eventually(async () => {
    const messages = await read();
    return messages.length > 0 ? messages : undefined;
  });
  await eventually(async () => (await read()).length === 0);
  expect((await short.api.call(`/v2/dlq/${entry?.dlqId ?? ''}`)).status).toBe(404);
  await short.stop();
});
