import { keyspace } from '../engine/redis/keyspace.ts';
import { plain, request, step, url, useRuns, type LogElement } from './runs.fixture.ts';

const runs = useRuns();
const { start, submit, fail, readLog, readField, readDeliveries } = runs;

const repeat = async (mode: 'restart' | 'resume', dlqId: string, headers: string[] = []) => {
  const [run] = (await runs.broker.workflows.letters.repeat([dlqId], mode, headers)) ?? [];
  return run?.workflowRunId ?? '';
};
/** What the messages of a run would deliver. */
const composeAll = async (runId: string) =>
  Promise.all(
    (await readDeliveries(runId)).map(async (delivery) => {
      const attempt = await runs.broker.workflows.compose(delivery);
      return 'dropped' in attempt ? attempt.dropped : (JSON.parse(attempt.body.toString()) as LogElement[]);
    }),
  );
const plan = (targetStep: number, concurrent: number) => step(0, { targetStep, concurrent });
/** A letter as it is until its new run is stored. */
const keepLetter = async (runId: string) => {
  const { client } = runs.server;
  const [key = ''] = await client.keys(`*:run:state:${runId}`);
  const dlqRuns = key.replace(/:run:state:.*/, ':run:dlq-runs');
  const [dlqId, createdAt] = [await readField(runId, 'dlqId'), await readField(runId, 'createdAt')];
  return () => client.hset(dlqRuns, dlqId, `${runId} ${createdAt}`);
};

test('a dead letter becomes one run, resumed at once by many and again after a crash', async () => {
  await start('wfr_many');
  const [{ messageId } = { messageId: '' }] = await submit('wfr_many', step(1));
  const dlqId = await fail('wfr_many', messageId);
  const restoreLetter = await keepLetter('wfr_many');

  const ids = await Promise.all(
    Array.from({ length: 12 }, (_, n) => repeat(n % 4 === 3 ? 'restart' : 'resume', dlqId)),
  );
  const [runId = ''] = ids;
  expect(new Set(ids)).toEqual(new Set([runId]));
  const log = await readLog(runId);
  const [delivery] = await readDeliveries(runId);
  expect(await readDeliveries(runId)).toHaveLength(1);
  expect(log?.at(-1)?.messageId).toBe(delivery?.id);

  // The process has stored the run and died before it removed the letter.
  for (const mode of ['resume', 'restart'] as const) {
    await restoreLetter();
    expect(await repeat(mode, dlqId)).toBe(runId);
  }
  expect(await readLog(runId)).toEqual(log);
  expect((await readDeliveries(runId)).map(({ id }) => id)).toEqual([delivery?.id]);
  expect(await composeAll(runId)).toEqual([log]);
  const keys = await runs.server.client.keys(`*:run:*:${runId}*`);
  expect(keys.filter((key) => key.includes(' '))).toEqual([]);
  expect(await Promise.all(keys.map((key) => runs.server.client.pttl(key)))).toEqual(keys.map(() => -1));
});

test.each(['restart', 'resume'] as const)(
  'a %s that is repeated after the end of its run starts no other',
  async (mode) => {
    await start(`wfr_${mode}`);
    const [{ messageId } = { messageId: '' }] = await submit(`wfr_${mode}`, step(1));
    const dlqId = await fail(`wfr_${mode}`, messageId);
    const restoreLetter = await keepLetter(`wfr_${mode}`);
    const runId = await repeat(mode, dlqId);
    await runs.broker.workflows.finish(runId, '"done"');
    await restoreLetter();
    expect(await repeat(mode, dlqId)).toBe(runId);
    expect(await readField(runId, 'state')).toBe('RUN_SUCCESS');
  },
);

test('a resumed run whose results were not shown together goes on with all of them', async () => {
  await start('wfr_beside');
  await submit('wfr_beside', plan(1, 2), plan(2, 2));
  const [{ messageId } = { messageId: '' }] = await submit('wfr_beside', step(2, { concurrent: 2 }));
  await submit('wfr_beside', step(1, { concurrent: 2 }));
  const log = await readLog('wfr_beside');
  const runId = await repeat('resume', await fail('wfr_beside', messageId));
  const [delivered, ...others] = await composeAll(runId);
  expect(others).toEqual([]);
  expect(delivered).toHaveLength(5);
  expect(delivered).toEqual(await readLog(runId));
  expect(log?.map(({ body }) => body)).toEqual((await readLog(runId))?.map(({ body }) => body));
});

describe('an endpoint that is no workflow', () => {
  test.each(['restart', 'resume'] as const)('is found by a %s of a run that was begun with an SDK', async (mode) => {
    const id = `wfr_detect-${mode}`;
    await start(id);
    const [{ messageId } = { messageId: '' }] = (await readLog(id)) ?? [];
    const runId = await repeat(mode, await fail(id, messageId));
    const [delivery] = await readDeliveries(runId);
    expect(delivery?.message.workflow).toMatchObject({ kind: 'init', detectsWorkflow: true });
    expect(delivery?.message.workflow).not.toHaveProperty('isUnknownSdk');
  });

  test.each(['restart', 'resume'] as const)('is found by a %s of a run that was begun without one', async (mode) => {
    const [run] = await runs.broker.workflows.trigger([plain('payload')]);
    const id = run?.workflowRunId ?? '';
    const [{ messageId } = { messageId: '' }] = (await readLog(id)) ?? [];
    const runId = await repeat(mode, await fail(id, messageId));
    const [delivery] = await readDeliveries(runId);
    expect(delivery?.message.workflow).toMatchObject({ kind: 'init', isUnknownSdk: true });
    // The endpoint starts it with its SDK, as it would have started the first run.
    const second = request(runId, true, 'payload', { 'Upstash-Workflow-Trigger-By-Sdk': 'true' });
    expect(await runs.broker.publishBatch([second])).toMatchObject([{ url }]);
    expect(await readLog(runId)).toHaveLength(1);
    const inits = (await readDeliveries(runId)).map(({ message }) => message.workflow.isUnknownSdk);
    expect(inits.sort()).toEqual([true, undefined]);
  });
});

test('a step beside the one that failed sleeps as long as it would have', async () => {
  await start('wfr_sleeps');
  const sleep = request('wfr_sleeps', false, plan(1, 2), { 'Upstash-Delay': '3d' });
  const [, second] = await runs.broker.publishBatch([sleep, request('wfr_sleeps', false, plan(2, 2))]);
  const { messageId } = second as { messageId: string };
  const [slept] = (await readDeliveries('wfr_sleeps')).filter(({ message }) => message.workflow.step?.id === 1);
  const runId = await repeat('resume', await fail('wfr_sleeps', messageId), ['Upstash-Delay', '1h']);
  const after = new Map((await readDeliveries(runId)).map(({ message }) => [message.workflow.step?.id, message]));
  expect(after.get(1)?.notBefore).toBe(slept?.message.notBefore);
  expect(Math.round(((after.get(2)?.notBefore ?? 0) - Date.now()) / 60_000)).toBe(60);
});

describe('the limits of a flow-control key are known', () => {
  const limitsOf = async (key: string) => (await runs.broker.flowControls.get(key))?.parallelismMax;
  const forget = (name: string) =>
    runs.server.client.del(keyspace.lane(runs.broker.lanes.shardOf({ kind: 'flow', name }), 'flow', name));
  const header = (name: string, key: string) => ({
    [`${name}Flow-Control-Key`]: key,
    [`${name}Flow-Control-Value`]: 'parallelism=3',
  });

  test('when a request to resume names one', async () => {
    await start('wfr_flow');
    const [{ messageId } = { messageId: '' }] = (await readLog('wfr_flow')) ?? [];
    await repeat('resume', await fail('wfr_flow', messageId), Object.entries(header('Upstash-', 'resumed')).flat());
    expect(await limitsOf('resumed')).toBe(3);
  });

  test('when a failure is reported, and when that is repeated', async () => {
    await start('wfr_reports', {
      'Upstash-Failure-Callback': url,
      ...header('Upstash-Failure-Callback-', 'reported'),
    });
    const [{ messageId } = { messageId: '' }] = (await readLog('wfr_reports')) ?? [];
    const dlqId = await fail('wfr_reports', messageId);
    expect(await limitsOf('reported')).toBe(3);
    const callback = (await readDeliveries('wfr_reports')).find(({ message }) => message.workflow.kind === 'failure');
    await fail('wfr_reports', callback?.id ?? '');
    await forget('reported');
    await runs.broker.workflows.letters.repeatCallback(dlqId);
    expect(await limitsOf('reported')).toBe(3);
  });

  test('when a step waits', async () => {
    await start('wfr_waits', header('Upstash-', 'waits'));
    await forget('waits');
    const { headers } = request('wfr_waits', false, '');
    const waiting = { stepId: 1, stepName: 'wait', stepType: 'Wait', concurrent: 1 };
    await runs.broker.workflows.wait('e', headers, {
      url,
      timeout: '60s',
      timeoutUrl: url,
      timeoutHeaders: {},
      step: waiting,
    });
    expect(await limitsOf('waits')).toBe(3);
  });
});
