import { createHash } from 'node:crypto';
import { eventually, readError } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf } = system;

const mark = (text: string) => `REDACTED:${createHash('sha256').update(text).digest('hex')}`;
type Fields = Record<string, unknown>;

test('the vectors of the contract', () => {
  expect(mark('{"hello":"world"}')).toBe('REDACTED:93a23971a914e5eacbf0a8d25154cda309c3c1c72fbb9914d47c60f3cb681588');
  expect(mark('Bearer s3cret')).toBe('REDACTED:0c9ae6066b41d3711dea4667cfcc513f60cfe047fb1bf4056ca7d1a8d089cf5a');
});

test.each([
  ['a small body', 'secret'],
  ['a large body', 'secret'.repeat(10_000)],
])('%s and one header are shown as hashes everywhere, and delivered as they are', async (name, body) => {
  const path = `/${name.replaceAll(' ', '-')}`;
  system.receiver.reply(path, 500);
  const id = await system.api.publish(urlOf(path), {
    headers: {
      'Upstash-Redact-Fields': 'body, header[authorization]',
      'Upstash-Forward-Authorization': 'Bearer s3cret',
      'Upstash-Forward-Other': 'shown',
      'Upstash-Retries': '0',
      'Upstash-Callback': urlOf(`/cb${path}`),
    },
    body,
  });
  const shown = { Authorization: [mark('Bearer s3cret')], Other: ['shown'] };
  const received = await system.receiver.first(path);
  expect(received.headers.authorization).toBe('Bearer s3cret');
  expect(received.body.toString()).toBe(body);

  const entry = await eventually(async () =>
    ((await system.api.read('/v2/dlq'))['messages'] as Fields[]).find((each) => each['messageId'] === id),
  );
  expect(entry).toMatchObject({ body: mark(body), header: shown });
  expect(await system.api.read(`/v2/dlq/${String(entry['dlqId'])}`)).toMatchObject({ body: mark(body), header: shown });
  expect(await system.api.read(`/v2/messages/${id}`)).toMatchObject({ body: mark(body), header: shown });
  const events = (await system.api.read(`/v2/events?messageId=${id}`))['events'] as Fields[];
  expect(events).toHaveLength(4);
  for (const event of events) expect(event).toMatchObject({ body: mark(body), header: shown });

  const callback = await system.receiver.first(`/cb${path}`);
  expect(JSON.parse(callback.body.toString())).toMatchObject({ sourceBody: Buffer.from(body).toString('base64') });
});

test.each(['header', 'headers'])(
  '%s covers every header, callbacks included; an empty body stays absent',
  async (field) => {
    const id = await system.api.publish(urlOf('/all'), {
      headers: {
        'Upstash-Delay': '1h',
        'Upstash-Redact-Fields': `${field}, body`,
        'Upstash-Forward-A': 'x',
        'Content-Type': 'a/b',
        'Upstash-Callback': urlOf('/cb'),
        'Upstash-Callback-Forward-B': 'y',
      },
    });
    const message = await system.api.read(`/v2/messages/${id}`);
    expect(message).toMatchObject({
      header: { A: [mark('x')], 'Content-Type': [mark('a/b')] },
      callbackHeader: { B: [mark('y')] },
    });
    expect(message).not.toHaveProperty('body');
  },
);

test('the originals decide about equal content', async () => {
  const headers = {
    'Upstash-Delay': '1h',
    'Upstash-Content-Based-Deduplication': 'true',
    'Upstash-Redact-Fields': 'body',
  };
  const publish = (body: string) => system.api.publish(urlOf('/content'), { headers, body });
  const first = await publish('a');
  expect(await publish('b')).not.toBe(first);
  expect(await publish('a')).toBe(first);
});

test('an unknown field is refused by name', async () => {
  const headers = { 'Upstash-Redact-Fields': 'body,url' };
  const response = await system.api.call(`/v2/publish/${urlOf('/x')}`, { method: 'POST', headers });
  expect(response.status).toBe(400);
  expect(await readError(response)).toMatch(/Upstash-Redact-Fields.*body, header/);
});
