import { createHmac, hash } from 'node:crypto';
import { startReceiver, type Receiver as TestServer } from '@posthorn/testkit';
import { writeSignature } from '@posthorn/shared';
import { Client, QstashError, QstashRatelimitError, Receiver } from './index.ts';

let server: TestServer;
let client: Client;
beforeEach(async () => {
  server = await startReceiver();
  client = new Client({ baseUrl: `${server.url}/`, token: 'token', headers: { 'X-Global': 'g' } });
});
afterEach(() => server.stop());

const answer = (path: string, body: unknown, status = 200) =>
  server.reply(path, { status, body: JSON.stringify(body) });

test('publish sends the options as headers and the body as it is', async () => {
  const path = '/v2/publish/https://a.example/x?y=1';
  answer(path, { messageId: 'msg_1', url: 'https://a.example/x?y=1' });
  const reply = await client.publish({
    url: 'https://a.example/x?y=1',
    body: 'hello',
    headers: { 'My-Header': 'm', 'Content-Type': 'text/plain', 'x-global': 'beaten' },
    method: 'PUT',
    delay: 10,
    notBefore: 1_800_000_000.4,
    retries: 0,
    retryDelay: '1000 * retried',
    timeout: '2m',
    label: ['a', 'b'],
  });
  expect(reply.messageId).toBe('msg_1');
  const [request] = server.at(path);
  expect(request?.body.toString()).toBe('hello');
  expect(request?.headers).toMatchObject({
    authorization: 'Bearer token',
    'content-type': 'text/plain',
    'upstash-forward-my-header': 'm',
    'upstash-forward-x-global': 'beaten',
    'upstash-method': 'PUT',
    'upstash-delay': '10s',
    'upstash-not-before': '1800000000',
    'upstash-retries': '0',
    'upstash-retry-delay': '1000 * retried',
    'upstash-timeout': '2m',
    'upstash-label': 'a,b',
  });
});

test('publishJSON to a group answers an array; no body stays no body', async () => {
  answer('/v2/publish/my-group', [{ messageId: 'msg_1', url: 'https://a.example' }]);
  const [first] = await client.publishJSON({ urlGroup: 'my-group', body: { n: 1 } });
  expect(first?.messageId).toBe('msg_1');
  await client.publishJSON({ urlGroup: 'my-group' });
  const [one, two] = server.at('/v2/publish/my-group');
  expect(one?.body.toString()).toBe('{"n":1}');
  expect(one?.headers).toMatchObject({ 'content-type': 'application/json', 'upstash-method': 'POST' });
  expect(two?.body).toHaveLength(0);
});

test('groups and messages use their paths', async () => {
  answer('/v2/topics', []);
  answer('/v2/messages/msg_1', { messageId: 'msg_1', topicName: 'g' });
  await client.urlGroups.addEndpoints({ name: 'g', endpoints: [{ url: 'https://a.example', name: 'a' }] });
  await client.urlGroups.removeEndpoints({ name: 'g', endpoints: [{ name: 'a' }] });
  await client.urlGroups.delete('g');
  expect(await client.urlGroups.list()).toEqual([]);
  expect(await client.messages.get('msg_1')).toMatchObject({ urlGroup: 'g' });
  expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /v2/topics/g/endpoints',
    'DELETE /v2/topics/g/endpoints',
    'DELETE /v2/topics/g',
    'GET /v2/topics',
    'GET /v2/messages/msg_1',
  ]);
  expect(server.requests[0]?.body.toString()).toBe('{"endpoints":[{"url":"https://a.example","name":"a"}]}');
});

test('an error has the status and the body of the answer; a 429 its limits', async () => {
  server.reply('/v2/topics/g', { status: 404, body: '{"error":"topic g not found"}' });
  await expect(client.urlGroups.get('g')).rejects.toMatchObject({
    status: 404,
    message: '{"error":"topic g not found"}',
  });
  server.reply('/v2/topics', { status: 429, headers: { 'Burst-RateLimit-Limit': '100' } });
  await expect(client.urlGroups.list()).rejects.toBeInstanceOf(QstashRatelimitError);
  await expect(client.urlGroups.list()).rejects.toMatchObject({ limit: '100', status: 429 });
});

test('an empty id and a destination that leaves its path are refused before any request', async () => {
  await expect(client.messages.get('')).rejects.toThrow('Message id cannot be empty');
  await expect(Promise.resolve().then(() => client.urlGroups.get(''))).rejects.toThrow(
    'Url group name cannot be empty',
  );
  await expect(client.publish({ url: '' })).rejects.toBeInstanceOf(QstashError);
  await expect(client.publish({ url: '../keys/rotate' })).rejects.toBeInstanceOf(QstashError);
  expect(server.requests).toEqual([]);
});

test('only a network failure is tried again', async () => {
  const { url } = server;
  await server.stop();
  let waits = 0;
  const impatient = new Client({ baseUrl: url, token: 't', retry: { retries: 2, backoff: () => (waits++, 1) } });
  await expect(impatient.urlGroups.list()).rejects.toThrow();
  expect(waits).toBe(2);
});

test('the receiver accepts the current and the next key and refuses everything else', async () => {
  const body = '{"a":1}';
  const sign = (key: string) =>
    writeSignature(
      {
        url: 'https://a.example',
        bodySha256Base64Url: hash('sha256', body, 'base64url'),
        jti: 'jwt_1',
        nowSeconds: Math.floor(Date.now() / 1000),
        ttlSeconds: 300,
      },
      (text) => createHmac('sha256', key).update(text).digest('base64url'),
    );
  const receiver = new Receiver({ currentSigningKey: 'sig_a', nextSigningKey: 'sig_b' });
  await expect(receiver.verify({ signature: sign('sig_a'), body, url: 'https://a.example' })).resolves.toBe(true);
  await expect(receiver.verify({ signature: sign('sig_b'), body })).resolves.toBe(true);
  await expect(receiver.verify({ signature: sign('sig_c'), body })).rejects.toThrow('invalid signature');
  await expect(receiver.verify({ signature: sign('sig_a'), body: '{}' })).rejects.toThrow('body hash does not match');
  await expect(receiver.verify({ signature: sign('sig_a'), body, url: 'https://b.example' })).rejects.toThrow(
    'invalid subject',
  );
});
