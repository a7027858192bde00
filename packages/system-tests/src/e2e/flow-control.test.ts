import { eventually, startDispatcher, startSystem, type TestProcess } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem({ dispatcher: { STALLED_AFTER_SECONDS: '3' } });
const { urlOf } = system;
let others: TestProcess[];
beforeAll(async () => {
  const start = () => startDispatcher(system.redis.url, { STALLED_AFTER_SECONDS: '3' });
  others = await Promise.all([start(), start()]);
  await killSlotHolder();
});
afterAll(() => Promise.all(others.map((other) => other.end('SIGKILL'))));

const limit = (key: string, value: string) => ({
  'Upstash-Flow-Control-Key': key,
  'Upstash-Flow-Control-Value': value,
});
const get = (key: string) => system.api.read(`/v2/flowControl/${key}`);
const arrived = (begin: string) => system.receiver.requests.filter(({ path }) => path.startsWith(begin));

/** Answers late, and tells how many requests were open at most. */
function watch(paths: string[], afterMs: number): () => number {
  let running = 0;
  let most = 0;
  for (const path of paths) {
    system.receiver.reply(path, (response) => {
      most = Math.max(most, ++running);
      const timer = setTimeout(() => response.end(), afterMs);
      response.on('close', () => {
        clearTimeout(timer);
        running--;
      });
    });
  }
  return () => most;
}

const killedPaths = Array.from({ length: 30 }, (_, n) => `/killed/${n}`);
let mostKilled: () => number;
/** The slots of the dead are free when their lease of 30 s ends: the other tests run until then. */
async function killSlotHolder(): Promise<void> {
  mostKilled = watch(killedPaths, 200);
  const headers = limit('killed', 'parallelism=3');
  await Promise.all(killedPaths.map((path) => system.api.publish(urlOf(path), { headers })));
  await eventually(() => arrived('/killed/').length > 4);
  await system.dispatcher.end('SIGKILL');
}

test('parallelism holds over several URLs and dispatchers', async () => {
  const paths = Array.from({ length: 20 }, (_, n) => `/parallel/${n}`);
  const most = watch(paths, 50);
  await Promise.all(
    paths.map((path) => system.api.publish(urlOf(path), { headers: limit('parallel', 'parallelism=2') })),
  );
  expect(await get('parallel')).toMatchObject({ parallelismMax: 2, rateMax: 0 });
  await eventually(() => arrived('/parallel/').length === 20);
  expect(most()).toBe(2);
});

/** Messages of a rate that all arrive, in the order of their arrival; a window begins after the first publish at the earliest. */
async function publishRated(paths: string[], value: string, headers: Record<string, string> = {}) {
  const startedAt = Date.now();
  const [begin = ''] = /^\/\w+/.exec(paths[0] ?? '') ?? [];
  for (const path of paths) {
    await system.api.publish(urlOf(path), { headers: { ...limit(begin.slice(1), value), ...headers } });
  }
  await eventually(() => arrived(begin).length === 12);
  return arrived(begin).map(({ path, at }) => ({ path, afterMs: at - startedAt }));
}
const numbered = (begin: string) => Array.from({ length: 12 }, (_, n) => `${begin}/${n}`);

test('a rate holds in each window; the rest waits, oldest first, and nothing is refused', async () => {
  const received = await publishRated(numbered('/rate'), 'rate=4,period=2s');
  expect(await get('rate')).toMatchObject({ rateMax: 4, ratePeriod: 2, isPaused: false });
  expect(received[4]?.afterMs).toBeGreaterThanOrEqual(2000);
  expect(received[8]?.afterMs).toBeGreaterThanOrEqual(4000);
  const order = received.map(({ path }) => Math.floor(Number(path.split('/').at(-1)) / 4));
  expect(order).toEqual(order.toSorted((a, b) => a - b));
}, 40_000);

test('both limits at once', async () => {
  const paths = numbered('/both');
  const most = watch(paths, 20);
  const received = await publishRated(paths, 'parallelism=2, rate=6, period=2s');
  expect(most()).toBeLessThanOrEqual(2);
  expect(received[6]?.afterMs).toBeGreaterThanOrEqual(2000);
});

test('retries count, too', async () => {
  system.receiver.reply('/retry', 500);
  const startedAt = Date.now();
  const headers = { ...limit('retry', 'rate=2,period=2s'), 'Upstash-Retries': '3', 'Upstash-Retry-Delay': '1' };
  await system.api.publish(urlOf('/retry'), { headers });
  await eventually(() => arrived('/retry').length === 4);
  expect((arrived('/retry')[2]?.at ?? 0) - startedAt).toBeGreaterThanOrEqual(2000);
});

test('all fields are there right after the first publish; an unknown key answers 404', async () => {
  await system.api.publish(urlOf('/fields'), {
    headers: { ...limit('a/b ü', 'parallelism=5'), 'Upstash-Delay': '1h' },
  });
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
  expect((await system.api.request('GET', '/v2/flowControl/unknown')).status).toBe(404);
  const { body } = await system.api.request('GET', '/v2/flowControl?search=b%20');
  expect((body as unknown as { flowControlKey: string }[]).map((key) => key.flowControlKey)).toEqual(['a/b ü']);
});

test('keys may be any text, and none disturbs another', async () => {
  const names = ['n', 'holders:n', 'n:holders', 'state:n', ':', 'queue:x', '%', '../..'];
  for (const name of names) {
    const headers = { ...limit(name, 'parallelism=1'), 'Upstash-Label': 'any' };
    await system.api.publish(urlOf('/any'), { headers });
  }
  await eventually(() => arrived('/any').length === names.length);
  for (const name of names) expect((await get(encodeURIComponent(name)))['flowControlKey']).toBe(name);
});

test('a pause holds everything, new messages too; a resume lets it go', async () => {
  await system.api.request('POST', '/v2/flowControl/pause/pause');
  for (let n = 0; n < 3; n++) await system.api.publish(urlOf('/pause'), { headers: limit('pause', 'parallelism=3') });
  expect(await get('pause')).toMatchObject({ isPaused: true, waitListSize: 3 });
  await system.api.publish(urlOf('/free'));
  await eventually(() => arrived('/free').length === 1);
  expect(arrived('/pause')).toEqual([]);
  await system.api.request('POST', '/v2/flowControl/pause/resume');
  await eventually(() => arrived('/pause').length === 3);
});

test('pinned limits stay whatever messages say, until they are unpinned', async () => {
  await system.api.request('POST', '/v2/flowControl/pin/pin?parallelism=3&rate=20&period=120');
  await system.api.publish(urlOf('/pin'), { headers: limit('pin', 'parallelism=9,rate=9') });
  const pinned = { parallelismMax: 3, rateMax: 20, ratePeriod: 120, isPinnedParallelism: true, isPinnedRate: true };
  expect(await get('pin')).toMatchObject(pinned);
  await system.api.request('POST', '/v2/flowControl/pin/unpin?parallelism=true');
  expect(await get('pin')).toMatchObject({ ...pinned, isPinnedParallelism: false });
  await system.api.publish(urlOf('/pin'), { headers: limit('pin', 'parallelism=9,rate=9') });
  expect(await get('pin')).toMatchObject({ parallelismMax: 9, rateMax: 20 });
});

test.each(['parallelism=0', 'rate=x', 'period=5', 'rate=1&period=604801', ''])('pin?%s answers 400', async (query) => {
  const { status, body } = await system.api.request('POST', `/v2/flowControl/wrong/pin?${query}`);
  expect(status).toBe(400);
  expect(body['error']).toMatch(/parallelism|rate|period/);
});

test('resetRate lets waiting messages start', async () => {
  for (let n = 0; n < 4; n++)
    await system.api.publish(urlOf('/reset'), { headers: limit('reset', 'rate=2,period=1h') });
  await eventually(() => arrived('/reset').length === 2);
  expect(await get('reset')).toMatchObject({ waitListSize: 2, rateCount: 2 });
  await system.api.request('POST', '/v2/flowControl/reset/resetRate');
  await eventually(() => arrived('/reset').length === 4);
});

test('globalParallelism answers two numbers', async () => {
  const { body } = await system.api.request('GET', '/v2/globalParallelism');
  expect(body).toEqual({ parallelismMax: 0, parallelismCount: expect.any(Number) as number });
});

test('a canceled message gives up its place, and a message in a queue may have a key as well', async () => {
  const headers = limit('place', 'rate=1,period=1h');
  await system.api.publish(urlOf('/place/0'), { headers });
  const id = await system.api.publish(urlOf('/place/1'), { headers });
  expect(await get('place')).toMatchObject({ waitListSize: 1 });
  await system.api.request('DELETE', `/v2/messages/${id}`);
  expect(await get('place')).toMatchObject({ waitListSize: 0 });

  const both = { ...limit('in-queue', 'rate=2,period=1s'), 'Upstash-Queue-Name': 'with-key' };
  for (let n = 0; n < 6; n++) await system.api.publish(urlOf(`/in-queue/${n}`), { headers: both });
  await eventually(() => arrived('/in-queue/').length === 6);
  expect(arrived('/in-queue/').map(({ path }) => path)).toEqual(Array.from({ length: 6 }, (_, n) => `/in-queue/${n}`));
});

test('a dispatcher that was killed while it held slots breaks no limit, and its messages arrive', async () => {
  await eventually(() => killedPaths.every((path) => arrived(path).length > 0), 90_000);
  expect(mostKilled()).toBeLessThanOrEqual(3);
}, 120_000);

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
  const read = () => limited.api.read('/v2/globalParallelism');
  expect(await read()).toMatchObject({ parallelismMax: 9 });
  await eventually(() => limited.receiver.at('/global').length === 40);
  expect(most).toBeLessThanOrEqual(9);
  await eventually(async () => (await read())['parallelismCount'] === 0);
  await other.end('SIGKILL');
  await limited.stop();
});
