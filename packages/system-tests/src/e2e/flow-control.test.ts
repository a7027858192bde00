import { eventually, startDispatcher, startSystem, type TestProcess, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
let others: TestProcess[];
beforeAll(async () => {
  system = await startSystem({ dispatcher: { STALLED_AFTER_SECONDS: '3' } });
  others = await Promise.all([startDispatcher(system.redis.url), startDispatcher(system.redis.url)]);
});
afterAll(async () => {
  await Promise.all(others.map((other) => other.end('SIGKILL')));
  await system.stop();
});

const at = (path: string) => system.receiver.url + path;
const limit = (key: string, value: string) => ({
  'Upstash-Flow-Control-Key': key,
  'Upstash-Flow-Control-Value': value,
});
const call = async (method: string, path: string) => {
  const response = await system.api.call(path, { method });
  const text = await response.text();
  return { status: response.status, body: (text ? JSON.parse(text) : undefined) as Record<string, unknown> };
};
const get = async (key: string) => (await call('GET', `/v2/flowControl/${key}`)).body;
const arrived = (begin: string) => system.receiver.requests.filter(({ path }) => path.startsWith(begin));

/** Answers late, and tells how many requests were open at most. */
function watch(paths: string[], afterMs: number): () => number {
  let running = 0;
  let most = 0;
  for (const path of paths) {
    system.receiver.reply(path, (response) => {
      most = Math.max(most, ++running);
      setTimeout(() => {
        running--;
        response.end();
      }, afterMs);
    });
  }
  return () => most;
}

test('parallelism holds over several URLs and dispatchers', async () => {
  const paths = Array.from({ length: 20 }, (_, n) => `/parallel/${n}`);
  const most = watch(paths, 50);
  await Promise.all(paths.map((path) => system.api.publish(at(path), { headers: limit('parallel', 'parallelism=2') })));
  expect(await get('parallel')).toMatchObject({ parallelismMax: 2, rateMax: 0 });
  await eventually(() => arrived('/parallel/').length === 20, 20_000);
  expect(most()).toBe(2);
});

test('a rate holds in each window; the rest waits, oldest first, and nothing is refused', async () => {
  for (let n = 0; n < 12; n++)
    await system.api.publish(at(`/rate/${n}`), { headers: limit('rate', 'rate=4,period=2s') });
  const state = await get('rate');
  expect(state).toMatchObject({ rateMax: 4, ratePeriod: 2, waitListSize: 8, rateCount: 4, isPaused: false });
  await eventually(() => arrived('/rate/').length === 12, 15_000);
  const windows = arrived('/rate/').map(({ at: time }) => Math.floor((time - Number(arrived('/rate/')[0]?.at)) / 1900));
  expect(windows.filter((window) => window === 0)).toHaveLength(4);
  const order = arrived('/rate/').map(({ path }) => Math.floor(Number(path.split('/').at(-1)) / 4));
  expect(order).toEqual([...order].sort());
}, 40_000);

test('both limits at once', async () => {
  const paths = Array.from({ length: 12 }, (_, n) => `/both/${n}`);
  const most = watch(paths, 20);
  await Promise.all(
    paths.map((path) => system.api.publish(at(path), { headers: limit('both', 'parallelism=2, rate=6, period=2s') })),
  );
  await eventually(() => arrived('/both/').length === 12, 15_000);
  expect(most()).toBeLessThanOrEqual(2);
  const [first] = arrived('/both/');
  expect(arrived('/both/').filter(({ at: time }) => time - Number(first?.at) < 1800)).toHaveLength(6);
});

test('retries count, too', async () => {
  system.receiver.reply('/retry', 500);
  const headers = { ...limit('retry', 'rate=2,period=2s'), 'Upstash-Retries': '3', 'Upstash-Retry-Delay': '1' };
  await system.api.publish(at('/retry'), { headers });
  await eventually(() => arrived('/retry').length === 4, 15_000);
  const times = arrived('/retry').map((request) => request.at);
  expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1900);
});

test('all fields are there right after the first publish; an unknown key answers 404', async () => {
  await system.api.publish(at('/fields'), { headers: { ...limit('a/b ü', 'parallelism=5'), 'Upstash-Delay': '1h' } });
  expect(await get(encodeURIComponent('a/b ü'))).toEqual({
    flowControlKey: 'a/b ü',
    waitListSize: 0,
    parallelismMax: 5,
    parallelismCount: 0,
    rateMax: 0,
    rateCount: 0,
    ratePeriod: 1,
    ratePeriodStart: expect.any(Number) as number,
    isPaused: false,
    isPinnedParallelism: false,
    isPinnedRate: false,
  });
  expect((await call('GET', '/v2/flowControl/unknown')).status).toBe(404);
  const { body } = await call('GET', '/v2/flowControl?search=b%20');
  expect((body as unknown as { flowControlKey: string }[]).map((key) => key.flowControlKey)).toEqual(['a/b ü']);
});

test('keys may be any text, and none disturbs another', async () => {
  const names = ['n', 'holders:n', 'n:holders', 'state:n', ':', 'queue:x', '%', '../..'];
  for (const name of names) {
    const headers = { ...limit(name, 'parallelism=1'), 'Upstash-Label': 'any' };
    await system.api.publish(at('/any'), { headers });
  }
  await eventually(() => arrived('/any').length === names.length);
  for (const name of names) expect((await get(encodeURIComponent(name)))['flowControlKey']).toBe(name);
});

test('a pause holds everything, new messages too; a resume lets it go', async () => {
  await call('POST', '/v2/flowControl/pause/pause');
  for (let n = 0; n < 3; n++) await system.api.publish(at('/pause'), { headers: limit('pause', 'parallelism=3') });
  expect(await get('pause')).toMatchObject({ isPaused: true, waitListSize: 3 });
  await system.api.publish(at('/free'));
  await eventually(() => arrived('/free').length === 1);
  expect(arrived('/pause')).toEqual([]);
  await call('POST', '/v2/flowControl/pause/resume');
  await eventually(() => arrived('/pause').length === 3);
});

test('pinned limits stay whatever messages say, until they are unpinned', async () => {
  await call('POST', '/v2/flowControl/pin/pin?parallelism=3&rate=20&period=120');
  await system.api.publish(at('/pin'), { headers: limit('pin', 'parallelism=9,rate=9') });
  const pinned = { parallelismMax: 3, rateMax: 20, ratePeriod: 120, isPinnedParallelism: true, isPinnedRate: true };
  expect(await get('pin')).toMatchObject(pinned);
  await call('POST', '/v2/flowControl/pin/unpin?parallelism=true');
  expect(await get('pin')).toMatchObject({ ...pinned, isPinnedParallelism: false });
  await system.api.publish(at('/pin'), { headers: limit('pin', 'parallelism=9,rate=9') });
  expect(await get('pin')).toMatchObject({ parallelismMax: 9, rateMax: 20 });
});

test.each(['parallelism=0', 'rate=x', 'period=5', 'rate=1&period=604801', ''])('pin?%s answers 400', async (query) => {
  const { status, body } = await call('POST', `/v2/flowControl/wrong/pin?${query}`);
  expect(status).toBe(400);
  expect(body['error']).toMatch(/parallelism|rate|period/);
});

test('resetRate lets waiting messages start', async () => {
  for (let n = 0; n < 4; n++) await system.api.publish(at('/reset'), { headers: limit('reset', 'rate=2,period=1h') });
  await eventually(() => arrived('/reset').length === 2);
  expect(await get('reset')).toMatchObject({ waitListSize: 2, rateCount: 2 });
  await call('POST', '/v2/flowControl/reset/resetRate');
  await eventually(() => arrived('/reset').length === 4);
});

test('globalParallelism answers two numbers', async () => {
  const { body } = await call('GET', '/v2/globalParallelism');
  expect(body).toEqual({ parallelismMax: 0, parallelismCount: expect.any(Number) as number });
});

test('a canceled message gives up its place, and a message in a queue may have a key as well', async () => {
  const headers = limit('place', 'rate=1,period=1h');
  await system.api.publish(at('/place/0'), { headers });
  const id = await system.api.publish(at('/place/1'), { headers });
  expect(await get('place')).toMatchObject({ waitListSize: 1 });
  await call('DELETE', `/v2/messages/${id}`);
  expect(await get('place')).toMatchObject({ waitListSize: 0 });

  const both = { ...limit('in-queue', 'rate=2,period=1s'), 'Upstash-Queue-Name': 'with-key' };
  for (let n = 0; n < 6; n++) await system.api.publish(at(`/in-queue/${n}`), { headers: both });
  await eventually(() => arrived('/in-queue/').length === 6, 15_000);
  expect(arrived('/in-queue/').map(({ path }) => path)).toEqual(Array.from({ length: 6 }, (_, n) => `/in-queue/${n}`));
});

test('a dispatcher that is killed while it holds slots breaks no limit, and its messages arrive', async () => {
  const paths = Array.from({ length: 30 }, (_, n) => `/killed/${n}`);
  let open = 0;
  let most = 0;
  for (const path of paths) {
    system.receiver.reply(path, (response) => {
      most = Math.max(most, ++open);
      const timer = setTimeout(() => response.end(), 200);
      response.on('close', () => {
        clearTimeout(timer);
        open--;
      });
    });
  }
  await Promise.all(paths.map((path) => system.api.publish(at(path), { headers: limit('killed', 'parallelism=3') })));
  await eventually(() => arrived('/killed/').length > 4);
  await system.dispatcher.end('SIGKILL');
  await eventually(() => paths.every((path) => arrived(path).length > 0), 60_000);
  expect(most).toBeLessThanOrEqual(3);
  const times = arrived('/killed/').map((request) => request.at);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  // Its slots are free when their lease of 30 seconds ends, and the sweep comes every second.
  expect(Math.max(...gaps)).toBeLessThan(35_000);
}, 90_000);

test('GLOBAL_PARALLELISM holds over all dispatchers', async () => {
  const limited = await startSystem({ dispatcher: { GLOBAL_PARALLELISM: '9' } });
  const other = await startDispatcher(limited.redis.url, { GLOBAL_PARALLELISM: '9' });
  let open = 0;
  let most = 0;
  limited.receiver.reply('/global', (response) => {
    most = Math.max(most, ++open);
    setTimeout(() => {
      open--;
      response.end();
    }, 100);
  });
  await Promise.all(Array.from({ length: 40 }, () => limited.api.publish(`${limited.receiver.url}/global`)));
  const read = async () => (await (await limited.api.call('/v2/globalParallelism')).json()) as Record<string, number>;
  expect(await read()).toMatchObject({ parallelismMax: 9 });
  await eventually(() => limited.receiver.at('/global').length === 40);
  expect(most).toBeLessThanOrEqual(9);
  await eventually(async () => (await read())['parallelismCount'] === 0);
  await other.end('SIGKILL');
  await limited.stop();
});
