import { eventually } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();

const deliver = async (path: string, init: { headers?: Record<string, string>; body?: string } = {}) => {
  const messageId = await system.api.publish(system.receiver.url + path, init);
  const received = await system.receiver.first(path);
  return { messageId, received };
};

test('a delivery carries the headers of the contract and the publisher`s own', async () => {
  const { messageId, received } = await deliver('/headers', {
    headers: { 'Content-Type': 'application/json', 'Upstash-Forward-My-Header': 'my-value' },
    body: '{"n":1}',
  });
  expect(received.method).toBe('POST');
  expect(received.headers).toMatchObject({
    'user-agent': 'Upstash-QStash',
    'upstash-message-id': messageId,
    'upstash-retried': '0',
    'upstash-signature': expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as string,
    'upstash-caller-ip': '127.0.0.1',
    'content-type': 'application/json',
    'my-header': 'my-value',
  });
});

test('the token and the configuration stay here; a forwarded authorization arrives', async () => {
  const { received } = await deliver('/authorization', {
    headers: {
      'Upstash-Forward-Authorization': 'Bearer theirs',
      'Upstash-Retries': '1',
      'Upstash-Telemetry-Sdk': 'x',
      'X-Not-Forwarded': '1',
    },
  });
  expect(received.headers.authorization).toBe('Bearer theirs');
  const names = Object.keys(received.headers);
  expect(names).not.toContain('upstash-retries');
  expect(names).not.toContain('upstash-telemetry-sdk');
  expect(names).not.toContain('x-not-forwarded');
});

test('a publisher cannot forge the headers of posthorn or of the connection', async () => {
  const { messageId, received } = await deliver('/forged', {
    headers: {
      'Upstash-Forward-Upstash-Signature': 'forged',
      'Upstash-Forward-Upstash-Message-Id': 'forged',
      'Upstash-Forward-Host': 'evil.example',
      'Upstash-Forward-Transfer-Encoding': 'chunked',
      'Upstash-Forward-Content-Length': '9999',
    },
    body: 'x',
  });
  expect(received.headers['upstash-signature']).not.toContain('forged');
  expect(received.headers['upstash-message-id']).toBe(messageId);
  expect(received.headers.host).toBe(new URL(system.receiver.url).host);
  expect(received.headers['content-length']).toBe('1');
});

test('with Upstash-Header-Forward other headers go along, but not the token', async () => {
  const { received } = await deliver('/all', { headers: { 'Upstash-Header-Forward': 'true', 'X-Custom': 'yes' } });
  expect(received.headers['x-custom']).toBe('yes');
  expect(received.headers.authorization).toBeUndefined();
});

test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'put'])(
  'the method %s is used, and the body goes along',
  async (method) => {
    const { received } = await deliver(`/method/${method}`, { headers: { 'Upstash-Method': method }, body: 'body' });
    expect(received.method).toBe(method.toUpperCase());
    expect(received.body.toString()).toBe('body');
  },
);

test.each([200, 204, 299])('status %i is a success', async (status) => {
  system.receiver.reply(`/status/${status}`, status);
  const { messageId } = await deliver(`/status/${status}`, { headers: { 'Upstash-Retries': '0' } });
  await system.api.untilState(messageId, 'DELIVERED');
  expect(await system.api.states(messageId)).toEqual(['CREATED', 'ACTIVE', 'DELIVERED']);
});

test.each([302, 404, 500])('status %i is a failure, and a redirect is not followed', async (status) => {
  system.receiver.reply(`/status/${status}`, { status, headers: { Location: '/followed' } });
  const { messageId } = await deliver(`/status/${status}`, { headers: { 'Upstash-Retries': '0' } });
  await system.api.untilState(messageId, 'FAILED');
  expect(await system.api.states(messageId)).toEqual(['CREATED', 'ACTIVE', 'ERROR', 'FAILED']);
  expect(system.receiver.at('/followed')).toEqual([]);
});

test('an attempt that takes longer than its timeout fails', async () => {
  system.receiver.reply('/slow', { status: 200, afterMs: 60_000 });
  const { messageId, received } = await deliver('/slow', {
    headers: { 'Upstash-Timeout': '1s', 'Upstash-Retries': '0' },
  });
  await system.api.untilState(messageId, 'FAILED');
  expect(await system.api.untilDead(messageId)).toMatchObject({ responseStatus: 0 });
  // Its destination would answer after a minute.
  expect(Date.now() - received.at).toBeLessThan(30_000);
});

test('a message to a host that hangs delays no other', async () => {
  const hanging = Array.from({ length: 300 }, (_, n) => `/hanging/${n}`);
  for (const path of hanging) system.receiver.reply(path, () => undefined);
  await Promise.all(hanging.map((path) => system.api.publish(system.receiver.url + path)));
  await eventually(() => system.receiver.requests.filter(({ path }) => path.startsWith('/hanging/')).length >= 100);

  const other = system.receiver.url.replace('127.0.0.1', 'localhost');
  const paths = Array.from({ length: 20 }, (_, n) => `/other/${n}`);
  await Promise.all(paths.map((path) => system.api.publish(other + path)));
  await eventually(() => paths.every((path) => system.receiver.at(path).length === 1));
});
