import type { TestRedis } from '@posthorn/testkit';
import type { BrokerParts } from '../broker.ts';
import { restoreMessage } from '../engine/shards/stored-message.ts';
import { features, request, step, url, useRuns } from './runs.fixture.ts';

const runs = useRuns();
const { start, submit, readLog } = runs;
let server: TestRedis;
let broker: BrokerParts;
beforeAll(() => {
  ({ server, broker } = runs);
});
const countMessages = async () => (await server.client.keys('*:deliver:msg_*')).length;

test('a step that is submitted many times at once exists once', async () => {
  await start('wfr_once');
  const replies = await Promise.all(Array.from({ length: 50 }, () => submit('wfr_once', step(1))));
  expect(new Set(replies.map(([reply]) => reply?.messageId)).size).toBe(1);
  expect(replies.filter(([reply]) => !reply?.deduplicated)).toHaveLength(1);
  expect(await readLog('wfr_once')).toHaveLength(2);
  await broker.workflows.cancel('wfr_once');
});

test('runs with one id that begin at once are one run', async () => {
  const replies = (await Promise.all(Array.from({ length: 50 }, () => start('wfr_same')))).flat();
  expect(new Set(replies.map(({ messageId }) => messageId)).size).toBe(1);
  expect(replies.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
  expect(await readLog('wfr_same')).toHaveLength(1);
  await broker.workflows.cancel('wfr_same');
});

test('steps side by side are accepted in their order, all of them or none', async () => {
  await start('wfr_plans');
  const plans = [1, 2, 3].map((targetStep) => step(0, { targetStep, concurrent: 3 }));
  const wrong = request('wfr_plans', false, plans[0] ?? '', { 'Upstash-Delay': 'soon' });
  await expect(
    broker.publishBatch([...plans.map((body) => request('wfr_plans', false, body)), wrong]),
  ).rejects.toMatchObject({ status: 412 });
  expect(await readLog('wfr_plans')).toHaveLength(1);
  const ids = (await submit('wfr_plans', ...plans)).map(({ messageId }) => messageId);
  const log = (await readLog('wfr_plans')) ?? [];
  expect(log.slice(1).map(({ messageId }) => messageId)).toEqual(ids);
  await broker.workflows.cancel('wfr_plans');
});

test('what races the end of a run is accepted before it, and dropped with it, or refused', async () => {
  const messagesBefore = await countMessages();
  for (let n = 0; n < 20; n++) {
    const runId = `wfr_race-${n}`;
    await start(runId);
    const submitStep = (stepId: number) =>
      submit(runId, step(stepId)).then(
        () => 'accepted',
        (error: unknown) => (error as { status: number }).status,
      );
    const before = Array.from({ length: n % 10 }, (_, at) => submitStep(at + 1));
    const canceled = broker.workflows.cancel(runId);
    const after = Array.from({ length: 10 - (n % 10) }, (_, at) => submitStep((n % 10) + at + 1));
    for (const result of await Promise.all([...before, ...after])) expect(['accepted', 400]).toContain(result);
    expect(await canceled).toBe('canceled');
    expect(await broker.workflows.readLog(runId)).toBeUndefined();
  }
  // What waits cannot be taken out of the list of a queue: it is left as a mark that a worker drops.
  const left = (await server.client.keys('*:deliver:msg_*')).length - messagesBefore;
  const marks = await Promise.all(
    (await server.client.keys('*:deliver:msg_*')).map((key) => server.client.hget(key, 'canceled')),
  );
  expect(marks.filter((mark) => mark === '1').length).toBeGreaterThanOrEqual(left);
  const keys = await server.client.keys('*:run:*:wfr_race-*');
  expect(keys.filter((key) => /:run:(steps|waiters|notes):/.test(key))).toEqual([]);
});

test('a step that starts another run starts one, whatever ids its requests have', async () => {
  await start('wfr_invoker');
  const { createdAt } = await readRun('wfr_invoker');
  const envelope = JSON.stringify({
    body: 'child payload',
    headers: { 'Upstash-Feature-Set': [features] },
    workflowRunId: 'wfr_invoker',
    workflowRunCreatedAt: createdAt,
    workflowUrl: url,
    step: { stepId: 1, stepName: 'child', stepType: 'Invoke', concurrent: 1 },
  });
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      broker.publish(request(`wfr_child-${n}`, true, envelope, { 'Upstash-Workflow-Invoke': 'true' })),
    ),
  );
  expect(new Set(replies.flat().map((reply) => 'messageId' in reply && reply.messageId)).size).toBe(1);
  const children = (await server.client.keys('*:run:state:wfr_child-*')).map((key) => key.replace(/.*:/, ''));
  expect(children).toHaveLength(1);
  const [child = ''] = children;

  await broker.workflows.finish(child, '"result"');
  await broker.workflows.finish(child, '"another"');
  const log = (await readLog('wfr_invoker')) ?? [];
  expect(log).toHaveLength(2);
  expect(JSON.parse(Buffer.from(log[1]?.body ?? '', 'base64').toString())).toMatchObject({
    stepId: 1,
    out: JSON.stringify({ body: '"result"', isFailed: false, isCanceled: false }),
  });
  await broker.workflows.cancel('wfr_invoker');
});

test.each<[string, object]>([
  ['headers', { headers: Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`Upstash-Forward-H${n}`, ['v']])) }],
  ['a step', { step: { stepId: 1, stepType: 'Invoke', stepName: 'x'.repeat(9000) } }],
  ['a URL', { workflowUrl: `${url}/${'x'.repeat(9000)}` }],
  ['values', { other: Array.from({ length: 20_000 }, () => 0) }],
])('an invocation with too many or too large %s is refused', async (_, more) => {
  await start('wfr_many-of-it');
  const { createdAt } = await readRun('wfr_many-of-it');
  const envelope = {
    body: 'a,b,c,'.repeat(10_000),
    headers: {},
    workflowRunId: 'wfr_many-of-it',
    workflowRunCreatedAt: createdAt,
    workflowUrl: url,
    step: { stepId: 1, stepName: 'child', stepType: 'Invoke', concurrent: 1 },
  };
  const invoke = (json: object) =>
    broker.publish(request('wfr_refused', true, JSON.stringify(json), { 'Upstash-Workflow-Invoke': 'true' }));
  await expect(invoke({ ...envelope, ...more })).rejects.toMatchObject({ status: 412 });
  expect(await readLog('wfr_refused')).toBeUndefined();
  await invoke(envelope);
  await broker.workflows.cancel('wfr_refused');
  await broker.workflows.cancel('wfr_many-of-it');
});

test('a process that died before it told the end of a run: a sweep tells it', async () => {
  await start('wfr_told');
  const { createdAt } = await readRun('wfr_told');
  const envelope = JSON.stringify({
    headers: {},
    workflowRunId: 'wfr_told',
    workflowRunCreatedAt: createdAt,
    workflowUrl: url,
    step: { stepId: 1, stepName: 'child', stepType: 'Invoke', concurrent: 1 },
  });
  await broker.publish(request('wfr_dies', true, envelope, { 'Upstash-Workflow-Invoke': 'true' }));
  const [key = ''] = await server.client.keys('*:run:state:wfr_dies');
  const shard = Number(/\{d(\d+)\}/.exec(key)?.[1]);
  const created = (await server.client.hget(key, 'createdAt')) ?? '';
  // As the script leaves it.
  await server.client.hset(key, 'state', 'RUN_CANCELED');
  await server.client.zadd(`{d${shard}}:run:unreported`, Date.now() - 5000, `wfr_dies ${created}`);
  await broker.workflows.sweep(shard);
  await broker.workflows.sweep(shard);
  const log = (await readLog('wfr_told')) ?? [];
  expect(log).toHaveLength(2);
  expect(Buffer.from(log[1]?.body ?? '', 'base64').toString()).toContain('\\"isCanceled\\":true');
  expect(await server.client.zcard(`{d${shard}}:run:unreported`)).toBe(0);
  await broker.workflows.cancel('wfr_told');
});

async function readRun(runId: string): Promise<{ createdAt: number }> {
  const [key = ''] = await server.client.keys(`*:run:state:${runId}`);
  return { createdAt: Number(await server.client.hget(key, 'createdAt')) };
}

test('an event that was kept resumes a step whose registration was cut off before it could', async () => {
  await start('wfr_cut');
  const wait = { url, timeout: '60s', timeoutUrl: url, timeoutHeaders: {}, step: { ...waiting, stepId: 1 } };
  const headers = [
    'Upstash-Workflow-RunId',
    'wfr_cut',
    'Upstash-Workflow-Init',
    'false',
    'Upstash-Feature-Set',
    features,
  ];
  await broker.workflows.wait('cut', headers, wait);
  const [waiters = ''] = await server.client.keys('*:run:waiters:wfr_cut');
  await server.client.hset(waiters.replace(':waiters:', ':notes:'), '1:cut', 'kept');

  const [{ messageId: id } = { messageId: '' }] = (await readLog('wfr_cut')) ?? [];
  const [key = ''] = await server.client.keys(`*:deliver:${id}`);
  const message = restoreMessage(JSON.parse((await server.client.hget(key, 'data')) ?? '')) as never;
  // The endpoint answered its delivery with an error: it comes again.
  expect(await broker.workflows.compose({ id, message, retried: 1, crashes: 0 } as never)).toHaveProperty('dropped');
  const [, result] = (await readLog('wfr_cut')) ?? [];
  expect(JSON.parse(Buffer.from(result?.body ?? '', 'base64').toString())).toMatchObject({
    stepId: 1,
    waitTimeout: false,
    out: Buffer.from('kept').toString('base64'),
  });
  expect(await server.client.exists(waiters)).toBe(0);
  await broker.workflows.cancel('wfr_cut');
});

const waiting = { stepName: 'wait', stepType: 'Wait', concurrent: 1 };
