import {
  eventually,
  startApi,
  startCluster,
  startDispatcher,
  startReceiver,
  type Fields,
  type Receiver,
  type TestApi,
  type TestCluster,
  type TestProcess,
  type TestRedis,
  type TestRequest,
} from '@posthorn/testkit';

let cluster: TestCluster;
let receiver: Receiver;
let api: TestApi;
let dispatchers: TestProcess[];
beforeAll(async () => {
  [cluster, receiver] = await Promise.all([startCluster(), startReceiver()]);
  api = await startApi(cluster.url);
  dispatchers = await Promise.all([startDispatcher(cluster.url), startDispatcher(cluster.url)]);
}, 30_000);
afterAll(async () => {
  await Promise.all([api, ...dispatchers].map((process) => process.end('SIGKILL')));
  await receiver.stop();
  await cluster.stop();
});

const urlOf = (path: string) => receiver.urlOf(path);
const call = async (method: string, path: string, request?: TestRequest) => {
  const { status, body = {} } = await api.request<Fields | undefined>(method, path, request);
  if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(body)}`);
  return body;
};
const ids = (path: string) => receiver.at(path).map(({ headers }) => String(headers['upstash-message-id']));
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

test('messages live in both nodes, and all arrive: single ones, batches, large ones, those of a group, delayed ones', async () => {
  const endpoints = numbers(5).map((n) => ({ name: `e${n}`, url: urlOf(`/group-${n}`) }));
  await call('POST', '/v2/topics/everywhere/endpoints', { body: { endpoints } });
  const published = await Promise.all(
    numbers(40).map(() => api.publish(urlOf('/single'), { body: 'x'.repeat(30_000) })),
  );
  await call('POST', '/v2/batch', { body: numbers(100).map(() => ({ destination: urlOf('/batch'), body: 'x' })) });
  await api.call('/v2/publish/everywhere', { method: 'POST', body: 'x'.repeat(30_000) });
  await api.publish(urlOf('/delayed'), { headers: { 'Upstash-Delay': '1s' } });
  await eventually(() => receiver.at('/single').length === 40 && receiver.at('/batch').length === 100);
  await eventually(() => numbers(5).every((n) => receiver.at(`/group-${n}`)[0]?.body.length === 30_000));
  await eventually(() => receiver.at('/delayed').length === 1);
  expect(ids('/single').sort()).toEqual(published.sort());
  const sizes = await Promise.all(cluster.nodes.map(({ client }) => client.dbsize()));
  expect(Math.min(...sizes)).toBeGreaterThan(10);
});

test('a queue keeps its order, and a flow-control key its limit', async () => {
  const headers = { 'Upstash-Queue-Name': 'orderly', 'Upstash-Retry-Delay': '100' };
  receiver.reply('/order', 500, 200);
  const published: string[] = [];
  for (const _ of numbers(20)) published.push(await api.publish(urlOf('/order'), { headers }));
  await eventually(() => receiver.at('/order').length === 21);
  expect(ids('/order').slice(1)).toEqual(published);

  let running = 0;
  let most = 0;
  receiver.reply('/limited', (response) => {
    most = Math.max(most, ++running);
    setTimeout(() => {
      running--;
      response.end();
    }, 20);
  });
  const limited = { 'Upstash-Flow-Control-Key': 'k', 'Upstash-Flow-Control-Value': 'parallelism=2' };
  await Promise.all(numbers(30).map(() => api.publish(urlOf('/limited'), { headers: limited })));
  await eventually(() => receiver.at('/limited').length === 30);
  expect(most).toBe(2);
});

test('one deduplication id makes one message; callbacks arrive; what fails can be retried from the dead letter queue', async () => {
  const once = { 'Upstash-Deduplication-Id': 'once', 'Upstash-Callback': urlOf('/callback') };
  const same = await Promise.all(numbers(20).map(() => api.publish(urlOf('/once'), { headers: once })));
  expect(new Set(same).size).toBe(1);
  await eventually(() => receiver.at('/callback').length === 1);
  expect(receiver.at('/once')).toHaveLength(1);

  receiver.reply('/fails', 500, 500, 200);
  const failing = {
    'Upstash-Retries': '1',
    'Upstash-Retry-Delay': '50',
    'Upstash-Failure-Callback': urlOf('/failure'),
  };
  await api.publish(urlOf('/fails'), { headers: failing });
  await eventually(() => receiver.at('/failure').length === 1);
  const { messages } = (await call('GET', '/v2/dlq')) as { messages: { dlqId: string }[] };
  expect(messages).toHaveLength(1);
  await call('POST', `/v2/dlq/retry/${messages[0]?.dlqId ?? ''}`);
  await eventually(() => receiver.at('/fails').length === 3);
  expect(await call('GET', '/v2/dlq')).toMatchObject({ messages: [] });
});

test('messages are canceled, schedules are kept, keys are rotated, and the log is read', async () => {
  const headers = { 'Upstash-Delay': '1h', 'Upstash-Label': 'to-cancel' };
  const waiting = await Promise.all(numbers(10).map(() => api.publish(urlOf('/never'), { headers })));
  expect(await call('DELETE', `/v2/messages/${waiting[0] ?? ''}`)).toBeDefined();
  expect(await call('DELETE', '/v2/messages?label=to-cancel')).toMatchObject({ cancelled: 9 });
  expect(await api.states(waiting[0] ?? '')).toEqual(['CREATED', 'CANCEL_REQUESTED', 'CANCELED']);

  const schedule = { 'Upstash-Cron': '* * * * *', 'Upstash-Schedule-Id': 'minutely' };
  await call('POST', `/v2/schedules/${urlOf('/minutely')}`, { headers: schedule });
  await call('POST', '/v2/schedules/minutely/pause');
  expect(await call('GET', '/v2/schedules/minutely')).toMatchObject({ isPaused: true });
  await call('DELETE', '/v2/schedules/minutely');

  const { current, next } = await call('GET', '/v2/keys');
  expect(await call('POST', '/v2/keys/rotate')).toMatchObject({ current: next });
  expect(current).not.toBe(next);

  await eventually(async () => {
    const { events } = (await call('GET', '/v2/events?state=DELIVERED&count=1000&trimBody=0')) as { events: object[] };
    return events.length > 190;
  });
  const metrics = await api.metrics();
  expect(metrics).toMatch(/^posthorn_redis_up 1$/m);
  for (const process of [api, ...dispatchers]) expect(process.output()).not.toMatch(/CROSSSLOT|MOVED|"level":"error"/);
});

test('while nodes are down, requests that need them are answered with 503, and what was accepted arrives afterwards', async () => {
  const [first, second] = cluster.nodes as [TestRedis, TestRedis];
  const isOk = async () => (await api.call('/ready')).ok;
  // The node that is left says soon that the cluster is down.
  for (const { client } of cluster.nodes) await client.config('SET', 'cluster-node-timeout', '500');
  const accepted: string[] = [];
  const statuses = new Set<number>();
  /** What one message and one read are answered with. */
  const ask = async () => {
    const init = { method: 'POST', body: 'x'.repeat(30_000), headers: { 'Upstash-Queue-Name': 'trouble' } };
    const answers = await Promise.all([
      api.call(`/v2/publish/${urlOf('/trouble')}`, init),
      api.call(`/v2/publish/${urlOf('/trouble')}`, { method: 'POST', body: 'x' }),
      api.call('/v2/queues'),
    ]);
    for (const answer of answers) {
      statuses.add(answer.status);
      const text = await answer.text();
      if (!answer.ok) continue;
      // The list of queues has none of its own.
      const { messageId } = JSON.parse(text) as { messageId?: string };
      if (messageId !== undefined) accepted.push(messageId);
    }
    return answers;
  };
  for (const down of [[second], [first, second]]) {
    await Promise.all(down.map((node) => node.kill()));
    // From the loss of the connection to the response that the cluster is down, and when no node is left.
    for (let asked = 0; asked < 10; asked++) await ask();
    await eventually(async () => (await ask()).every(({ status }) => status === 503));
    await Promise.all(down.map((node) => node.start()));
    await eventually(isOk);
    await eventually(async () => (await ask()).every(({ ok }) => ok));
  }
  expect([...statuses].sort()).toEqual([200, 503]);
  expect(api.output()).not.toContain('request.broken');
  await eventually(() => {
    const arrived = new Set(ids('/trouble'));
    return accepted.every((id) => arrived.has(id));
  }, 40_000);
}, 150_000);
