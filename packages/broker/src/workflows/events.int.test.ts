import { connectForWork } from '../engine/redis/connect.ts';
import type { TestRedis } from '@posthorn/testkit';
import { createBroker, type BrokerParts } from '../broker.ts';
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
const readJob = async (id: string) => {
  const [job = ''] = await server.client.keys(`*:deliver:${id}`);
  return { id, message: JSON.parse((await server.client.hget(job, 'data')) ?? '') as object, retried: 0, crashes: 0 };
};

test('a run without room for an event fails, and those that wait behind it hear of it', async () => {
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

test('a large step that is written in a way that is not known is delivered', async () => {
  await submit('wfr_strange', true, 'payload');
  await submit('wfr_strange', false, JSON.stringify(step(1, 'Run')));
  const body = JSON.stringify({ out: 'x'.repeat(300_000), ...step(2, 'Run') });
  const [{ messageId } = { messageId: '' }] = await submit('wfr_strange', false, body);
  const composed = await broker.workflows.compose((await readJob(messageId)) as never);
  expect(composed).not.toHaveProperty('dropped');
  await broker.workflows.cancel('wfr_strange');
});

test('the last attempt whose answer was lost ends no run that has gone on', async () => {
  const [{ messageId } = { messageId: '' }] = await submit('wfr_lost', true, 'payload');
  const job = await readJob(messageId);
  const answer = { status: 502, header: {}, body: Buffer.from('') };
  const failed = { kind: 'failed', answer, error: 'the destination answered 502', errorKind: 'http' };
  expect(await broker.workflows.judge(job as never, failed as never)).toMatchObject({ kind: 'failed' });
  await submit('wfr_lost', false, JSON.stringify(step(1, 'Run')));
  expect(await broker.workflows.judge(job as never, failed as never)).toMatchObject({ kind: 'canceled' });
  const refused = { ...failed, answer: { ...answer, status: 489 } };
  expect(await broker.workflows.judge(job as never, refused as never)).toMatchObject({ kind: 'failed' });
  await broker.workflows.cancel('wfr_lost');
});

test('runs that are canceled while they are listed are all found', async () => {
  const ids = Array.from({ length: 450 }, (_, n) => `wfr_many-${n}`);
  await Promise.all(ids.map((id) => submit(id, true, 'payload')));
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
