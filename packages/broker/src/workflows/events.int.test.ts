import { connectForWork } from '../engine/redis/connect.ts';
import { restoreMessage } from '../engine/shards/stored-message.ts';
import { eventually, type TestRedis } from '@posthorn/testkit';
import type { BrokerParts } from '../broker.ts';
import { createBroker } from '../create-broker.ts';
import { startTestBroker, testOptions } from '../broker.fixture.ts';

let server: TestRedis;
let broker: BrokerParts;
/** Runs may have two elements in their logs. */
let narrow: BrokerParts;
const page = { count: 1, maxBytes: 1e6 };
let isFull = false;
beforeAll(async () => {
  ({ server, broker } = await startTestBroker(4));
  narrow = createBroker({
    ...testOptions,
    redis: connectForWork(server.url),
    shards: 4,
    runs: { maxRuns: 1000, maxSteps: 2, maxLogBytes: 1e8, lazyBytes: 3e6, retentionMs: 60_000 },
    findNoRoom: () => (isFull ? 'Redis is full.' : undefined),
  });
});
afterAll(async () => {
  await Promise.all([broker.close(), narrow.close()]);
  await server.stop();
});

const url = 'https://a.example/workflow';
const headersOf = (runId: string, isInit: boolean) =>
  Object.entries({
    'Upstash-Workflow-RunId': runId,
    'Upstash-Workflow-Init': String(isInit),
    'Upstash-Feature-Set': 'LazyFetch,InitialBody,WF_DetectTrigger,WF_TriggerOnConfig',
  }).flat();
const submit = (runId: string, isInit: boolean, body: string | Buffer) =>
  broker.publishBatch([
    {
      destination: { kind: 'url', url },
      headers: headersOf(runId, isInit),
      tokenInQuery: false,
      body: Buffer.from(body),
      callerIp: '::1',
    },
  ]) as Promise<{ messageId: string }[]>;
/** Few at a time: each may wait for Redis for 1.5 s. */
async function submitAll(runIds: readonly string[]): Promise<void> {
  for (let from = 0; from < runIds.length; from += 50) {
    await Promise.all(runIds.slice(from, from + 50).map((id) => submit(id, true, 'payload')));
  }
}
const step = (stepId: number, stepType: string) => ({ stepId, stepName: `step ${stepId}`, stepType, concurrent: 1 });
const wait = (runId: string, eventId: string, stepType = 'Wait') =>
  broker.workflows.wait(eventId, headersOf(runId, false), {
    url,
    timeout: '60s',
    timeoutUrl: url,
    timeoutHeaders: {},
    step: step(1, stepType),
  });
const stateOf = async (runId: string) => (await broker.workflows.list({ workflowRunId: [runId] }, page)).runs[0];
const waitWith = (runId: string, stepId: number, more: object) =>
  broker.workflows.wait('limited', headersOf(runId, false), {
    url,
    timeout: '60s',
    timeoutUrl: url,
    step: step(stepId, 'Wait'),
    ...more,
  });
const readDelivery = async (id: string) => {
  const [key = ''] = await server.client.keys(`*:deliver:${id}`);
  const message = restoreMessage(JSON.parse((await server.client.hget(key, 'data')) ?? '')) as object;
  return { id, message, retried: 0, crashes: 0 };
};

describe('the list of an event', () => {
  const events = async () =>
    (await server.client.keys('*:run:event:*')).map((key) => key.slice(key.lastIndexOf(':') + 1)).sort();

  test('has no entry of a step that waits for another event, or no longer', async () => {
    await submit('wfr_listed', true, 'payload');
    await wait('wfr_listed', 'listed');
    for (let n = 0; n < 10; n++) await wait('wfr_listed', `other-${n}`);
    expect(await events()).toEqual(['listed']);
    expect(await broker.workflows.notify('listed', Buffer.from('x'))).toHaveLength(1);
    await wait('wfr_listed', 'listed');
    expect(await events()).toEqual([]);
    await broker.workflows.cancel('wfr_listed');
  });

  test('has no entry of a wait that is refused', async () => {
    await submit('wfr_refused', true, 'payload');
    await submit('wfr_refused', false, JSON.stringify(step(2, 'Run')));
    const refused = narrow.workflows.wait('refused', headersOf('wfr_refused', false), {
      url,
      timeout: '60s',
      step: step(1, 'Wait'),
    });
    await expect(refused).rejects.toMatchObject({ status: 412 });
    expect(await events()).toEqual([]);
    await broker.workflows.cancel('wfr_refused');
  });

  test('keeps the entry of a step that waits, whatever is refused at the same time', async () => {
    await submit('wfr_both', true, 'payload');
    await submit('wfr_both', false, JSON.stringify(step(2, 'Run')));
    const body = { url, timeout: '60s', step: step(1, 'Wait') };
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        (n % 2 === 0 ? narrow : broker).workflows.wait('both', headersOf('wfr_both', false), body),
      ),
    );
    expect(answers.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await broker.workflows.notify('both', Buffer.from('x'))).toHaveLength(1);
    await broker.workflows.cancel('wfr_both');
  });

  test('is read in pieces, and every step that waits is there once', async () => {
    const ids = Array.from({ length: 200 }, (_, n) => `wfr_each-${n}`);
    await submitAll(ids);
    await Promise.all(ids.map((id) => wait(id, 'each')));
    expect(await broker.workflows.waiters('each')).toHaveLength(200);
    const notified = await broker.workflows.notify('each', Buffer.from('x'));
    expect(notified.map(({ workflowRunId }) => workflowRunId).sort()).toEqual(ids.sort());
    expect(await events()).toEqual([]);
    expect(await broker.workflows.cancelMatching({ workflowRunId: ids }, 1000)).toBe(200);
  });
});

test('a run without room for an event fails, and waiters behind it get the event', async () => {
  await submit('wfr_full', true, 'payload');
  await wait('wfr_full', 'shared');
  await submit('wfr_full', false, JSON.stringify(step(2, 'Run')));
  await submit('wfr_behind', true, 'payload');
  await wait('wfr_behind', 'shared');
  expect(await narrow.workflows.notify('shared', Buffer.from('x'))).toMatchObject([{ workflowRunId: 'wfr_behind' }]);
  expect((await stateOf('wfr_full'))?.workflowState).toBe('RUN_FAILED');
  await broker.workflows.cancel('wfr_behind');
});

test('a call of a webhook, which needs no token, resumes no step that waits for an event', async () => {
  await submit('wfr_approval', true, 'payload');
  // Neither one that waits already nor one that waits later.
  expect(await broker.workflows.receiveWebhook('wfr_approval', 'approved', Buffer.from('forged'))).toBe(true);
  await wait('wfr_approval', 'approved');
  expect(await broker.workflows.receiveWebhook('wfr_approval', 'approved', Buffer.from('forged'))).toBe(false);
  expect((await broker.workflows.waiters('approved')).length).toBe(1);
  expect(await broker.workflows.notify('approved', Buffer.from('true'), 'wfr_approval')).toHaveLength(1);
  await broker.workflows.cancel('wfr_approval');
});

test('webhook calls before and after the wait feed webhooks', async () => {
  await submit('wfr_hook', true, 'payload');
  expect(await broker.workflows.receiveWebhook('wfr_hook', 'hook', Buffer.from('early'))).toBe(true);
  await wait('wfr_hook', 'hook', 'WaitForWebhook');
  const { runs } = await broker.workflows.list({ workflowRunId: ['wfr_hook'] }, page);
  expect(JSON.stringify(runs[0]?.steps)).toContain('"out":"early"');
  await broker.workflows.cancel('wfr_hook');
});

test('whether a run takes a call of a webhook is known before the call is read', async () => {
  const takes = (eventId = 'hook') => broker.workflows.takesWebhook('wfr_asked', eventId);
  expect(await takes()).toBe(false);
  await submit('wfr_asked', true, 'payload');
  expect(await takes()).toBe(true);
  await wait('wfr_asked', 'for-token');
  expect(await takes('for-token')).toBe(false);
  for (let n = 0; n < 1000; n++) await broker.workflows.receiveWebhook('wfr_asked', 'hook', Buffer.from('x'));
  await expect(takes()).rejects.toMatchObject({ status: 412 });
  await broker.workflows.cancel('wfr_asked');
  expect(await takes()).toBe(false);
});

test('a step that waits was created when its wait began', async () => {
  await submit('wfr_since', true, 'payload');
  const { workflowRunCreatedAt = 0 } = (await stateOf('wfr_since')) ?? {};
  await eventually(() => Date.now() > workflowRunCreatedAt + 100);
  await wait('wfr_since', 'since');
  const groups = (await stateOf('wfr_since'))?.steps ?? [];
  const waiting = groups.flatMap((group) =>
    group.steps.flatMap((one) => ('waitEventId' in one ? [one.createdAt] : [])),
  );
  expect(waiting).toEqual([expect.any(Number)]);
  expect(waiting[0]).toBeGreaterThan(workflowRunCreatedAt + 100);
  await broker.workflows.cancel('wfr_since');
});

test('the id of an event has at most 256 characters', async () => {
  await submit('wfr_named', true, 'payload');
  await wait('wfr_named', 'ä'.repeat(256));
  const refused = { status: 412, message: 'eventId: use 1 to 256 characters without control characters' };
  await expect(wait('wfr_named', 'a'.repeat(257))).rejects.toMatchObject(refused);
  await expect(broker.workflows.notify('a'.repeat(257), Buffer.from('x'))).rejects.toMatchObject(refused);
  await broker.workflows.cancel('wfr_named');
});

describe('what a step that waits may have', () => {
  const header = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`Upstash-Forward-H${n}`, ['v']]));
  beforeAll(() => submit('wfr_limits', true, 'payload'));
  afterAll(() => broker.workflows.cancel('wfr_limits'));

  test.each<[string, object]>([
    ['a body at its deadline', { timeoutBody: 'ä'.repeat(32 * 1024 + 1) }],
    ['headers at its deadline', { timeoutHeaders: header(201) }],
    ['bytes of headers at its deadline', { timeoutHeaders: { 'Upstash-Forward-H': ['x'.repeat(33 * 1024)] } }],
    ['values of one header', { timeoutHeaders: { 'Content-Type': Array.from({ length: 500 }, () => 'text/plain') } }],
    ['a name', { step: { ...step(9, 'Wait'), stepName: 'x'.repeat(9000) } }],
    ['a type', { step: { ...step(9, 'Wait'), stepType: 'x'.repeat(9000) } }],
  ])('%s is limited', async (_, more) => {
    await expect(waitWith('wfr_limits', 9, more)).rejects.toMatchObject({ status: 412 });
    expect(await broker.workflows.waiters('limited')).toEqual([]);
  });

  test('the number of steps of one run that wait is limited; one that waits already is still known', async () => {
    // The log has one element, of 1,000 that it may have: each step that waits becomes another one.
    for (let n = 1; n < 1000; n++) await waitWith('wfr_limits', n, {});
    await expect(waitWith('wfr_limits', 1000, {})).rejects.toMatchObject({ status: 412 });
    await waitWith('wfr_limits', 1, {});
    expect(await broker.workflows.waiters('limited')).toHaveLength(999);
  });
});

test('however much waiters hold, one response is limited, and an event names every waiter that it resumed', async () => {
  const timeoutBody = 'x'.repeat(64 * 1024);
  await submit('wfr_large', true, 'payload');
  for (let n = 1; n <= 80; n++) await waitWith('wfr_large', n, { timeoutBody });
  const listed = await broker.workflows.waiters('limited');
  expect(listed.length).toBeGreaterThan(40);
  expect(JSON.stringify(listed).length).toBeLessThanOrEqual(4 * 1024 * 1024 + 80);

  const notified = await broker.workflows.notify('limited', Buffer.from('x'), 'wfr_large');
  expect(notified).toHaveLength(80);
  expect(JSON.stringify(notified).length).toBeLessThan(4.5 * 1024 * 1024);
  expect(notified[0]?.waiter).toMatchObject({ timeoutBody });
  expect(notified[79]).toMatchObject({ workflowRunId: 'wfr_large', waiter: { url, timeoutHeaders: {} } });
  expect(notified[79]?.waiter.headers['Upstash-Workflow-Runid']).toEqual(['wfr_large']);
  expect(notified[79]?.waiter).not.toHaveProperty('timeoutBody');
  await broker.workflows.cancel('wfr_large');
});

test('a large step that is written in a way that is not known is delivered', async () => {
  await submit('wfr_strange', true, 'payload');
  await submit('wfr_strange', false, JSON.stringify(step(1, 'Run')));
  const body = JSON.stringify({ out: 'x'.repeat(300_000), ...step(2, 'Run') });
  const [{ messageId } = { messageId: '' }] = await submit('wfr_strange', false, body);
  const composed = await broker.workflows.compose((await readDelivery(messageId)) as never);
  expect(composed).not.toHaveProperty('dropped');
  await broker.workflows.cancel('wfr_strange');
});

test('the last attempt whose answer was lost ends no run that has gone on', async () => {
  const [{ messageId } = { messageId: '' }] = await submit('wfr_lost', true, 'payload');
  const delivery = await readDelivery(messageId);
  const response = { status: 502, header: {}, body: Buffer.from('') };
  const failed = { kind: 'failed', response, error: 'the destination answered 502', errorKind: 'http' };
  expect(await broker.workflows.judge(delivery as never, failed as never)).toMatchObject({ kind: 'failed' });
  await submit('wfr_lost', false, JSON.stringify(step(1, 'Run')));
  expect(await broker.workflows.judge(delivery as never, failed as never)).toMatchObject({ kind: 'canceled' });
  const refused = { ...failed, response: { ...response, status: 489 } };
  expect(await broker.workflows.judge(delivery as never, refused as never)).toMatchObject({ kind: 'failed' });
  await broker.workflows.cancel('wfr_lost');
});

test('runs that are canceled while they are listed are all found', async () => {
  const ids = Array.from({ length: 450 }, (_, n) => `wfr_many-${n}`);
  await submitAll(ids);
  expect(await broker.workflows.cancelMatching({ workflowRunId: ids }, 1000)).toBe(450);
});

test('a full Redis refuses at every door that stores something for runs', async () => {
  await submit('wfr_door', true, 'payload');
  isFull = true;
  try {
    const doors = [
      () => narrow.workflows.trigger([]),
      () => narrow.workflows.wait('e', headersOf('wfr_door', false), {}),
      () => narrow.workflows.notify('e', Buffer.from('x')),
      () => narrow.workflows.takesWebhook('wfr_door', 'e'),
      () => narrow.workflows.receiveWebhook('wfr_door', 'e', Buffer.from('x')),
      () => narrow.workflows.letters.repeat(['1-1'], 'restart', []),
      () => narrow.workflows.letters.repeatCallback('1-1'),
    ];
    for (const door of doors) await expect(door()).rejects.toMatchObject({ status: 503 });
    // What ends a run makes room.
    expect(await narrow.workflows.cancel('wfr_door')).toBe('canceled');
  } finally {
    isFull = false;
  }
});
