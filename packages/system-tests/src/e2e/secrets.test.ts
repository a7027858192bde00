import { endpoints } from '@posthorn/shared';
import { eventually } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

/** Texts that occur nowhere else, so that any place with one of them has leaked it. */
const canary = {
  token: 'canary-token-1f0c',
  queryToken: 'canary-query-token-2e1d',
  readOnlyToken: 'canary-read-only-token-3d2e',
  wrongToken: 'canary-wrong-token-4c3f',
  currentKey: 'canary-current-key-5b40',
  nextKey: 'canary-next-key-6a51',
  redisPassword: 'canary-redis-password-7962',
  userinfo: 'canary-userinfo-8873',
  authorization: 'canary-authorization-9784',
  body: 'canary-body-a695',
};
const { token, queryToken, readOnlyToken, wrongToken, currentKey, nextKey, redisPassword } = canary;
/** Nobody but the environment holds these. */
const tokens = [token, queryToken, readOnlyToken, wrongToken, redisPassword];

const system = useSystem({
  api: {
    LOG_LEVEL: 'trace',
    QSTASH_TOKEN: `${token},${queryToken}`,
    QSTASH_READONLY_TOKEN: readOnlyToken,
    QSTASH_CURRENT_SIGNING_KEY: currentKey,
    QSTASH_NEXT_SIGNING_KEY: nextKey,
  },
  dispatcher: { LOG_LEVEL: 'trace' },
  user: { password: redisPassword, rules: ['~*', '&*', '+@all'] },
});
const ids = { messageId: '', dlqId: '', scheduleId: '' };

const headers = {
  Authorization: `Bearer ${token}`,
  'Upstash-Forward-Authorization': canary.authorization,
  'Upstash-Redact-Fields': 'body, header[Authorization]',
  'Upstash-Label': 'canary',
  'Upstash-Flow-Control-Key': 'canary-flow',
  'Upstash-Flow-Control-Value': 'parallelism=5',
};
const post = async (path: string, more: Record<string, string> = {}, body = canary.body) => {
  const response = await system.api.call(path, { method: 'POST', headers: { ...headers, ...more }, body });
  return { status: response.status, reply: (await response.json().catch(() => ({}))) as Record<string, string> };
};
const at = (path: string) => system.receiver.url.replace('//', `//user:${canary.userinfo}@`) + path;

beforeAll(() => live());

/** A day in the life: everything that is done with a message, and every way to do it wrong. */
async function live(): Promise<void> {
  system.receiver.reply('/fails', { status: 500, headers: { 'Set-Cookie': 'a=b' }, body: 'no' });
  const callbacks = {
    'Upstash-Callback': at('/callback'),
    'Upstash-Failure-Callback': at('/failure'),
    'Upstash-Callback-Forward-Authorization': canary.authorization,
  };
  await post(`/v2/publish/${at('/works')}`, callbacks);
  await post(`/v2/publish/${at('/fails')}`, { ...callbacks, 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '10' });
  await post(`/v2/publish/http://user:${canary.userinfo}@unknown.invalid/`, { 'Upstash-Retries': '0' });
  await post(`/v2/publish/${at('/large')}`, {}, canary.body.repeat(10_000));
  await post(`/v2/enqueue/canary/${at('/queued')}`);
  const itemHeaders = { 'Upstash-Redact-Fields': 'body' };
  await post('/v2/batch', {}, JSON.stringify([{ destination: at('/batch'), body: canary.body, headers: itemHeaders }]));
  await post('/v2/topics/canary/endpoints', {}, JSON.stringify({ endpoints: [{ url: at('/group') }] }));
  await post('/v2/publish/canary');
  const query = `qstash_token=${queryToken}&upstash-redact-fields=body`;
  await fetch(`${system.api.url}/v2/publish/${at(`/by-query?${query}`)}`, { method: 'POST', body: canary.body });
  ids.messageId = (await post(`/v2/publish/${at('/later')}`, { 'Upstash-Delay': '1h' })).reply['messageId'] ?? '';
  const { messageId: canceled = '' } = (await post(`/v2/publish/${at('/canceled')}`, { 'Upstash-Delay': '1h' })).reply;
  const cancel = await system.api.call(`/v2/messages/${canceled}`, { method: 'DELETE', headers });
  expect(cancel.status).toBe(200);
  ids.scheduleId =
    (await post(`/v2/schedules/${at('/scheduled')}`, { 'Upstash-Cron': '0 0 1 1 *' })).reply['scheduleId'] ?? '';

  await fetch(`${system.api.url}/v2/dlq?qstash_token=${wrongToken}`);
  await system.api.call('/v2/dlq', { headers: { Authorization: `Bearer ${wrongToken}` } });
  await system.api.call(`/v2/publish/${at('/read-only')}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${readOnlyToken}` },
  });
  await fetch(`${system.api.url}/v2/nothing?qstash_token=${queryToken}`);
  await fetch(`${system.api.url}/v2/publish/ftp://user:${canary.userinfo}@x/?qstash_token=${queryToken}`, {
    method: 'POST',
  });
  await post('/v2/batch', {}, `[{"destination": "${canary.body}"}, ${canary.body}`);
  await post(`/v2/publish/${at('/wrong')}`, { 'Upstash-Forward-X': canary.authorization, 'Upstash-Retries': 'x' });

  const delivered = ['/works', '/large', '/queued', '/batch', '/group', '/by-query', '/callback', '/failure'];
  await eventually(() =>
    delivered.every((path) => system.receiver.requests.some((request) => request.path.startsWith(path))),
  );
  ids.dlqId = await eventually(async () => {
    const { messages } = (await (await call('/v2/dlq')).json()) as { messages: { dlqId: string }[] };
    return messages.length >= 2 && messages[0]?.dlqId;
  });
}

const call = (path: string) => system.api.call(path, { headers: { Authorization: `Bearer ${token}` } });
const find = (text: string, secrets: string[]) => secrets.filter((secret) => text.includes(secret));
const base64 = (text: string) => Buffer.from(text).toString('base64').replace(/=+$/, '');
/** What is shown as a hash only. */
const redacted = [canary.body, canary.authorization].flatMap((text) => [text, base64(text)]);

test('the destination gets what is meant for it: the canaries are alive', () => {
  const [works] = system.receiver.at('/works');
  expect(works?.headers.authorization).toBe(canary.authorization);
  expect(works?.body.toString()).toBe(canary.body);
  expect(system.receiver.at('/by-query')).toHaveLength(1);
});

test('no destination gets a token or a signing key', () => {
  expect(find(JSON.stringify(system.receiver.requests), [...tokens, currentKey, nextKey])).toEqual([]);
});

test('no response to a reader holds a token, a key, or what is redacted', async () => {
  const names: Record<string, string> = { ...ids, key: 'canary-flow', name: 'canary' };
  const queries: Record<string, string> = { '/v2/find': '?q=canary', '/v2/cron': '?expression=0+4+*+*+*' };
  const paths = endpoints
    // The stream has no end; it has the entries that /v2/logs has.
    .filter(({ method, path }) => method === 'GET' && path !== '/v2/keys' && path !== '/v2/logs/stream')
    .map(({ path }) => path.replace(/[:*](\w+)/g, (_, key: string) => names[key] ?? 'none') + (queries[path] ?? ''))
    .concat(`/v2/events?messageId=${ids.messageId}`);
  for (const path of paths) {
    const response = await call(path);
    const text = (await response.text()) + JSON.stringify([...response.headers]);
    const isRun = /^\/v2\/(workflows|waiters)\//.test(path);
    expect([path, find(text, [...tokens, currentKey, nextKey, ...redacted])]).toEqual([path, []]);
    if (isRun) expect([path, [200, 404]]).toEqual([path, expect.arrayContaining([response.status])]);
    else expect([path, response.status]).toEqual([path, 200]);
  }
});

test('Redis holds no token; the signing keys lie in the settings only, and what is redacted where delivery needs it', async () => {
  const where = new Map<string, string[]>();
  for (const key of await system.redis.client.keys('*')) {
    const text = key + (await readText(key));
    for (const secret of find(text, [...Object.values(canary), ...redacted])) {
      where.set(secret, [...(where.get(secret) ?? []), key]);
    }
  }
  for (const secret of tokens) expect([secret, where.get(secret)]).toEqual([secret, undefined]);
  for (const key of [currentKey, nextKey]) expect(where.get(key)).toEqual(['posthorn:settings']);
  const needed = /^(\{d\d+\}:deliver:msg_|\{d\d+\}:body:|\{d\d+\}:dlq:entries$|\{schedules\}:)/;
  const elsewhere = redacted.flatMap((secret) => where.get(secret) ?? []).filter((key) => !needed.test(key));
  expect(elsewhere).toEqual([]);
});

test('no process says any of them, at the most talkative level and when Redis breaks', async () => {
  // A key of another type is a fault that Redis answers with the command in its hands.
  for (let shard = 0; shard < 8; shard++) {
    for (const key of [`{d${shard}}:deliver:delayed`, `{d${shard}}:deliver:events`, `{d${shard}}:deliver:wait`]) {
      await system.redis.client.del(key);
      await system.redis.client.set(key, 'wrong');
    }
  }
  const statuses = await Promise.all([
    post(`/v2/publish/${at('/breaks')}`, { 'Upstash-Delay': '1h' }),
    post(`/v2/publish/${at('/breaks')}`),
    post('/v2/batch', {}, JSON.stringify([{ destination: at('/breaks'), body: canary.body }])),
  ]);
  expect(statuses.map(({ status }) => status).filter((status) => status < 500)).toEqual([]);
  expect(find(JSON.stringify(statuses), Object.values(canary))).toEqual([]);
  await system.redis.kill();
  await post(`/v2/publish/${at('/away')}`);
  const output = system.api.output() + system.dispatcher.output();
  expect(output).toContain('request.finished');
  expect(find(output, [...Object.values(canary), ...redacted])).toEqual([]);
});

async function readText(key: string): Promise<string> {
  const { client } = system.redis;
  const type = await client.type(key);
  const read: Record<string, () => Promise<unknown>> = {
    string: () => client.get(key),
    hash: () => client.hgetall(key),
    set: () => client.smembers(key),
    zset: () => client.zrange(key, '0', '-1'),
    list: () => client.lrange(key, 0, -1),
    stream: () => client.xrange(key, '-', '+'),
  };
  return JSON.stringify(await read[type]?.());
}
