import { startApi, startRedis, type TestApi, type TestRedis } from '@posthorn/testkit';

let redis: TestRedis;
let api: TestApi;
beforeAll(async () => {
  redis = await startRedis();
  api = await startApi(redis.url, {
    MAX_QUEUES: '2',
    MAX_QUEUE_PARALLELISM: '2',
    MAX_URL_GROUPS: '2',
    MAX_ENDPOINTS_PER_GROUP: '2',
    MAX_HELD_FLOW_CONTROL_KEYS: '2',
  });
});
afterAll(async () => {
  await api.end('SIGKILL');
  await redis.stop();
});

const post = async (path: string, body: object) => {
  const response = await api.call(path, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
};
const queue = (queueName: string, parallelism = 1) => post('/v2/queues', { queueName, parallelism });
const endpoint = (group: string, path: string) =>
  post(`/v2/topics/${group}/endpoints`, { endpoints: [{ url: `http://127.0.0.1:9/${path}` }] });

describe('412: what exists already can still be changed', () => {
  test('one queue too many', async () => {
    expect((await queue('a')).status).toBe(200);
    expect((await queue('b')).status).toBe(200);
    expect(await queue('c')).toEqual({ status: 412, text: '{"error":"There can be at most 2 queues."}' });
    expect((await queue('a', 2)).status).toBe(200);
  });

  test('a queue that publishing would have to create', async () => {
    const response = await api.call('/v2/enqueue/d/http://127.0.0.1:9/x', { method: 'POST' });
    expect(response.status).toBe(412);
  });

  test('more parallelism than a queue may have', async () => {
    expect(await queue('a', 3)).toEqual({ status: 412, text: '{"error":"parallelism: use at most 2"}' });
  });

  test('one URL group too many', async () => {
    expect((await endpoint('one', 'a')).status).toBe(200);
    expect((await endpoint('two', 'a')).status).toBe(200);
    expect(await endpoint('three', 'a')).toEqual({
      status: 412,
      text: '{"error":"There can be at most 2 URL groups."}',
    });
    expect((await endpoint('one', 'b')).status).toBe(200);
  });

  test('one endpoint too many in a URL group', async () => {
    expect(await endpoint('one', 'c')).toEqual({
      status: 412,
      text: '{"error":"A URL group can have at most 2 endpoints."}',
    });
    expect((await endpoint('one', 'b')).status).toBe(200);
  });

  test('one flow-control key too many that is paused or pinned', async () => {
    const change = (key: string, what: string) => post(`/v2/flowControl/${key}/${what}`, {});
    expect((await change('a', 'pause')).status).toBe(200);
    expect((await change('b', 'pin?rate=1')).status).toBe(200);
    const refused = {
      status: 412,
      text: '{"error":"There can be at most 2 flow-control keys that are paused or pinned."}',
    };
    expect(await change('c', 'pin?parallelism=1')).toEqual(refused);
    expect(await change('c', 'pause')).toEqual(refused);
    expect((await change('a', 'pin?parallelism=1')).status).toBe(200);
    expect((await change('b', 'unpin?rate=true')).status).toBe(200);
    expect((await change('c', 'pause')).status).toBe(200);
  });
});

test('the limits can be read, with those that the environment has not set', async () => {
  expect(await api.read('/v2/limits')).toMatchObject({
    maxQueues: 2,
    maxQueueParallelism: 2,
    maxUrlGroups: 2,
    maxEndpointsPerGroup: 2,
    maxHeldFlowControlKeys: 2,
    maxMessageBytes: 10 * 1024 * 1024,
    logRetentionMs: 7 * 86_400_000,
  });
});
