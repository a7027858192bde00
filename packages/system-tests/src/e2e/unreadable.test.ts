import { eventually } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem({ dispatcher: { STALLED_AFTER_SECONDS: '3' } });
const { urlOf } = system;

/** A message as an earlier version stored it: with all fields, and the options of its job beside it. */
const createEarlier = (path: string): Record<string, unknown> => ({
  url: urlOf(path),
  method: 'POST',
  header: {},
  body: { kind: 'text', text: 'b' },
  createdAt: Date.now(),
  notBefore: Date.now() + 3_600_000,
  maxRetries: 2,
  timeoutMs: 10_000,
  callerIp: '127.0.0.1',
  retryDelayExpression: '10',
});
const earlierOptions = { backoff: { type: 'posthorn' }, removeOnComplete: true, removeOnFail: true, attempts: 3 };

/** Stores a message, and then other data in its place, as another version would have written it. */
async function store(text: string, fields = {}): Promise<{ id: string; text: string }> {
  const id = await system.api.publish(urlOf('/odd'), { headers: { 'Upstash-Delay': '1h' }, body: 'b' });
  const [key = ''] = await system.redis.client.keys(`*:deliver:${id}`);
  await system.redis.client.hset(key, { data: text, ...fields });
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

const without = (name: string) => () => JSON.stringify({ ...createEarlier('/odd'), [name]: undefined });
const withField = (name: string, value: unknown) => () => JSON.stringify({ ...createEarlier('/odd'), [name]: value });
const oddities: [string, () => string][] = [
  ['text that is no JSON', () => '{"url":'],
  ['bytes', () => '\u0000\u0001\u00ff'],
  ['null', () => 'null'],
  ['a number', () => '7'],
  ['a text', () => '"https://a.example"'],
  ['a list', () => '[]'],
  ['nothing', () => '{}'],
  ['a newer format', () => JSON.stringify({ version: 2, message: createEarlier('/odd') })],
  ['a list of the wrong thing', () => JSON.stringify([[createEarlier('/odd')]])],
  ['a message without its creation', () => JSON.stringify([{ url: urlOf('/odd'), body: 'b', callerIp: '::1' }])],
  ...['url', 'method', 'header', 'body', 'createdAt', 'maxRetries', 'timeoutMs'].map((name): [string, () => string] => [
    `no ${name}`,
    without(name),
  ]),
  ['a URL that is none', withField('url', 'nonsense')],
  ['headers in another form', withField('header', [['a', 'b']])],
  ['another kind of body', withField('body', { kind: 'zstd', bytes: 'x' })],
  ['a body in another form', withField('body', 'b')],
];

test('messages in a format that cannot be read go to the dead letter queue as they are, and affect no other message', async () => {
  system.receiver.reply('/odd', 500);
  const odd = await Promise.all(oddities.map(([, format]) => store(format())));
  for (const { id } of odd) {
    expect([200, 404]).toContain((await system.api.request('GET', `/v2/messages/${id}`)).status);
    expect((await system.api.request('GET', `/v2/events?messageId=${id}`)).status).toBe(200);
  }
  expect(await system.api.request('DELETE', '/v2/messages?label=nobody&host=a.example')).toMatchObject({ status: 200 });
  await makeDue(odd.map(({ id }) => id));
  const good = await Promise.all(Array.from({ length: 50 }, () => system.api.publish(urlOf('/good'))));

  await eventually(() => system.receiver.at('/good').length === good.length);
  const dead = await eventually(async () => {
    const messages = await system.api.deadLetters('?count=100');
    expect(messages.map(({ messageId }) => messageId).sort()).toEqual(odd.map(({ id }) => id).sort());
    return messages;
  });
  for (const { id, text } of odd) {
    const letter = dead.find(({ messageId }) => messageId === id);
    expect(letter).toMatchObject({ responseStatus: 0, body: text });
    const events = await system.api.events(id);
    expect(events[0]).toMatchObject({ state: 'FAILED', error: expect.stringContaining('cannot read') as string });
  }
  expect(await system.dispatcher.metrics()).toMatch(/^posthorn_messages_in_flight 0/m);
  // Each is reported once.
  expect(system.dispatcher.output().split('attempt.broken').length - 1).toBeLessThanOrEqual(odd.length);

  // To try one again sends it nowhere.
  const before = system.receiver.requests.length;
  const [first] = dead;
  const { status, body } = await system.api.request('POST', `/v2/dlq/retry/${String(first?.dlqId)}`);
  expect(status).toBe(201);
  await system.api.request('DELETE', `/v2/messages/${String(body['messageId'])}`);
  expect(system.receiver.requests).toHaveLength(before);
});

test('a message that cannot be read is canceled like any other', async () => {
  const odd = await Promise.all(oddities.slice(0, 9).map(([, format]) => store(format())));
  const ids = odd.map(({ id }) => `messageIds=${id}`).join('&');
  expect((await system.api.request('DELETE', `/v2/messages?${ids}`)).body).toEqual({ cancelled: odd.length });
  for (const { id } of odd) expect((await system.api.request('GET', `/v2/messages/${id}`)).status).toBe(404);
});

test('messages that an earlier version stored are tried as often as they say, and delivered or set aside', async () => {
  const storeEarlier = (path: string) =>
    store(JSON.stringify(createEarlier(path)), { opts: JSON.stringify(earlierOptions), name: 'm', priority: '0' });
  system.receiver.reply('/fails', 500);
  const [delivered, failed] = await Promise.all([storeEarlier('/arrives'), storeEarlier('/fails')]);
  expect((await system.api.request('GET', `/v2/messages/${delivered.id}`)).body).toMatchObject({
    url: urlOf('/arrives'),
    maxRetries: 2,
  });
  await makeDue([delivered.id, failed.id]);
  await eventually(async () => {
    const { messages } = (await system.api.request('GET', `/v2/dlq?messageId=${failed.id}`)).body as {
      messages: unknown[];
    };
    return messages.length === 1;
  });
  expect(system.receiver.at('/arrives')).toMatchObject([
    { body: Buffer.from('b'), headers: { 'upstash-retried': '0' } },
  ]);
  expect(system.receiver.at('/fails').map(({ headers }) => headers['upstash-retried'])).toEqual(['0', '1', '2']);
  expect(await system.redis.client.keys(`*:deliver:${failed.id}*`)).toEqual([]);
});
