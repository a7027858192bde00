// What a text becomes on its way: in headers, queries, batches, views, filters, callbacks and at the destination.
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { eventually, testToken, type Received } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem({ api: { TRUST_PROXY: '127.0.0.1', QSTASH_READONLY_TOKEN: 'only-reads' } });
const { urlOf } = system;

type Fields = Record<string, unknown>;
const json = async (path: string, init?: Parameters<typeof system.api.call>[1]) =>
  (await (await system.api.call(path, init)).json()) as Fields;
/** The text as fetch wants its bytes. */
const bytesOf = (text: string) => Buffer.from(text).toString('latin1');
const hexOf = (received: Received, name: string) =>
  Buffer.from(String(received.headers[name]), 'latin1').toString('hex');

test('a label and a flow-control key in UTF-8 are shown, found, counted and cancelled by their text', async () => {
  const id = await system.api.publish(urlOf('/label'), {
    headers: {
      'Upstash-Delay': '1h',
      'Upstash-Label': bytesOf('zoë'),
      'Upstash-Flow-Control-Key': bytesOf('kunde-müller'),
      'Upstash-Flow-Control-Value': 'rate=1',
    },
  });
  expect(await json(`/v2/messages/${id}`)).toMatchObject({ labels: ['zoë'], flowControlKey: 'kunde-müller' });
  expect((await json('/v2/events?label=zo%C3%AB'))['events']).toHaveLength(1);
  expect((await system.api.call('/v2/flowControl/kunde-m%C3%BCller')).status).toBe(200);
  expect(await json('/v2/messages?label=zo%C3%AB', { method: 'DELETE' })).toEqual({ cancelled: 1 });
});

test.each(['Zoë', '日本', '😀'])(
  'the header %s reaches the destination as the same bytes on all ways',
  async (text) => {
    const name = 'Upstash-Forward-X-Name';
    const hex = Buffer.from(text).toString('hex');
    const group = `texts-${hex}`;
    const endpoints = { endpoints: [{ url: urlOf(`/${hex}/group`) }] };
    await system.api.request('POST', `/v2/topics/${group}/endpoints`, { body: endpoints });
    const defaults = { headers: { [name]: text } };
    await system.api.request('PATCH', `/v2/topics/${group}`, { body: defaults });

    await system.api.publish(urlOf(`/${hex}/header`), { headers: { [name]: bytesOf(text) } });
    await system.api.publish(urlOf(`/${hex}/query?${name.toLowerCase()}=${encodeURIComponent(text)}`));
    const items = [{ destination: urlOf(`/${hex}/batch`), headers: { [name]: text } }];
    expect((await system.api.request('POST', '/v2/batch', { body: items })).status).toBe(200);
    expect((await system.api.call(`/v2/publish/${group}`, { method: 'POST' })).status).toBe(200);
    for (const way of ['header', 'query', 'batch', 'group']) {
      expect([way, hexOf(await system.receiver.first(`/${hex}/${way}`), 'x-name')]).toEqual([way, hex]);
    }
  },
);

test('callbacks, answers and hashes of redaction mean the text', async () => {
  system.receiver.reply('/tells', { status: 200, headers: { 'X-Answer': bytesOf('Zoë') } });
  const id = await system.api.publish(urlOf('/tells'), {
    headers: {
      'Upstash-Forward-X-Name': bytesOf('Zoë'),
      'Upstash-Callback': urlOf('/told'),
      'Upstash-Callback-Forward-X-Name': bytesOf('Zoë'),
      'Upstash-Redact-Fields': 'header[X-Name]',
    },
  });
  const callback = await system.receiver.first('/told');
  expect(hexOf(callback, 'x-name')).toBe('5a6fc3ab');
  expect(JSON.parse(callback.body.toString())).toMatchObject({
    sourceHeader: { 'X-Name': ['Zoë'] },
    header: { 'X-Answer': ['Zoë'] },
  });
  const hash = createHash('sha256').update('Zoë').digest('hex');
  expect(hash.startsWith('c6a12698')).toBe(true);
  const [event] = (await json(`/v2/events?messageId=${id}`))['events'] as Fields[];
  expect(event).toMatchObject({ header: { 'X-Name': [`REDACTED:${hash}`] } });
});

test('a URL with letters, a blank and a fragment is shown, signed and sent as one text on all ways', async () => {
  const text = urlOf('/größe a#frag');
  const url = urlOf('/gr%C3%B6%C3%9Fe%20a');
  const items = [{ destination: text, headers: { 'Upstash-Callback': text } }];
  const response = await system.api.call('/v2/batch', { method: 'POST', body: JSON.stringify(items) });
  expect(await response.json()).toEqual([{ messageId: expect.any(String) as string, url }]);
  const deliveries = await eventually(() => {
    const both = system.receiver.at('/gr%C3%B6%C3%9Fe%20a');
    return both.length === 2 ? both : undefined;
  });
  for (const { headers } of deliveries) {
    const [, claims = ''] = String(headers['upstash-signature']).split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ sub: url });
  }
  expect((await json(`/v2/events?url=${encodeURIComponent(text)}&state=CREATED`))['events']).toHaveLength(2);
});

test.each([
  ['password', 'user:pa55word', 'user:***', 'user:pa55word'],
  ['user without a password', 'pa55word', '***', 'pa55word:'],
  ['user with an empty password', 'pa55word:', '***', 'pa55word:'],
])('a %s in a URL is shown nowhere, and delivery and retry keep it', async (_name, userinfo, shownAs, sent) => {
  const path = `/secret-${userinfo.length}`;
  const secret = urlOf(path).replace('//', `//${userinfo}@`);
  system.receiver.reply(path, 500, 200);
  const published = await json(`/v2/publish/${secret}`, {
    method: 'POST',
    headers: {
      'Upstash-Retries': '0',
      'Upstash-Failure-Callback': urlOf(`${path}-callback`).replace('//', `//${userinfo}@`),
    },
  });
  expect(published['url']).toBe(secret.replace(`${userinfo}@`, `${shownAs}@`));
  const callback = await system.receiver.first(`${path}-callback`);
  await system.api.addEndpoints('secret', secret);
  const { messages } = (await json(`/v2/dlq?url=${encodeURIComponent(secret)}`)) as { messages: { dlqId: string }[] };
  const reads = await Promise.all(
    ['/v2/events', '/v2/logs', '/v2/dlq', '/v2/topics', `/v2/messages/${String(published['messageId'])}`].map(
      async (read) => (await system.api.call(read, { headers: { Authorization: 'Bearer only-reads' } })).text(),
    ),
  );
  for (const shown of [callback.body.toString(), ...reads]) {
    expect(shown).toContain(`//${shownAs}@`);
    expect(shown).not.toContain('pa55word');
  }
  expect((await json(`/v2/events?url=${encodeURIComponent(secret)}&state=FAILED`))['events']).toHaveLength(1);

  const retry = await system.api.call(`/v2/dlq/retry/${messages[0]?.dlqId ?? ''}`, { method: 'POST' });
  expect(await retry.text()).not.toContain('pa55word');
  const deliveries = await eventually(() =>
    system.receiver.at(path).length === 2 ? system.receiver.at(path) : undefined,
  );
  for (const { headers } of deliveries) {
    expect(headers.authorization).toBe(`Basic ${Buffer.from(sent).toString('base64')}`);
  }
});

test('a header that is not known is accepted with a warning, on all ways', async () => {
  const warning = 'Upstash-Retry is not known and was ignored; did you mean Upstash-Retries?';
  const headers = { 'Upstash-Retry': '5' };
  const published = await system.api.call(`/v2/publish/${urlOf('/warned')}`, { method: 'POST', headers });
  expect(published.status).toBe(200);
  expect(published.headers.get('posthorn-warning')).toMatch(/^upstash-retry is not known.*Upstash-Retries\?$/i);
  const items = [{ destination: urlOf('/warned'), headers }];
  const batch = await system.api.call('/v2/batch', { method: 'POST', body: JSON.stringify(items) });
  expect(batch.headers.get('posthorn-warning')).toBe(warning);
  expect(system.api.output()).toContain('request.doubtful');
  expect(
    (await system.api.call(`/v2/publish/${urlOf('/not-warned')}`, { method: 'POST' })).headers.has('posthorn-warning'),
  ).toBe(false);
  expect((await system.api.call('/v2/logs?lable=a')).headers.get('posthorn-warning')).toContain('did you mean label?');
});

test('JSON in a batch item is sent as JSON, whatever the type of the request', async () => {
  const items = [
    { destination: urlOf('/json/object'), body: { a: 1 } },
    { destination: urlOf('/json/list'), body: [1] },
    { destination: urlOf('/json/named'), body: { a: 1 }, headers: { 'content-type': 'application/ld+json' } },
    { destination: urlOf('/json/forwarded'), body: { a: 1 }, headers: { 'Upstash-Forward-Content-Type': 'a/b' } },
    { destination: urlOf('/json/text'), body: '{"a":1}' },
  ];
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  await system.api.call('/v2/batch', { method: 'POST', headers, body: JSON.stringify(items) });
  const types = await Promise.all(
    items.map(
      async ({ destination }) => (await system.receiver.first(new URL(destination).pathname)).headers['content-type'],
    ),
  );
  expect(types).toEqual(['application/json', 'application/json', 'application/ld+json', 'a/b', undefined]);
});

test('the caller is an address without a port, and is found by it', async () => {
  const headers = { 'X-Forwarded-For': '203.0.113.7:51234' };
  const id = await system.api.publish(urlOf('/caller'), { headers });
  expect(await json(`/v2/messages/${id}`)).toMatchObject({ callerIP: '203.0.113.7' });
  expect((await json('/v2/events?callerIp=203.0.113.7&state=CREATED'))['events']).toHaveLength(1);
  const unknown = await system.api.publish(urlOf('/caller'), { headers: { 'X-Forwarded-For': '<script>' } });
  expect(await json(`/v2/messages/${unknown}`)).toMatchObject({ callerIP: '127.0.0.1' });
});

test('a client that closes its sending side after a publish gets the id of the message', async () => {
  const socket = connect({ port: Number(new URL(system.api.url).port), host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  socket.end(
    `POST /v2/publish/${urlOf('/half')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${testToken}\r\nContent-Length: 2\r\n\r\nhi`,
  );
  await new Promise((resolve) => socket.on('end', resolve));
  socket.destroy();
  expect(answer).toMatch(/^HTTP\/1\.1 200 .*"messageId":"msg_/s);
  expect((await system.receiver.first('/half')).body.toString()).toBe('hi');
});
