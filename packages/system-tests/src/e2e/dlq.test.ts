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

test('a message that finally failed is there once, with the last answer', async () => {
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

test.each(['?count=0', '?count=x', '?cursor=x'])('%s answers 400', async (query) => {
  expect((await system.api.call(`/v2/dlq${query}`)).status).toBe(400);
});
