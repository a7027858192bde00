import { createHash } from 'node:crypto';
import {
  eventually,
  readError,
  startApi,
  startDispatcher,
  startSystem,
  type Fields,
  type TestApi,
  type TestProcess,
  type TestSystem,
} from '@posthorn/testkit';

let system: TestSystem;
let dispatchers: TestProcess[];
let api: TestApi;
const soonTakenBack = { STALLED_AFTER_SECONDS: '3' };
beforeAll(async () => {
  system = await startSystem({
    api: { QSTASH_READONLY_TOKEN: 'read-only', MAX_MESSAGE_BYTES: '100000' },
    dispatcher: soonTakenBack,
  });
  dispatchers = [system.dispatcher, await startDispatcher(system.redis.url, soonTakenBack)];
  api = system.api;
});
afterAll(async () => {
  await Promise.all(dispatchers.map((dispatcher) => dispatcher.end('SIGKILL')));
  await system.stop();
});

const urlOf = (path: string) => system.receiver.urlOf(path);
const post = (path: string, headers: Record<string, string> = {}, body?: string) =>
  api.call(`/v2/schedules/${path}`, { method: 'POST', headers, ...(body === undefined ? {} : { body }) });
const everyMinute = { 'Upstash-Cron': '* * * * *' };
const yearly = { 'Upstash-Cron': '0 0 1 1 *' };
const change = async (method: string, path: string) => (await api.call(`/v2/schedules/${path}`, { method })).status;
const read = (id: string) => api.read(`/v2/schedules/${id}`);
const list = () => api.read<Fields[]>('/v2/Schedules/');
const mark = (text: string) => `REDACTED:${createHash('sha256').update(text).digest('hex')}`;

async function create(path: string, headers: Record<string, string>, body?: string): Promise<string> {
  const response = await post(path, headers, body);
  const reply = (await response.json()) as { scheduleId: string };
  if (response.status !== 200) throw new Error(JSON.stringify(reply));
  return reply.scheduleId;
}

async function refusal(response: Response): Promise<[number, string]> {
  return [response.status, await readError(response)];
}

describe('200', () => {
  test('a schedule reads back as it was made, empty fields left out', async () => {
    const id = await create(
      urlOf('/all?x=1'),
      {
        'Upstash-Cron': '  */10 * * * *  ',
        'Upstash-Method': 'put',
        'Content-Type': 'text/plain',
        'Upstash-Forward-Test-Header': 'v',
        'Upstash-Retries': '2',
        'Upstash-Retry-Delay': '1000 * (1 + retried)',
        'Upstash-Delay': '10s',
        'Upstash-Timeout': '30s',
        'Upstash-Callback': urlOf('/cb?a=b'),
        'Upstash-Callback-Forward-Trace': 't',
        'Upstash-Failure-Callback': urlOf('/fail'),
        'Upstash-Queue-Name': 'all-queue',
        'Upstash-Flow-Control-Key': 'key',
        'Upstash-Flow-Control-Value': 'parallelism=3, rate=4, period=2s',
        'Upstash-Label': 'a, b',
      },
      'hello',
    );
    expect(id).toMatch(/^scd_\w+$/);
    const { createdAt, nextScheduleTime, ...schedule } = await read(id);
    expect(schedule).toEqual({
      scheduleId: id,
      cron: '*/10 * * * *',
      destination: urlOf('/all?x=1'),
      method: 'PUT',
      header: { 'Content-Type': ['text/plain'], 'Test-Header': ['v'] },
      body: 'hello',
      retries: 2,
      retryDelayExpression: '1000 * (1 + retried)',
      delay: 10,
      timeout: 30,
      callback: urlOf('/cb?a=b'),
      callbackHeader: { Trace: ['t'] },
      failureCallback: urlOf('/fail'),
      queueName: 'all-queue',
      flowControlKey: 'key',
      parallelism: 3,
      rate: 4,
      period: 2,
      label: 'a',
      labels: ['a', 'b'],
      callerIP: '127.0.0.1',
      callerIp: '127.0.0.1',
      isPaused: false,
    });
    expect(Math.abs(Number(createdAt) - Date.now())).toBeLessThan(60_000);
    expect(Number(nextScheduleTime) % 600_000).toBe(0);
    expect(Number(nextScheduleTime)).toBeGreaterThan(Number(createdAt));
    expect(await list()).toContainEqual({ createdAt, nextScheduleTime, ...schedule });
    expect((await api.call('/v2/queues/all-queue')).status).toBe(200);
  });

  test('bytes that are no text are in base64', async () => {
    const body = Buffer.from([0xff, 0]);
    const response = await api.call(`/v2/schedules/${urlOf('/bytes')}`, { method: 'POST', headers: yearly, body });
    const { scheduleId } = (await response.json()) as { scheduleId: string };
    const schedule = await read(scheduleId);
    expect(schedule).toMatchObject({ bodyBase64: body.toString('base64') });
    expect(schedule).not.toHaveProperty('body');
  });

  test.each(['publish', 'enqueue/cron-queue'])('a %s with a cron expression makes a schedule', async (call) => {
    const response = await api.call(
      `/v2/${call}/${urlOf('/by-publish')}?upstash-cron=0+0+1+1+*&upstash-schedule-id=by`,
      {
        method: 'POST',
      },
    );
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ scheduleId: 'by' });
    const queue = call === 'publish' ? {} : { queueName: 'cron-queue' };
    expect(await read('by')).toMatchObject({ destination: urlOf('/by-publish'), cron: '0 0 1 1 *', ...queue });
    expect(system.receiver.at('/by-publish')).toHaveLength(0);
  });

  test('a URL that ends with /pause is a destination, an id before it is that of a schedule', async () => {
    const id = await create('https://a.example/pause', yearly);
    expect(await read(id)).toMatchObject({ destination: 'https://a.example/pause', isPaused: false });
    expect((await post(`${id}/pause`)).status).toBe(200);
    expect(await read(id)).toMatchObject({ isPaused: true });
    expect((await post(`${id}/resume/`)).status).toBe(200);
    expect(await read(id)).toMatchObject({ isPaused: false });
    expect((await post(`${id}/pause/`)).status).toBe(200);
    expect(await read(id)).toMatchObject({ isPaused: true });
  });

  test.each(['PATCH', 'POST'])('%s pauses and resumes, twice as well as once', async (method) => {
    const id = await create(urlOf('/pause'), yearly);
    for (const [call, isPaused] of [
      ['pause', true],
      ['pause', true],
      ['resume', false],
      ['resume', false],
    ] as const) {
      expect(await change(method, `${id}/${call}`)).toBe(200);
      expect((await read(id))['isPaused']).toBe(isPaused);
    }
  });

  test('the same id replaces everything', async () => {
    const headers = { ...yearly, 'Upstash-Schedule-Id': 'Same.id_1-x', 'Upstash-Delay': '5s' };
    await create(urlOf('/old'), { ...headers, 'Content-Type': 'text/plain' }, 'old');
    await change('PATCH', 'Same.id_1-x/pause');
    const { createdAt } = await read('Same.id_1-x');
    await create(urlOf('/new'), { 'Upstash-Cron': '0 0 2 1 *', 'Upstash-Schedule-Id': 'Same.id_1-x' });
    const schedule = await read('Same.id_1-x');
    expect(schedule).toMatchObject({ destination: urlOf('/new'), cron: '0 0 2 1 *', isPaused: false });
    expect(Object.keys(schedule)).not.toEqual(expect.arrayContaining(['body', 'delay', 'header']));
    expect(schedule).not.toHaveProperty('body');
    expect(Number(schedule['createdAt'])).toBeGreaterThanOrEqual(Number(createdAt));
    expect((await list()).filter(({ scheduleId }) => scheduleId === 'Same.id_1-x')).toHaveLength(1);
  });

  test('a time zone', async () => {
    const id = await create(urlOf('/zone'), { 'Upstash-Cron': 'CRON_TZ=America/New_York 0 4 * * *' });
    const { cron, nextScheduleTime } = await read(id);
    expect(cron).toBe('CRON_TZ=America/New_York 0 4 * * *');
    const time = new Date(Number(nextScheduleTime)).toLocaleTimeString('en-GB', { timeZone: 'America/New_York' });
    expect(time).toBe('04:00:00');
  });

  test.each([
    ['a small body', 'secret'],
    ['a large body', 'secret'.repeat(5000)],
  ])('%s and a header are shown as hashes, in the list as well', async (_name, body) => {
    const id = await create(
      urlOf('/redacted'),
      {
        ...yearly,
        'Upstash-Redact-Fields': 'body, header[Authorization]',
        'Upstash-Forward-Authorization': 'Bearer s',
      },
      body,
    );
    const shown = { body: mark(body), header: { Authorization: [mark('Bearer s')] } };
    expect(await read(id)).toMatchObject(shown);
    expect((await list()).find(({ scheduleId }) => scheduleId === id)).toMatchObject(shown);
  });

  test('a schedule that is removed is gone', async () => {
    const id = await create(urlOf('/removed'), yearly);
    expect(await change('DELETE', id)).toBe(200);
    expect((await api.call(`/v2/schedules/${id}`)).status).toBe(404);
    expect((await list()).map(({ scheduleId }) => scheduleId)).not.toContain(id);
  });
});

describe('400', () => {
  test.each([
    ['', 'empty spec string'],
    ['   ', 'empty spec string'],
    ['* * * * * *', 'expected exactly 5 fields'],
    ['60 * * * *', ''],
    ['0 0 31 2 *', 'it never matches'],
    ['@every 5m', 'unrecognized descriptor'],
    ['CRON_TZ=Nope/Zone 0 4 * * *', 'unknown time zone Nope/Zone'],
    ['__proto__ * * * *', ''],
  ])('the cron expression "%s"', async (cron, reason) => {
    const [status, error] = await refusal(await post(urlOf('/bad'), { 'Upstash-Cron': cron }));
    expect(status).toBe(400);
    expect(error).toMatch(/^Invalid cron expression /);
    expect(error).toContain(reason);
  });

  test.each([
    ['no cron expression', 'https://a.example', {}, /^Invalid cron expression empty spec string$/],
    ['an id with a blank', 'https://a.example', { ...yearly, 'Upstash-Schedule-Id': 'a b' }, /^Upstash-Schedule-Id: /],
    ['an id with a slash', 'https://a.example', { ...yearly, 'Upstash-Schedule-Id': 'a/b' }, /^Upstash-Schedule-Id: /],
    ['a long id', 'https://a.example', { ...yearly, 'Upstash-Schedule-Id': 'a'.repeat(257) }, /at most 256/],
    ['a queue name', 'https://a.example', { ...yearly, 'Upstash-Queue-Name': 'bad name' }, /^Upstash-Queue-Name: /],
    ['an option', 'https://a.example', { ...yearly, 'Upstash-Delay': 'soon' }, /^Upstash-Delay: /],
    ['a callback', 'https://a.example', { ...yearly, 'Upstash-Callback': 'http://169.254.169.254/' }, /callback url/],
    ['no destination', '', yearly, /^a non-empty destination must be provided$/],
    ['a destination without scheme', 'a.example', yearly, /invalid scheme/],
    ['a forbidden address', 'http://169.254.169.254/', yearly, /^invalid destination url: /],
  ])('%s', async (_name, destination, headers, expected) => {
    const before = (await list()).length;
    const [status, error] = await refusal(await post(destination, headers));
    expect(status).toBe(400);
    expect(error).toMatch(expected);
    expect(await list()).toHaveLength(before);
  });

  test('a batch makes no schedules', async () => {
    const body = JSON.stringify([{ destination: urlOf('/batch'), headers: everyMinute }]);
    const [status, error] = await refusal(await api.call('/v2/batch', { method: 'POST', body }));
    expect(status).toBe(400);
    expect(error).toContain('/v2/schedules/');
  });
});

test('403: a token that may only read lists and reads, and changes nothing', async () => {
  const headers = { Authorization: 'Bearer read-only', ...yearly };
  expect((await api.call('/v2/schedules', { headers })).status).toBe(200);
  const id = await create(urlOf('/read-only'), yearly);
  expect((await api.call(`/v2/schedules/${id}`, { headers })).status).toBe(200);
  for (const [method, path] of [
    ['POST', `${id}/pause`],
    ['PATCH', `${id}/resume`],
    ['DELETE', id],
    ['POST', urlOf('/read-only')],
  ] as const) {
    expect((await api.call(`/v2/schedules/${path}`, { method, headers })).status).toBe(403);
  }
});

test('404: a schedule or a group that does not exist', async () => {
  expect(await refusal(await api.call('/v2/schedules/unknown'))).toEqual([404, 'schedule unknown not found']);
  for (const [method, path] of [
    ['DELETE', 'unknown'],
    ['PATCH', 'unknown/pause'],
    ['POST', 'unknown/resume'],
  ] as const) {
    expect(await change(method, path)).toBe(404);
  }
  expect(await refusal(await post('no-group', yearly))).toEqual([404, 'topic no-group not found']);
});

test('412: too many schedules, while one may still be replaced; too many retries', async () => {
  const id = await create(urlOf('/limit'), yearly);
  const limited = await startApi(system.redis.url, { MAX_SCHEDULES: '1' });
  const again = (headers: Record<string, string>) =>
    limited.call(`/v2/schedules/${urlOf('/limit')}`, { method: 'POST', headers });
  expect(await refusal(await again(yearly))).toEqual([412, 'There can be at most 1 schedules.']);
  expect((await again({ ...yearly, 'Upstash-Schedule-Id': id })).status).toBe(200);
  expect((await again({ ...yearly, 'Upstash-Schedule-Id': id, 'Upstash-Retries': '21' })).status).toBe(412);
  await limited.end('SIGKILL');
});

test('413: a body that is too large', async () => {
  expect((await post(urlOf('/large'), yearly, 'x'.repeat(100_001))).status).toBe(413);
});

// The only test that waits for a minute: all that a trigger does.
test('a minute comes: one message for each schedule, wherever it goes and however it ends', async () => {
  await api.addEndpoints('trio', urlOf('/one'), urlOf('/two'));
  await api.addEndpoints('gone', urlOf('/gone'));
  await api.call('/v2/queues', {
    method: 'POST',
    body: JSON.stringify({ queueName: 'ticks', parallelism: 4, paused: true }),
  });
  system.receiver.reply('/two', 500);
  system.receiver.reply('/hanging', () => undefined);
  const body = 'y'.repeat(50_000);
  // All of them are to see the same minute.
  await eventually(() => Date.now() % 60_000 < 50_000);
  const [plain, group, queued, paused, lost, redacted, canceled, hanging] = await Promise.all([
    create(urlOf('/plain'), { ...everyMinute, 'Upstash-Forward-X': 'v' }, 'tick'),
    create('trio', { ...everyMinute, 'Upstash-Retries': '0' }),
    create(urlOf('/queued'), { ...everyMinute, 'Upstash-Queue-Name': 'ticks', 'Upstash-Delay': '1s' }),
    create(urlOf('/paused'), everyMinute),
    create('gone', everyMinute),
    create(urlOf('/secret'), { ...everyMinute, 'Upstash-Redact-Fields': 'body' }, body),
    create(urlOf('/canceled'), { ...everyMinute, 'Upstash-Delay': '1h' }),
    create(urlOf('/hanging'), everyMinute),
  ]);
  await change('PATCH', `${paused}/pause`);
  await api.request('DELETE', '/v2/topics/gone');
  const { nextScheduleTime: minute } = await read(plain);

  const states = async (id: string) =>
    Object.entries((await read(id))['lastScheduleStates'] ?? {}) as [string, string][];
  const firstOf = (id: string) => eventually(async () => (await states(id))[0], 75_000);
  const [canceledId] = await firstOf(canceled);
  expect((await api.states(canceledId)).at(-1)).toBe('CREATED');
  await api.request('DELETE', `/v2/messages/${canceledId}`);
  expect(await states(canceled)).toEqual([[canceledId, 'FAIL']]);

  // What it has made is not touched when it is removed.
  const [queuedId, queuedState] = await firstOf(queued);
  expect(queuedState).toBe('IN_PROGRESS');
  expect(await change('DELETE', queued)).toBe(200);
  expect(system.receiver.at('/queued')).toEqual([]);
  await api.request('POST', '/v2/queues/ticks/resume');
  expect((await system.receiver.first('/queued')).headers['upstash-message-id']).toBe(queuedId);
  expect(await api.read('/v2/queues/ticks')).toMatchObject({ parallelism: 4 });

  await eventually(async () => (await states(plain))[0]?.[1] === 'SUCCESS');
  const [received, ...more] = system.receiver.at('/plain');
  expect(more).toEqual([]);
  expect(received?.body.toString()).toBe('tick');
  expect(received?.headers).toMatchObject({
    x: 'v',
    'upstash-schedule-id': plain,
    'upstash-caller-ip': '127.0.0.1',
  });
  const schedule = await read(plain);
  expect(schedule).toMatchObject({
    lastScheduleTime: minute,
    nextScheduleTime: Number(minute) + 60_000,
    lastScheduleStates: { [String(received?.headers['upstash-message-id'])]: 'SUCCESS' },
  });
  expect(schedule).not.toHaveProperty('error');

  await eventually(async () => (await states(group)).every(([, state]) => state !== 'IN_PROGRESS'));
  expect((await states(group)).map(([, state]) => state).sort()).toEqual(['FAIL', 'SUCCESS']);
  expect(system.receiver.at('/one')[0]?.headers['upstash-topic-name']).toBe('trio');
  expect(system.receiver.at('/two')).toHaveLength(1);

  const secret = await system.receiver.first('/secret');
  expect(secret.body.toString()).toBe(body);
  const message = (await (
    await api.call(`/v2/messages/${String(secret.headers['upstash-message-id'])}`)
  ).json()) as Fields;
  expect(message).toMatchObject({ scheduleId: redacted, body: mark(body), createdAt: minute });

  expect(await read(lost)).toMatchObject({ error: 'topic gone not found' });
  await eventually(async () => (await read(paused))['nextScheduleTime'] === Number(minute) + 60_000);
  expect(system.receiver.at('/paused')).toHaveLength(0);
  expect(await read(paused)).not.toHaveProperty('lastScheduleTime');

  // Canceled in flight, and no dispatcher is left to report how it ended.
  const [hangingId] = await firstOf(hanging);
  await system.receiver.first('/hanging');
  await api.request('POST', `/v2/schedules/${hanging}/pause`);
  await api.request('DELETE', `/v2/messages/${hangingId}`);
  expect(await states(hanging)).toEqual([[hangingId, 'IN_PROGRESS']]);
  await Promise.all(dispatchers.map((dispatcher) => dispatcher.end('SIGKILL')));
  dispatchers.push(await startDispatcher(system.redis.url, soonTakenBack));
  await eventually(async () => (await states(hanging))[0]?.[1] === 'FAIL');
}, 180_000);
