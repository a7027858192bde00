import { readError, testToken } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();

const publish = (target: string, headers: Record<string, string> = {}) =>
  system.api.call(`/v2/publish/${target}`, { method: 'POST', headers, body: 'x' });

test('a destination is stored exactly as it was written, without an added slash', async () => {
  const messageId = await system.api.publish('https://example.com', { headers: { 'Upstash-Delay': '1h' } });
  const message = (await system.api.message(messageId)) as { url: string };
  expect(message.url).toBe('https://example.com');
});

test.each(['/p?foo=bar&u=https://b/?q=1', '/a%20b/%C3%BC/%2F?x=%3F', '/x//y/', '/q?a=1&a=2&b'])(
  '%s arrives byte for byte',
  async (path) => {
    await system.api.publish(system.receiver.url + path);
    await system.receiver.first(path);
  },
);

test('the token in the query is taken out of the destination, the log and the message', async () => {
  const url = `${system.receiver.url}/token?qstash_token=${testToken}&a=1`;
  const response = await fetch(`${system.api.url}/v2/publish/${url}`, { method: 'POST' });
  const { messageId } = (await response.json()) as { messageId: string };
  await system.receiver.first('/token?a=1');
  const log = await (await system.api.call(`/v2/events?messageId=${messageId}`)).text();
  expect(log).not.toContain(testToken);
});

test('configuration in the query acts like headers and is taken out of the destination; a header wins', async () => {
  const url = `${system.receiver.url}/q?upstash-retries=1&a=1&Upstash-Delay=1h`;
  const messageId = await system.api.publish(url, { headers: { 'Upstash-Delay': '2h' } });
  const message = await system.api.message(messageId);
  expect(message['url']).toBe(`${system.receiver.url}/q?a=1`);
  expect(message['maxRetries']).toBe(1);
  expect(Number(message['notBefore']) - Number(message['createdAt'])).toBe(7_200_000);
});

test('a percent-encoded destination is decoded once', async () => {
  await system.api.publish(encodeURIComponent(`${system.receiver.url}/encoded?x=%20`));
  await system.receiver.first('/encoded?x=%20');
});

test.each(['ftp://example.com/', 'example.com/hook', 'api/llm', 'https:example.com', 'a b'])(
  "'%s' is refused with the text that clients know",
  async (target) => {
    const response = await publish(target);
    expect(response.status).toBe(400);
    expect(await readError(response)).toBe(
      'invalid destination url: endpoint has invalid scheme, add http:// or https://',
    );
  },
);

test('an empty destination is refused with the text that clients know', async () => {
  const response = await publish('');
  expect(response.status).toBe(400);
  expect(await readError(response)).toBe('a non-empty destination must be provided');
});

test('an unknown group is named in the error', async () => {
  const response = await publish('no-such-group');
  expect(response.status).toBe(404);
  expect(await readError(response)).toBe('topic no-such-group not found');
});

test.each(['http://169.254.169.254/latest', 'http://[fe80::1]/', 'http://0.0.0.0/', 'http://2852039166/'])(
  '%s is refused at publish even where private destinations are allowed',
  async (target) => {
    const response = await publish(target);
    expect(response.status).toBe(400);
    expect(await readError(response)).toContain('invalid destination url: endpoint resolves to');
  },
);
