// What the log of a run may take of Redis, with all that is stored beside it.
import { eventually } from '@posthorn/testkit';
import type { BrokerParts } from '../broker.ts';
import { createBroker } from '../create-broker.ts';
import { testOptions } from '../broker.fixture.ts';
import { connectForWork } from '../engine/redis/connect.ts';
import { request, step, url, useRuns } from './runs.fixture.ts';

const maxLogBytes = 200_000;
const maxSteps = 20;
const limits = { maxRuns: 1000, maxSteps, maxLogBytes, lazyBytes: 3e6, retentionMs: 60_000 };
const runs = useRuns({ runs: limits });
const { start, submit, fail } = runs;

const large = { 'Upstash-Forward-X': 'x'.repeat(40_000) };
const submitLarge = (runId: string, ...stepIds: number[]) =>
  runs.broker.publishBatch(stepIds.map((stepId) => request(runId, false, step(stepId), large))) as Promise<
    { messageId: string }[]
  >;
const isFull = { status: 412, message: expect.stringContaining('WORKFLOW_MAX_LOG_BYTES') as string };
/** Bytes of all records of a run but its messages. */
async function measure(runId: string): Promise<number> {
  const keys = await runs.server.client.keys(`*:run:*:${runId}`);
  const sizes = await Promise.all(
    keys.map(async (key) => Number(await runs.server.client.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'))),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('headers of steps count, one by one and in a batch', async () => {
  await start('wfr_headers');
  for (const stepId of [1, 2, 3, 4]) await submitLarge('wfr_headers', stepId);
  await expect(submitLarge('wfr_headers', 5)).rejects.toMatchObject(isFull);
  await start('wfr_batch');
  await expect(submitLarge('wfr_batch', 1, 2, 3, 4, 5)).rejects.toMatchObject(isFull);
  await submitLarge('wfr_batch', 1, 2);
  // A request with a step of another run is checked before any of it is stored.
  const other = request('wfr_headers', false, step(6));
  const three = [3, 4, 5].map((stepId) => request('wfr_batch', false, step(stepId), large));
  await expect(runs.broker.publishBatch([other, ...three])).rejects.toMatchObject(isFull);
  for (const runId of ['wfr_headers', 'wfr_batch']) expect(await measure(runId)).toBeLessThan(1.5 * maxLogBytes);
});

test('a resumed run has no more room than the run that failed', async () => {
  await start('wfr_resumed');
  const accepted = await submitLarge('wfr_resumed', 1, 2, 3, 4);
  const dlqId = await fail('wfr_resumed', accepted[3]?.messageId ?? '');
  const [again] = (await runs.broker.workflows.letters.repeat([dlqId], 'resume', [])) ?? [];
  const runId = again?.workflowRunId ?? '';
  await expect(submitLarge(runId, 5)).rejects.toMatchObject(isFull);
  await submit(runId, step(5));
  // What is delivered again has the headers of its step.
  const deliveries = await runs.readDeliveries(runId);
  expect(deliveries.map(({ message }) => message.header['X']?.[0]?.length)).toContain(40_000);
});

describe('steps that wait', () => {
  const wait = (runId: string, stepId: number, bytes: number) =>
    runs.broker.workflows.wait(`event-${stepId}`, ['Upstash-Workflow-RunId', runId], {
      url,
      timeout: '60s',
      timeoutUrl: url,
      timeoutBody: 'x'.repeat(bytes),
      timeoutHeaders: {},
      step: { stepId, stepName: 'wait', stepType: 'Wait', concurrent: 1 },
    });

  test('count, until they wait no more', async () => {
    await start('wfr_waits');
    for (const stepId of [1, 2, 3]) await wait('wfr_waits', stepId, 60_000);
    await expect(wait('wfr_waits', 4, 60_000)).rejects.toMatchObject(isFull);
    // One that is registered already takes no more room.
    await wait('wfr_waits', 1, 60_000);
    expect(await runs.broker.workflows.notify('event-1', Buffer.from('x'))).toHaveLength(1);
    await wait('wfr_waits', 4, 60_000);
    expect(await runs.broker.workflows.waiters('event-4')).toHaveLength(1);
  });

  test('are refused when they are too large, and when they are too many', async () => {
    await start('wfr_waiters');
    await expect(wait('wfr_waiters', 1, 300_000)).rejects.toMatchObject({ status: 412 });
    for (let stepId = 1; stepId < maxSteps; stepId++) await wait('wfr_waiters', stepId, 10);
    await expect(wait('wfr_waiters', maxSteps, 10)).rejects.toMatchObject({
      status: 412,
      message: expect.stringContaining('WORKFLOW_MAX_STEPS') as string,
    });
  });

  test.each(['event', 'deadline'] as const)(
    'go on with their %s after a limit was lowered and a destination denied',
    async (end) => {
      const runId = `wfr_lowered-${end}`;
      const headers = ['Upstash-Retries', '5', 'Upstash-Failure-Callback', 'https://b.example/failure'];
      await start(runId);
      await runs.broker.workflows.wait(runId, ['Upstash-Workflow-RunId', runId, ...headers], {
        url,
        timeout: '60s',
        timeoutUrl: url,
        timeoutHeaders: { 'Upstash-Retries': ['5'], 'Upstash-Failure-Callback': ['https://b.example/failure'] },
        step: { stepId: 1, stepName: 'wait', stepType: 'Wait', concurrent: 1 },
      });
      const strict: BrokerParts = createBroker({
        ...testOptions,
        redis: connectForWork(runs.server.url),
        shards: 4,
        runs: limits,
        destinations: { allowPrivate: false, allow: [], deny: ['b.example'] },
        ...(testOptions.publish ? { publish: { ...testOptions.publish, maxRetries: 0 } } : {}),
      });
      await eventually(() => strict.redis.status === 'ready');
      if (end === 'event') {
        expect(await strict.workflows.notify(runId, Buffer.from('x'))).toHaveLength(1);
      } else {
        const [deadline] = (await runs.readDeliveries(runId)).filter(({ message }) => message.workflow.kind === 'wait');
        const composed = deadline && (await strict.workflows.compose(deadline));
        expect(composed).toHaveProperty('body');
      }
      await strict.close();
    },
  );
});

test('a refused result of a call is noted only for a call of the run', async () => {
  await start('wfr_refused');
  const calls = {
    'Upstash-Workflow-CallType': 'toCallback',
    'Upstash-Callback': url,
    'Upstash-Callback-Forward-Upstash-Workflow-StepId': '1',
  };
  const [call] = (await runs.broker.publishBatch([request('wfr_refused', false, 'ask', calls)])) as {
    messageId: string;
  }[];
  const response = { status: 200, header: {}, body: Buffer.from('yes') };
  const { workflows } = runs.broker;
  await workflows.settle(
    await runs.readDelivery(call?.messageId ?? ''),
    { kind: 'delivered', response } as never,
    1000,
  );
  const before = await measure('wfr_refused');
  for (let stepId = 2; stepId < 100; stepId++) await workflows.noteRefusal('wfr_refused', stepId, 'x'.repeat(1000));
  expect(await measure('wfr_refused')).toBe(before);

  const sent = await runs.readDeliveries('wfr_refused');
  const result = sent.find(({ message }) => message.workflow.kind === 'callback');
  if (!result) throw new Error('the result of the call is not delivered');
  const failed = { kind: 'retry', error: '500', response: { ...response, status: 500 }, delayMs: 1 } as never;
  expect(await workflows.judge(result, failed)).toMatchObject({ kind: 'retry' });
  await workflows.noteRefusal('wfr_refused', 1, 'too large');
  expect(await workflows.judge(result, failed)).toMatchObject({ kind: 'failed', error: 'too large' });
});

test('an event forgets runs that ended while they waited for it', async () => {
  for (const runId of ['wfr_gone', 'wfr_waits-on']) {
    await start(runId);
    await runs.broker.workflows.wait('forgotten', ['Upstash-Workflow-RunId', runId], {
      url,
      timeout: '7d',
      step: { stepId: 1, stepName: 'wait', stepType: 'Wait', concurrent: 1 },
    });
  }
  const [list = ''] = await runs.server.client.keys('*:run:event:forgotten');
  await runs.broker.workflows.cancel('wfr_gone');
  expect(await runs.server.client.zcard(list)).toBe(2);
  expect(await runs.broker.workflows.notify('forgotten', Buffer.from('x'))).toHaveLength(1);
  expect(await runs.server.client.exists(list)).toBe(0);
});
