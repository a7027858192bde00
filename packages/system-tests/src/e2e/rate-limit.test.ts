import {
  eventually,
  rawRequest,
  startApi,
  startReceiver,
  startRedis,
  testToken,
  type Receiver,
  type TestApi,
  type TestRedis,
} from '@posthorn/testkit';

const limit = 20;
const variables = { BURST_RATE_LIMIT: String(limit), QSTASH_READONLY_TOKEN: 'read-only-token' };
let redis: TestRedis;
let receiver: Receiver;
let api: TestApi;
let other: TestApi;
beforeAll(async () => {
  [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
  [api, other] = await Promise.all([startApi(redis.url, variables), startApi(redis.url, variables)]);
});
afterAll(async () => {
  await Promise.all([api.end('SIGKILL'), other.end('SIGKILL'), receiver.stop()]);
  await redis.stop();
});

const names = ['burst-ratelimit-limit', 'burst-ratelimit-remaining', 'burst-ratelimit-reset'];
const readLimit = ({ headers }: Response) => names.map((name) => headers.get(name));
/** Asks all processes in turn, until a second has been long enough for one response too many. */
const exceed = (path: string) =>
  eventually(async () => {
    const answers = await Promise.all(Array.from({ length: limit * 2 }, (_, n) => (n % 2 ? api : other).call(path)));
    return answers.find(({ status }) => status === 429);
  });

test('a success says how many requests are left in this second', async () => {
  const response = await api.call('/v2/queues');
  expect(response.status).toBe(200);
  const [max, remaining, reset] = readLimit(response).map(Number);
  expect(max).toBe(limit);
  expect(remaining).toBeLessThan(limit);
  expect(Math.abs((reset ?? 0) - Date.now() / 1000)).toBeLessThan(3);
});

test('beyond the limit of all processes together: 429 with the three headers and nothing of other limits', async () => {
  const response = await exceed('/v2/queues');
  expect(readLimit(response).slice(0, 2)).toEqual([String(limit), '0']);
  expect(readLimit(response)[2]).toMatch(/^\d{10}$/);
  expect(response.headers.get('x-ratelimit-limit-requests')).toBeNull();
  expect(response.headers.get('ratelimit-limit')).toBeNull();
  expect(await response.json()).toEqual({ error: 'Use at most 20 requests per second.' });
});

test('an endpoint that does not exist counts too', async () => {
  await exceed('/v2/nothing');
});

test('the next second has room again', async () => {
  await exceed('/v2/queues');
  await eventually(async () => (await api.call('/v2/queues')).ok);
});

test('a refused removal has removed nothing', async () => {
  await eventually(async () => {
    await api.call('/v2/queues', { method: 'POST', body: '{"queueName":"kept"}' });
    await exceed('/v2/queues');
    return (await api.call('/v2/queues/kept', { method: 'DELETE' })).status === 429;
  });
  const status = await eventually(async () => {
    const response = await api.call('/v2/queues/kept');
    return response.status !== 429 && response.status;
  });
  expect(status).toBe(200);
});

test('publish, enqueue and batch have no limit, and say nothing of one', async () => {
  const body = JSON.stringify([{ destination: `${receiver.url}/batch` }]);
  const answers = await Promise.all(
    Array.from({ length: limit * 2 }, () => [
      api.call(`/v2/publish/${receiver.url}/publish`, { method: 'POST' }),
      api.call(`/v2/enqueue/fast/${receiver.url}/enqueue`, { method: 'POST' }),
      api.call('/v2/batch', { method: 'POST', body }),
    ]).flat(),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(answers.flatMap(readLimit).every((value) => value === null)).toBe(true);
});

test('calls of workflows have no limit either', async () => {
  const answers = await Promise.all(
    Array.from({ length: limit * 2 }, () => [
      api.call('/v2/workflows/runs/wfr_none'),
      api.call('/v2/notify/none', { method: 'POST', body: '{}' }),
    ]).flat(),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404, 201]));
  expect(answers.flatMap(readLimit).every((value) => value === null)).toBe(true);
});

test('a publish has no limit either when its request line holds the whole URL', async () => {
  const head = `POST ${api.url}/v2/publish/${receiver.url}/whole HTTP/1.1`;
  const fields = [`Host: ${new URL(api.url).host}`, `Authorization: Bearer ${testToken}`, 'Content-Length: 0'];
  const answer = await rawRequest(api.url, [head, ...fields, 'Connection: close', '', ''].join('\r\n'));
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  expect(answer).not.toMatch(/burst-ratelimit/i);
});

test('every token has a limit of its own', async () => {
  const response = await exceed('/v2/queues');
  expect(response.status).toBe(429);
  const read = await api.call('/v2/queues', { headers: { Authorization: 'Bearer read-only-token' } });
  expect(read.status).toBe(200);
});

test('probes have no limit, and the token stands nowhere in Redis', async () => {
  const answers = await Promise.all(Array.from({ length: limit * 2 }, () => api.call('/health')));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  await api.call('/v2/queues');
  const keys = await redis.client.keys('*');
  expect(keys.filter((key) => key.includes(testToken))).toEqual([]);
});

test('without Redis no caller is limited: each request gets its own response, promptly', async () => {
  redis.freeze();
  const startedAt = Date.now();
  const response = await api.call('/v2/queues');
  expect(response.status).toBe(503);
  expect(Date.now() - startedAt).toBeLessThan(5000);
  redis.thaw();
  await eventually(async () => (await api.call('/v2/queues')).ok);
});
