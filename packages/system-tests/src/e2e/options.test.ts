import { readError } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf } = system;

test('options and forwarded headers may come by query; a real header wins', async () => {
  const query =
    'upstash-retries=1&a=%20b&Upstash-Delay=2h&upstash-forward-x-trace=t&upstash-label=l&upstash-method=PUT';
  const id = await system.api.publish(`${urlOf('/q')}?${query}&b`, { headers: { 'Upstash-Delay': '1h' } });
  const message = await system.api.message(id);
  expect(message).toMatchObject({ url: `${urlOf('/q')}?a=%20b&b`, maxRetries: 1, method: 'PUT', labels: ['l'] });
  expect(message['header']).toEqual({ 'X-Trace': ['t'] });
  expect(Number(message['notBefore']) - Number(message['createdAt'])).toBe(3_600_000);
});

test('all headers are forwarded when that is asked for, by header or by query', async () => {
  const headers = { 'X-Own': 'v', Cookie: 'c=1' };
  await system.api.publish(urlOf('/all'), { headers: { ...headers, 'Upstash-Header-Forward': 'true' } });
  await system.api.publish(`${urlOf('/all-query')}?upstash-header-forward=true`, { headers });
  await system.api.publish(urlOf('/none'), { headers });
  const [all, byQuery, none] = await Promise.all(
    ['/all', '/all-query', '/none'].map((path) => system.receiver.first(path)),
  );
  for (const received of [all, byQuery]) {
    expect(received?.headers).toMatchObject({ 'x-own': 'v', cookie: 'c=1' });
    expect(received?.headers.authorization).toBeUndefined();
  }
  expect(none?.headers['x-own']).toBeUndefined();
});

test('the signature and other headers of posthorn cannot be forged', async () => {
  const id = await system.api.publish(urlOf('/forged'), {
    headers: {
      'Upstash-Forward-Upstash-Signature': 'forged',
      'Upstash-Forward-Upstash-Message-Id': 'forged',
      'Upstash-Forward-Upstash-Retried': '99',
    },
  });
  const { headers } = await system.receiver.first('/forged');
  expect(headers).toMatchObject({ 'upstash-message-id': id, 'upstash-retried': '0' });
  expect(headers['upstash-signature']).toMatch(/^ey/);
});

test.each([
  ['rate=4,period=2s', { rate: 4, period: 2 }, 'parallelism'],
  ['parallelism=5', { parallelism: 5, period: 1 }, 'rate'],
  ['parallelism=20, rate=10, period=1h30m3s', { parallelism: 20, rate: 10, period: 5403 }, undefined],
  ['rate=1,period=1d', { rate: 1, period: 86_400 }, 'parallelism'],
])('flow control %s reads back', async (value, fields, absent) => {
  const headers = { 'Upstash-Delay': '1h', 'Upstash-Flow-Control-Key': 'key', 'Upstash-Flow-Control-Value': value };
  const message = await system.api.message(await system.api.publish(urlOf('/flow'), { headers }));
  expect(message).toMatchObject({ flowControlKey: 'key', ...fields });
  if (absent) expect(message).not.toHaveProperty(absent);
});

test('labels and the retry expression read back', async () => {
  const headers = {
    'Upstash-Delay': '1h',
    'Upstash-Label': ' a, ,b ',
    'Upstash-Retry-Delay': 'pow(2, retried) * 1000',
  };
  expect(await system.api.message(await system.api.publish(urlOf('/l'), { headers }))).toMatchObject({
    label: 'a',
    labels: ['a', 'b'],
    retryDelayExpression: 'pow(2, retried) * 1000',
  });
});

const options: [name: string, wrong: string, allowed: RegExp][] = [
  ['Method', 'TRACE', /GET, POST/],
  ['Delay', '1 h', /10s, 5m/],
  ['Not-Before', '2026-01-01', /seconds since 1970/],
  ['Retries', '1.5', /whole number/],
  ['Retry-Delay', 'retried **2', /not allowed/],
  ['Timeout', '0', /above zero/],
  ['Header-Forward', 'yes', /true or false/],
  ['Deduplication-Id', 'a:b', /cannot contain/],
  ['Content-Based-Deduplication', '1', /true or false/],
  ['Redact-Fields', 'secret', /body, header/],
  ['Flow-Control-Value', 'rate=0', /rate=X or parallelism=Y/],
  ['Flow-Control-Value', 'rate=1', /Upstash-Flow-Control-Key/],
  ['Flow-Control-Key', 'lonely', /Upstash-Flow-Control-Value/],
  ['Label', Array.from({ length: 21 }, (_, n) => n).join(), /at most 20 labels/],
  ...['Callback', 'Failure-Callback'].flatMap((kind): [string, string, RegExp][] => [
    [kind, '/relative', /add http:\/\/ or https:\/\//],
    [`${kind}-Method`, 'HEAD', /GET, POST/],
    [`${kind}-Delay`, 'soon', /10s, 5m/],
    [`${kind}-Retries`, '-1', /whole number/],
    [`${kind}-Retry-Delay`, 'x', /not allowed/],
    [`${kind}-Timeout`, '0s', /above zero/],
    [`${kind}-Flow-Control-Value`, 'burst=3', /rate=X or parallelism=Y/],
    [`${kind}-Flow-Control-Key`, 'lonely', /Flow-Control-Value/],
  ]),
  ['Queue-Name', 'a b', /letters, digits/],
  ['Schedule-Id', 'a b', /letters, digits/],
];
test.each(options)('Upstash-%s: %s is refused with the name and what is allowed', async (name, wrong, allowed) => {
  for (const byQuery of [false, true]) {
    const destination = byQuery ? `${urlOf('/x')}?upstash-${name}=${encodeURIComponent(wrong)}` : urlOf('/x');
    const headers: Record<string, string> = byQuery ? {} : { [`Upstash-${name}`]: wrong };
    const response = await system.api.call(`/v2/publish/${destination}`, { method: 'POST', headers });
    expect(response.status).toBe(400);
    const error = await readError(response);
    // Clients know the texts about these, which have the name in another form.
    const inWords: Record<string, string> = {
      'Deduplication-Id': 'deduplicationid',
      Callback: 'callback url',
      'Failure-Callback': 'failure callback url',
    };
    const shown = inWords[name] ?? `upstash-${name.toLowerCase()}`;
    expect(error.toLowerCase()).toContain(shown);
    expect(error).toMatch(allowed);
  }
});

test.each(['Callback-Retries', 'Failure-Callback-Retries', 'Callback-Delay', 'Failure-Callback-Delay'])(
  'Upstash-%s beyond its limit is 412',
  async (name) => {
    const kind = name.replace(/-(Retries|Delay)$/, '');
    const headers = { [`Upstash-${kind}`]: urlOf('/cb'), [`Upstash-${name}`]: name.endsWith('Delay') ? '366d' : '21' };
    const response = await system.api.call(`/v2/publish/${urlOf('/x')}`, { method: 'POST', headers });
    expect(response.status).toBe(412);
    expect(await readError(response)).toContain(`Upstash-${name}`);
  },
);

describe('default headers of a group', () => {
  const change = (method: string, path: string, body: object) =>
    system.api.call(`/v2/topics/${path}`, { method, body: JSON.stringify(body) });
  const publish = async (headers: Record<string, string> = {}) => {
    const response = await system.api.call('/v2/publish/defaults', { method: 'POST', headers });
    const [item] = (await response.json()) as { messageId: string }[];
    return system.api.message(item?.messageId ?? '');
  };
  beforeAll(() => change('POST', 'defaults/endpoints', { endpoints: [{ url: urlOf('/default') }] }));

  test('apply to later publishes, and the request wins', async () => {
    const headers = {
      'Upstash-Retries': '7',
      'Upstash-Delay': ['1h'],
      'Upstash-Header-Forward': ['true'],
      'Upstash-Forward-Who': 'group',
      'Upstash-Label': ['a', 'b'],
      'Upstash-Redact-Fields': ['header[Secret]', 'body'],
      'Upstash-Forward-Secret': 'x',
    };
    expect((await change('PATCH', 'defaults', { headers })).status).toBe(200);
    const message = await publish({ 'X-Own': 'v' });
    expect(message).toMatchObject({ maxRetries: 7, header: { Who: ['group'], 'X-Own': ['v'] }, labels: ['a', 'b'] });
    expect(message).toMatchObject({ header: { Secret: [expect.stringMatching(/^REDACTED:/)] } });
    const own = await publish({ 'upstash-retries': '2', 'upstash-forward-who': 'request' });
    expect(own).toMatchObject({ maxRetries: 2, header: { Who: ['request'] } });
    const item = [{ destination: 'defaults', headers: { 'Upstash-Retries': '5' } }];
    const batch = await system.api.call('/v2/batch', { method: 'POST', body: JSON.stringify(item) });
    const [[first]] = (await batch.json()) as [{ messageId: string }[]];
    expect(await system.api.message(first?.messageId ?? '')).toMatchObject({
      maxRetries: 5,
      header: { Who: ['group'] },
    });
  });

  test('survive a new endpoint and are shown; an empty set takes them away', async () => {
    await change('PATCH', 'defaults', { headers: { 'Upstash-Retries': '6', 'Upstash-Delay': '1h' } });
    await change('POST', 'defaults/endpoints', { endpoints: [{ url: urlOf('/default-2') }] });
    const group = await system.api.read<object>('/v2/topics/defaults');
    expect(group).toMatchObject({ headers: { 'Upstash-Retries': ['6'], 'Upstash-Delay': ['1h'] } });
    await change('PATCH', 'defaults', { headers: {} });
    expect(await system.api.read('/v2/topics/defaults')).not.toHaveProperty('headers');
    expect(await publish({ 'Upstash-Delay': '1h' })).toMatchObject({ maxRetries: 3 });
  });

  test('are checked when they are set', async () => {
    const wrong = await change('PATCH', 'defaults', { headers: { 'Upstash-Delay': 'x' } });
    expect(wrong.status).toBe(400);
    expect(await readError(wrong)).toContain('Upstash-Delay');
    expect((await change('PATCH', 'defaults', {})).status).toBe(400);
    expect((await change('PATCH', 'unknown', { headers: {} })).status).toBe(404);
  });
});
