import { eventually, startSystem, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ dispatcher: { STALLED_AFTER_SECONDS: '3' } });
});
afterAll(() => system.stop());

const at = (path: string) => system.receiver.url + path;
const call = async (method: string, path: string) => {
  const response = await system.api.call(path, { method });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
/** Stores a message, and then other data in its place, as another version would have written it. */
async function store(change: (data: Record<string, unknown>) => string): Promise<{ id: string; text: string }> {
  const headers = { 'Upstash-Delay': '1h', 'Upstash-Retry-Delay': '10', 'Upstash-Retries': '2' };
  const id = await system.api.publish(at('/odd'), { headers, body: 'b' });
  const [key = ''] = await system.redis.client.keys(`*:deliver:${id}`);
  const text = change(JSON.parse((await system.redis.client.hget(key, 'data')) ?? '') as Record<string, unknown>);
  await system.redis.client.hset(key, 'data', text);
  return { id, text };
}
/** Their time has come. */
async function makeDue(ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const [key = ''] = await system.redis.client.keys(`*:deliver:${id}`);
    const queue = key.slice(0, key.lastIndexOf(':'));
    await system.redis.client.multi().zadd(`${queue}:delayed`, 0, id).zadd(`${queue}:marker`, 0, '1').exec();
  }
}

const without = (name: string) => (data: Record<string, unknown>) => JSON.stringify({ ...data, [name]: undefined });
const withField = (name: string, value: unknown) => (data: Record<string, unknown>) =>
  JSON.stringify({ ...data, [name]: value });
const oddities: [string, (data: Record<string, unknown>) => string][] = [
  ['text that is no JSON', () => '{"url":'],
  ['bytes', () => '\u0000\u0001\u00ff'],
  ['null', () => 'null'],
  ['a number', () => '7'],
  ['a text', () => '"https://a.example"'],
  ['a list', () => '[]'],
  ['nothing', () => '{}'],
  ['a newer format', (data) => JSON.stringify({ version: 2, message: data })],
  ...['url', 'method', 'header', 'body', 'createdAt', 'maxRetries', 'timeoutMs'].map(
    (name) => [`no ${name}`, without(name)] as [string, (data: Record<string, unknown>) => string],
  ),
  ['a URL that is none', withField('url', 'nonsense')],
  ['headers in another form', withField('header', [['a', 'b']])],
  ['another kind of body', withField('body', { kind: 'zstd', bytes: 'x' })],
  ['a body in another form', withField('body', 'b')],
];

test('messages in a format that cannot be read go to the dead letter queue as they are, and affect no other message', async () => {
  system.receiver.reply('/odd', 500);
  const odd = await Promise.all(oddities.map(([, change]) => store(change)));
  for (const { id } of odd) {
    expect([200, 404]).toContain((await call('GET', `/v2/messages/${id}`)).status);
    expect((await call('GET', `/v2/events?messageId=${id}`)).status).toBe(200);
  }
  expect(await call('DELETE', '/v2/messages?label=nobody&host=a.example')).toMatchObject({ status: 200 });
  await makeDue(odd.map(({ id }) => id));
  const good = await Promise.all(Array.from({ length: 50 }, () => system.api.publish(at('/good'))));

  await eventually(() => system.receiver.at('/good').length === good.length);
  const dead = await eventually(async () => {
    const { messages } = (await call('GET', '/v2/dlq?count=100')).body as { messages: Record<string, unknown>[] };
    expect(messages.map(({ messageId }) => messageId).sort()).toEqual(odd.map(({ id }) => id).sort());
    return messages;
  }, 20_000);
  for (const { id, text } of odd) {
    const letter = dead.find(({ messageId }) => messageId === id);
    expect(letter).toMatchObject({ responseStatus: 0, body: text });
    const { events } = (await call('GET', `/v2/events?messageId=${id}`)).body as { events: Record<string, unknown>[] };
    expect(events[0]).toMatchObject({ state: 'FAILED', error: expect.stringContaining('cannot read') as string });
  }
  expect(await (await fetch(`${system.dispatcher.url}/metrics`)).text()).toMatch(/^posthorn_messages_in_flight 0/m);
  // Each is reported once.
  expect(system.dispatcher.output().split('attempt.broken').length - 1).toBeLessThanOrEqual(odd.length);

  // To try one again sends it nowhere.
  const before = system.receiver.requests.length;
  const [first] = dead;
  const { status, body } = await call('POST', `/v2/dlq/retry/${String(first?.['dlqId'])}`);
  expect(status).toBe(201);
  await system.api.call(`/v2/messages/${String(body['messageId'])}`, { method: 'DELETE' });
  expect(system.receiver.requests).toHaveLength(before);
});

test('a message that cannot be read is canceled like any other', async () => {
  const odd = await Promise.all(oddities.slice(0, 9).map(([, change]) => store(change)));
  const ids = odd.map(({ id }) => `messageIds=${id}`).join('&');
  expect((await call('DELETE', `/v2/messages?${ids}`)).body).toEqual({ cancelled: odd.length });
  for (const { id } of odd) expect((await call('GET', `/v2/messages/${id}`)).status).toBe(404);
});
