import { eventually, testToken } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const readOnlyToken = 'read-only-token-0123';
const hookToken = Buffer.from('{"UserID":"user","Password":"0123456789abcdef"}').toString('base64');
const system = useSystem({
  api: {
    MAX_MESSAGE_BYTES: '20000',
    MAX_RESPONSE_BYTES: '1000',
    MAX_BATCH_BYTES: '1000000',
    QSTASH_READONLY_TOKEN: readOnlyToken,
    QSTASH_TOKEN: `${testToken},${hookToken}`,
    WORKFLOW_MAX_RUNS: '16',
  },
});
afterEach(async () => {
  // Whatever came before, the same process still takes messages.
  await system.api.publish(`${system.receiver.url}/alive`);
  const active = await system.redis.client.keys('*:run:active');
  expect(active.length).toBeLessThanOrEqual(8);
});

const send = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
  fetch(system.api.url + path, {
    method,
    headers: { Authorization: `Bearer ${testToken}`, ...headers },
    ...(body === undefined ? {} : { body }),
  });
const item = (headers: Record<string, string> = {}, more: object = {}) => ({
  destination: `${system.receiver.url}/workflow`,
  headers: { 'upstash-workflow-runid': 'wfr_hostile', 'upstash-workflow-init': 'true', ...headers },
  ...more,
});
const batch = (...items: object[]) => send('POST', '/v2/batch', JSON.stringify(items));
const runs = async () =>
  ((await (await send('GET', '/v2/workflows/logs')).json()) as { runs: { workflowRunId: string }[] }).runs;

describe('requests of a run are refused with 412, and 400 only when it is over', () => {
  test.each([
    ['a slash', 'wfr_a/b'],
    ['a question mark', 'wfr_a?b'],
    ['a number sign', 'wfr_a#b'],
    ['a percent sign', 'wfr_a%b'],
    ['a backslash', 'wfr_a\\b'],
    ['a blank', 'wfr_a b'],
    ['a letter outside of ASCII', 'wfr_ä'],
    ['too many characters', `wfr_${'a'.repeat(300)}`],
    ['nothing', ''],
  ])('an id with %s', async (_, id) => {
    expect((await batch(item({ 'upstash-workflow-runid': id }))).status).toBe(412);
  });

  test.each<[string, () => object]>([
    ['retries over the limit', () => item({ 'upstash-retries': '1000' })],
    ['a wrong delay', () => item({ 'upstash-delay': 'soon' })],
    ['a wrong retry delay', () => item({ 'upstash-retry-delay': 'process.exit()' })],
    ['a flow-control key without a value', () => item({ 'upstash-flow-control-key': 'k' })],
    ['a wrong destination', () => item({}, { destination: 'ftp://x' })],
    ['a URL group', () => item({}, { destination: 'group' })],
    ['a wrong failure callback', () => item({ 'upstash-failure-callback': 'nowhere' })],
    ['a header that cannot be sent', () => item({ 'upstash-forward-x': 'a\nb' })],
    ['a body that is too large', () => item({}, { body: 'x'.repeat(30_000) })],
    ['an item that is too large to be read', () => item({}, { body: 'x'.repeat(300_000) })],
    ['too many headers', () => item(Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`h${n}`, 'v'])))],
    ['headers that are too large', () => item({ h: 'x'.repeat(40_000) })],
    [
      'a call without a callback',
      () => item({ 'upstash-workflow-init': 'false', 'upstash-workflow-calltype': 'toCallback' }),
    ],
    ['invocations that are too deep', () => item({ 'upstash-forward-upstash-workflow-invoke-count': '101' })],
  ])('a batch item with %s, and nothing of the batch is accepted', async (_, create) => {
    const response = await batch(item({ 'upstash-workflow-runid': 'wfr_valid' }), create());
    expect(response.status).toBe(412);
    expect(await runs()).toEqual([]);
  });

  test('a run that is not there', async () => {
    const response = await batch(item({ 'upstash-workflow-init': 'false' }, { body: '{}' }));
    expect(response.status).toBe(400);
    const headers = { 'Upstash-Workflow-RunId': 'wfr_none', 'Upstash-Workflow-Init': 'false' };
    const target = `${system.receiver.url}/workflow`;
    expect((await send('POST', `/v2/publish/${target}`, '{}', headers)).status).toBe(400);
    expect((await send('POST', '/v2/wait/e', '{}', headers)).status).toBe(400);
  });

  test('a publish that is too large', async () => {
    const headers = { 'Upstash-Workflow-RunId': 'wfr_none', 'Upstash-Workflow-Init': 'false' };
    const target = `${system.receiver.url}/workflow`;
    expect((await send('POST', `/v2/publish/${target}`, 'x'.repeat(30_000), headers)).status).toBe(412);
    expect((await send('POST', '/v2/wait/e', 'x'.repeat(30_000), headers)).status).toBe(412);
    expect((await send('POST', '/v2/notify/e', 'x'.repeat(30_000))).status).toBe(412);
  });

  test('wrong waits of an active run', async () => {
    await batch(item({ 'upstash-workflow-runid': 'wfr_waits', 'upstash-delay': '1h' }));
    const headers = { 'Upstash-Workflow-RunId': 'wfr_waits', 'Upstash-Workflow-Init': 'false' };
    const step = { stepId: 1, stepName: 'w', stepType: 'Wait', concurrent: 1 };
    const url = `${system.receiver.url}/workflow`;
    for (const body of [
      'no json',
      '[]',
      '{}',
      JSON.stringify({ url, timeout: '20s', timeoutUrl: url }),
      JSON.stringify({ url, timeout: 'soon', timeoutUrl: url, step }),
      JSON.stringify({ url, timeout: '100000d', timeoutUrl: url, step }),
      JSON.stringify({ url, timeout: '20s', timeoutUrl: 'ftp://x', step }),
      JSON.stringify({ url, timeout: '20s', timeoutUrl: url, step: { ...step, stepId: -1 } }),
      JSON.stringify({ url, timeout: '20s', timeoutUrl: url, step, timeoutHeaders: { 'Upstash-Retries': ['x'] } }),
    ]) {
      expect([body, (await send('POST', '/v2/wait/e', body, headers)).status]).toEqual([body, 412]);
    }
    for (const eventId of ['%zz', '%00', 'a'.repeat(5000)]) {
      expect([eventId, (await send('POST', `/v2/wait/${eventId}`, '{}', headers)).status]).toEqual([eventId, 412]);
    }
    expect(await (await send('GET', '/v2/waiters/e')).json()).toEqual([]);
    expect(await (await send('DELETE', '/v2/workflows/runs?count=10')).json()).toEqual({ cancelled: 1 });
  });

  test('notify never answers 400 or 404', async () => {
    for (const path of ['nothing', 'a/b/c', 'wfr_none/event', '__proto__', 'x'.repeat(200)]) {
      const response = await send('POST', `/v2/notify/${path}`, 'data');
      expect([path, response.status, await response.json()]).toEqual([path, 201, []]);
    }
    for (const path of ['%zz', 'wfr_%zz/e']) expect((await send('POST', `/v2/notify/${path}`)).status).toBe(412);
  });
});

test('limits of what a run and all runs may have', async () => {
  const ids = Array.from({ length: 40 }, (_, n) => `wfr_many-${n}`);
  const statuses: number[] = [];
  for (const id of ids) {
    statuses.push((await batch(item({ 'upstash-workflow-runid': id, 'upstash-delay': '1h' }))).status);
  }
  expect(new Set(statuses)).toEqual(new Set([200, 412]));
  const notes: number[] = [];
  for (let n = 0; n < 1100 && notes.at(-1) !== 412; n++) {
    notes.push((await send('POST', '/v2/notify/wfr_many-0/e', 'x'.repeat(19_000))).status);
  }
  expect(notes.at(-1)).toBe(412);
  await send('DELETE', '/v2/workflows/runs?count=100');
  expect(await system.redis.client.keys('*:run:notes:*')).toEqual([]);
});

describe('a batch of triggers', () => {
  const countStarted = async () => {
    const keys = await system.redis.client.keys('*:run:active');
    const counts = await Promise.all(keys.map((key) => system.redis.client.zcard(key)));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  afterEach(async () => {
    await send('DELETE', '/v2/workflows/runs?count=100');
  });
  const later = { 'upstash-delay': '1h' };
  const many = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, n) => item({ ...later, 'upstash-workflow-runid': `wfr_${prefix}-${n}` }));
  const trigger = (items: object[]) => send('POST', '/v2/batch/trigger', JSON.stringify(items));

  test.each([
    ['of an SDK', (items: object[]) => batch(...items)],
    ['over REST', trigger],
  ])('%s that does not fit begins nothing', async (_, begin) => {
    const response = await begin(many('too-many', 17));
    expect(response.status).toBe(412);
    expect(await response.text()).toContain('WORKFLOW_MAX_RUNS');
    expect(await countStarted()).toBe(0);
  });

  test('takes no room for runs that are active already', async () => {
    const [first] = many('again', 1);
    expect((await batch(first ?? {})).status).toBe(200);
    const again = Array.from({ length: 40 }, () => first ?? {});
    expect((await batch(...again)).status).toBe(200);
    expect(await countStarted()).toBe(1);
  });

  test('over REST of which one is wrong begins nothing', async () => {
    const [first] = many('valid', 1);
    for (const wrong of [{ destination: 'ftp://x' }, item({ 'upstash-delay': 'soon' })]) {
      const response = await trigger([first ?? {}, wrong]);
      expect([400, 412]).toContain(response.status);
      expect(await response.json()).toEqual({ error: expect.stringMatching(/^item 1: /) as string });
    }
    expect(await countStarted()).toBe(0);
  });

  test('that loses its room to another one leaves nothing active', async () => {
    const replies = await Promise.all(Array.from({ length: 12 }, (_, n) => batch(...many(`race-${n}`, 4))));
    const accepted = replies.filter(({ status }) => status === 200).length;
    expect(replies.map(({ status }) => status).filter((status) => status !== 200 && status !== 412)).toEqual([]);
    expect(await countStarted()).toBe(4 * accepted);
  });
});

test.each([
  ['GET', '/v2/workflows/logs?unknown=1', 400],
  ['GET', '/v2/workflows/logs?cursor=nonsense', 400],
  ['GET', '/v2/workflows/logs?count=0', 400],
  ['GET', '/v2/workflows/logs?fromDate=yesterday', 400],
  ['GET', '/v2/workflows/dlq?unknown=1', 400],
  ['GET', '/v2/dlq?source=workflow&unknown=1', 400],
  ['GET', '/v2/workflows/dlq/1-0', 404],
  ['DELETE', '/v2/workflows/dlq/1-0', 404],
  ['POST', '/v2/workflows/dlq/resume/1-0', 404],
  ['POST', '/v2/workflows/dlq/restart?dlqIds=1-0', 404],
  ['POST', '/v2/workflows/dlq/callback/1-0', 404],
  ['DELETE', '/v2/workflows/dlq/callback/nonsense', 404],
  ['GET', '/v2/workflows/runs/wfr_none', 404],
  ['DELETE', '/v2/workflows/runs/wfr_none', 404],
  ['DELETE', '/v2/workflows/runs/wfr_none?cancel=false', 200],
  ['DELETE', '/v2/workflows/runs', 400],
  ['DELETE', '/v2/workflows/runs?workflowRunIds=', 400],
  ['POST', '/v2/trigger/ftp://x', 400],
  ['POST', '/v2/trigger/', 400],
  ['POST', '/v2/trigger', 400],
  ['POST', '/v2/wait/', 412],
  ['POST', '/v2/notify', 412],
  ['POST', '/v2/batch/trigger', 400],
  ['GET', '/v2/waiters/%zz', 400],
])('%s %s answers %i', async (method, path, status) => {
  expect((await send(method, path)).status).toBe(status);
});

test('a run whose result is too large ends with the beginning of it', async () => {
  const later = { 'upstash-delay': '1h', 'upstash-workflow-runid': 'wfr_long-result' };
  expect((await batch(item(later))).status).toBe(200);
  const ended = await send('DELETE', '/v2/workflows/runs/wfr_long-result?cancel=false', 'ü'.repeat(20_000));
  expect(ended.status).toBe(200);
  const response = await send('GET', '/v2/workflows/logs?workflowRunId=wfr_long-result');
  expect(await response.json()).toMatchObject({
    runs: [{ workflowState: 'RUN_SUCCESS', workflowRunResponse: 'ü'.repeat(10_000) }],
  });
});

test('without a token nothing is shown, and a token that may only read changes nothing', async () => {
  for (const [method, path, reads] of [
    ['POST', '/v2/trigger/https://example.com', false],
    ['POST', '/v2/batch/trigger', false],
    ['POST', '/v2/notify/e', false],
    ['POST', '/v2/wait/e', false],
    ['GET', '/v2/waiters/e', true],
    ['GET', '/v2/workflows/logs', true],
    ['GET', '/v2/workflows/runs/wfr_x', true],
    ['DELETE', '/v2/workflows/runs/wfr_x', false],
    ['DELETE', '/v2/workflows/runs?count=1', false],
    ['POST', '/v2/workflows/dlq/resume', false],
    ['DELETE', '/v2/workflows/dlq', false],
  ] as const) {
    expect([path, (await send(method, path, undefined, { Authorization: '' })).status]).toEqual([path, 401]);
    const readOnly = await send(method, path, undefined, { Authorization: `Bearer ${readOnlyToken}` });
    expect([path, readOnly.status === 403]).toEqual([path, !reads]);
  }
});

describe('the public webhook receiver', () => {
  test('is bounded, and shows no difference between what is wrong', async () => {
    const hook = (path: string, init: RequestInit = {}) => fetch(`${system.api.url}/v2/workflows/hooks/${path}`, init);
    const texts = new Set<string>();
    for (const path of ['user/wfr_none/evt', 'other/wfr_none/evt', '__proto__/wfr_none/evt', 'user/__proto__/evt']) {
      const response = await hook(path);
      expect(response.status).toBe(404);
      texts.add(await response.text());
    }
    expect(texts.size).toBe(1);
    expect((await hook('user/wfr_none/evt', { method: 'POST', body: 'x'.repeat(30_000) })).status).toBe(404);
    await batch(item({ 'upstash-workflow-runid': 'wfr_hook', 'upstash-delay': '1h' }));
    expect((await hook('user/wfr_hook/evt', { method: 'POST', body: 'x'.repeat(30_000) })).status).toBe(413);
    await send('DELETE', '/v2/workflows/runs?count=100');
    const headers = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`h${n}`, 'v']));
    expect((await hook('user/wfr_none/evt', { headers })).status).toBe(431);
  });

  test('keeps a bounded number of calls of a run', async () => {
    await batch(item({ 'upstash-workflow-runid': 'wfr_hook', 'upstash-delay': '1h' }));
    let last = 0;
    for (let n = 0; n < 1100 && last !== 412; n++) {
      const url = `${system.api.url}/v2/workflows/hooks/user/wfr_hook/evt`;
      last = (await fetch(url, { method: 'POST', body: 'x'.repeat(15_000) })).status;
    }
    expect(last).toBe(412);
    await send('DELETE', '/v2/workflows/runs?count=100');
  });
});

test('messages of a run belong to it alone: plain calls neither show nor cancel them', async () => {
  await batch(item({ 'upstash-workflow-runid': 'wfr_plain', 'upstash-delay': '1h' }));
  const { runs: found } = (await (await send('GET', '/v2/workflows/logs?workflowRunId=wfr_plain')).json()) as {
    runs: { steps: { steps: { messageId: string }[] }[] }[];
  };
  const id = found[0]?.steps[0]?.steps[0]?.messageId ?? '';
  expect(id).toMatch(/^msg_/);
  expect((await send('GET', `/v2/messages/${id}`)).status).toBe(404);
  expect((await send('DELETE', `/v2/messages/${id}`)).status).toBe(404);
  await send('DELETE', '/v2/messages');
  const { events } = (await (await send('GET', `/v2/events?messageId=${id}`)).json()) as { events: unknown[] };
  expect(events).toEqual([]);
  await eventually(async () => (await system.redis.client.keys(`*:deliver:${id}`)).length === 1);
  await send('DELETE', '/v2/workflows/runs?count=100');
});
