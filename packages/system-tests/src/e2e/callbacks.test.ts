import { createHash } from 'node:crypto';
import { eventually, readError, type Received } from '@posthorn/testkit';
import { jwtVerify } from 'jose';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf } = system;

const read = (request: Received | undefined) =>
  JSON.parse(request?.body.toString() ?? 'null') as Record<string, unknown>;
const base64 = (text: string) => Buffer.from(text).toString('base64');

test('every attempt is reported, failures and the success', async () => {
  system.receiver.reply('/flaky', { status: 500, body: 'boom' }, 503, {
    status: 201,
    headers: { 'X-Own': 'v' },
    body: 'fine',
  });
  const messageId = await system.api.publish(urlOf('/flaky?q=1').replace('?q=1', ''), {
    headers: { 'Upstash-Callback': urlOf('/cb/flaky?a=b'), 'Upstash-Retry-Delay': '10', 'Content-Type': 'text/x' },
    body: 'source',
  });
  await eventually(() => system.receiver.at('/cb/flaky?a=b').length === 3);
  const bodies = system.receiver
    .at('/cb/flaky?a=b')
    .map(read)
    .sort((a, b) => Number(a['retried']) - Number(b['retried']));
  expect(bodies.map(({ status, retried }) => [status, retried])).toEqual([
    [500, 0],
    [503, 1],
    [201, 2],
  ]);
  expect(bodies[0]).toMatchObject({ body: base64('boom') });
  const [last] = bodies.slice(-1);
  expect(last).toEqual({
    status: 201,
    header: expect.objectContaining({ 'X-Own': ['v'] }) as object,
    body: base64('fine'),
    retried: 2,
    maxRetries: 3,
    sourceMessageId: messageId,
    url: urlOf('/flaky'),
    method: 'POST',
    sourceHeader: { 'Content-Type': ['text/x'] },
    sourceBody: base64('source'),
    notBefore: expect.any(Number) as number,
    createdAt: expect.any(Number) as number,
    callerIP: '127.0.0.1',
  });
});

test('a callback is a signed message of its own, without callbacks of its own', async () => {
  const messageId = await system.api.publish(urlOf('/plain'), {
    headers: { 'Upstash-Callback': urlOf('/cb/plain?x=1'), 'Upstash-Forward-Secret': 's' },
  });
  const request = await system.receiver.first('/cb/plain?x=1');
  expect(request.headers['content-type']).toBe('application/json');
  expect(request.headers['secret']).toBeUndefined();
  const callbackId = String(request.headers['upstash-message-id']);
  expect(callbackId).not.toBe(messageId);
  await system.api.untilState(callbackId, 'DELIVERED');

  const keys = await system.api.read<{ current: string }>('/v2/keys');
  const { payload } = await jwtVerify(
    String(request.headers['upstash-signature']),
    new TextEncoder().encode(keys.current),
  );
  expect(payload.sub).toBe(urlOf('/cb/plain?x=1'));
  expect(String(payload['body']).replace(/=+$/, '')).toBe(
    createHash('sha256').update(request.body).digest('base64url'),
  );
  expect(request.body.toString()).toBe(JSON.stringify(read(request)));
});

test('the failure callback comes once, after the last attempt, with a dead letter that is there', async () => {
  system.receiver.reply('/doomed', { status: 500, body: 'no' });
  const dlq: (Promise<number> | undefined)[] = [];
  system.receiver.reply('/fail/doomed', (response, request) => {
    dlq.push(system.api.call(`/v2/dlq/${String(read(request)['dlqId'])}`).then(({ status }) => status));
    response.end();
  });
  const messageId = await system.api.publish(urlOf('/doomed'), {
    headers: {
      'Upstash-Failure-Callback': urlOf('/fail/doomed'),
      'Upstash-Callback': urlOf('/cb/doomed'),
      'Upstash-Retries': '1',
      'Upstash-Retry-Delay': '10',
    },
  });
  await eventually(() => system.receiver.at('/fail/doomed').length === 1);
  await eventually(() => system.receiver.at('/cb/doomed').length === 2);
  expect(await dlq[0]).toBe(200);
  expect(read(system.receiver.at('/fail/doomed')[0])).toMatchObject({
    sourceMessageId: messageId,
    status: 500,
    retried: 1,
    maxRetries: 1,
    dlqId: expect.stringMatching(/^\d+-\d+$/) as string,
  });
  expect(read(system.receiver.at('/cb/doomed')[0])).not.toHaveProperty('dlqId');
});

test('no response is status 0, with the reason as body', async () => {
  await system.api.publish('http://127.0.0.1:1/', {
    headers: { 'Upstash-Callback': urlOf('/cb/refused'), 'Upstash-Retries': '0' },
  });
  const body = read(await system.receiver.first('/cb/refused'));
  expect(body).toMatchObject({ status: 0, header: {} });
  expect(Buffer.from(String(body['body']), 'base64').toString()).toMatch(/refused/i);
});

test('a success has no failure callback', async () => {
  const headers = { 'Upstash-Failure-Callback': urlOf('/fail/ok'), 'Upstash-Callback': urlOf('/cb/ok') };
  await system.api.publish(urlOf('/ok'), { headers });
  await system.receiver.first('/cb/ok');
  expect(system.receiver.at('/fail/ok')).toEqual([]);
});

test('a group names the topic and the endpoint', async () => {
  const endpoints = [{ url: urlOf('/member'), name: 'first' }];
  await system.api.request('POST', '/v2/topics/tell/endpoints', { body: { endpoints } });
  await system.api.call('/v2/publish/tell', { method: 'POST', headers: { 'Upstash-Callback': urlOf('/cb/group') } });
  const body = read(await system.receiver.first('/cb/group'));
  expect(body).toMatchObject({ topicName: 'tell', endpointName: 'first', url: urlOf('/member') });
});

test.each([
  ['Callback', 200],
  ['Failure-Callback', 500],
])('%s has headers, method, retries and waits of its own', async (name, status) => {
  const [source, target] = [`/own-source/${name}`, `/own/${name}`];
  system.receiver.reply(source, status);
  system.receiver.reply(target, 500);
  const option = (text: string) => `Upstash-${name}${text}`;
  await system.api.publish(urlOf(source), {
    headers: {
      'Upstash-Retries': '0',
      [option('')]: urlOf(target),
      [option('-Method')]: 'PUT',
      [option('-Retries')]: '2',
      [option('-Retry-Delay')]: '20 * (retried + 1)',
      [option('-Timeout')]: '7s',
      [option('-Delay')]: '0.3s',
      [option('-Forward-X-Own')]: 'mine',
      [option('-Anything')]: 'ignored',
    },
  });
  await eventually(() => system.receiver.at(target).length === 3);
  const [source1] = system.receiver.at(source);
  const [first] = system.receiver.at(target);
  expect(first?.method).toBe('PUT');
  expect(first?.headers['x-own']).toBe('mine');
  expect((first?.at ?? 0) - (source1?.at ?? 0)).toBeGreaterThanOrEqual(290);
  const events = await eventually(async () => {
    const response = await system.api.call(`/v2/events?messageId=${String(first?.headers['upstash-message-id'])}`);
    const { events: lines } = (await response.json()) as { events: Record<string, unknown>[] };
    return lines[0]?.['state'] === 'FAILED' ? lines : undefined;
  });
  expect(events[0]).toMatchObject({ timeout: 7000, maxRetries: 2, retryDelayExpression: '20 * (retried + 1)' });
});

test('a callback that is not told otherwise is a POST with the retries of its message; one that fails is a dead letter', async () => {
  system.receiver.reply('/cb/fails', 500);
  await system.api.publish(urlOf('/fine'), {
    headers: { 'Upstash-Callback': urlOf('/cb/fails'), 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '5' },
  });
  await eventually(() => system.receiver.at('/cb/fails').length === 2);
  const id = String(system.receiver.at('/cb/fails')[0]?.headers['upstash-message-id']);
  expect(system.receiver.at('/cb/fails')[0]?.method).toBe('POST');
  await eventually(async () => {
    const messages = await system.api.deadLetters();
    return messages.some(({ messageId }) => messageId === id);
  });
});

test('large bodies on both sides are reported whole', async () => {
  const large = 'ä'.repeat(200_000);
  system.receiver.reply('/large', { status: 200, body: large });
  await system.api.publish(urlOf('/large'), { headers: { 'Upstash-Callback': urlOf('/cb/large') }, body: large });
  const body = read(await system.receiver.first('/cb/large'));
  expect(body['body']).toBe(base64(large));
  expect(body['sourceBody']).toBe(base64(large));
});

test('both URLs and their headers read back', async () => {
  const messageId = await system.api.publish(urlOf('/readback'), {
    headers: {
      'Upstash-Delay': '1h',
      'Upstash-Callback': 'https://c.example/cb?x=1&y=a%20b',
      'Upstash-Failure-Callback': 'https://c.example/fail?z',
      'Upstash-Callback-Forward-Auth': 'a',
      'Upstash-Failure-Callback-Forward-Auth': 'b',
    },
  });
  expect(await system.api.message(messageId)).toMatchObject({
    callback: 'https://c.example/cb?x=1&y=a%20b',
    failureCallback: 'https://c.example/fail?z',
    callbackHeader: { Auth: ['a'] },
    failureCallbackHeader: { Auth: ['b'] },
  });
});

test.each([
  ['Upstash-Callback', 'example.com/cb', 'invalid callback url: endpoint has invalid scheme, add http:// or https://'],
  ['Upstash-Failure-Callback', 'ftp://h', 'invalid failure callback url: endpoint has invalid scheme'],
  ['Upstash-Callback', 'http://169.254.169.254/', 'invalid callback url'],
])('%s: %s is refused', async (name, url, text) => {
  const response = await system.api.call(`/v2/publish/${urlOf('/x')}`, { method: 'POST', headers: { [name]: url } });
  expect(response.status).toBe(400);
  expect(await readError(response)).toMatch(new RegExp(`^${text}`));
});
