import { eventually, type Received } from '@posthorn/testkit';
import { WorkflowNonRetryableError, WorkflowRetryAfterError } from '@upstash/workflow';
import { useWorkflowSystem } from './workflow-system.fixture.ts';

const workflows = useWorkflowSystem();

const steps = (path: string) =>
  workflows.at(path).filter(({ headers }) => headers['upstash-workflow-calltype'] === 'step');
const failureCalls = (path: string) =>
  workflows.at(path).filter(({ headers }) => headers['upstash-workflow-calltype'] === 'failureCall');
const fail = (message: string) => () => {
  throw new Error(message);
};

describe('a step that fails', () => {
  test('two attempts, one dead letter, and the failure function with all that it needs', async () => {
    const seen: unknown[] = [];
    const url = workflows.define('/fails', async (context) => context.run('one', fail('broken & <ü>')), {
      failureFunction: async ({ context, failStatus, failResponse }) => {
        seen.push({
          failStatus,
          failResponse,
          payload: context.requestPayload,
          user: context.headers.get('x-user'),
          labels: context.labels,
          runId: context.workflowRunId,
          url: context.url,
        });
        return 'handled';
      },
    });
    const { workflowRunId } = await workflows.client.trigger({
      url,
      body: { n: 1 },
      retries: 1,
      retryDelay: '10',
      label: 'fails',
      headers: { 'X-User': 'u' },
    });
    const run = await eventually(async () => {
      const found = await workflows.run(workflowRunId);
      return found.failureFunction?.state === 'CALLBACK_SUCCESS' ? found : undefined;
    });
    expect(steps('/fails')).toHaveLength(2);
    expect(failureCalls('/fails')).toHaveLength(1);
    expect(seen).toEqual([
      {
        failStatus: 500,
        failResponse: 'broken & <ü>',
        payload: { n: 1 },
        user: 'u',
        labels: ['fails'],
        runId: workflowRunId,
        url,
      },
    ]);
    expect(run).toMatchObject({
      workflowState: 'RUN_FAILED',
      label: 'fails',
      failureFunction: { failStatus: 500, responseStatus: 200, responseBody: 'handled' },
    });
    expect(run.steps.at(-1)).toMatchObject({
      type: 'next',
      steps: [{ state: 'STEP_FAILED', retries: 1, errors: [{ status: 500 }, { error: '500 Internal Server Error' }] }],
    });
    const { messages } = await workflows.client.dlq.list({ filter: { label: 'fails' } });
    expect(messages).toMatchObject([
      {
        dlqId: run.dlqId,
        workflowRunId,
        workflowUrl: url,
        body: '{"n":1}',
        header: { 'X-User': ['u'] },
        responseStatus: 500,
        label: 'fails',
        failureCallbackInfo: { state: 'CALLBACK_SUCCESS' },
      },
    ]);
    expect(messages[0]).not.toHaveProperty('queueName');
    const plain = await workflows.system.api.call('/v2/dlq');
    expect(((await plain.json()) as { messages: unknown[] }).messages).toEqual([]);
  });

  test('an error that is final', async () => {
    const seen: number[] = [];
    const url = workflows.define(
      '/final',
      async (context) =>
        context.run('one', () => {
          throw new WorkflowNonRetryableError('never');
        }),
      { failureFunction: ({ failStatus }) => void seen.push(failStatus) },
    );
    const { workflowRunId } = await workflows.client.trigger({ url });
    await workflows.ended(workflowRunId);
    await eventually(() => seen.length === 1);
    expect(steps('/final')).toHaveLength(1);
    expect(seen).toEqual([489]);
  });

  test.each<[string, 1 | '1s']>([
    ['a number of seconds', 1],
    ['a duration', '1s'],
  ])('an error that says when to try again, with %s', async (name, after) => {
    const path = `/later-${String(after)}`;
    const retried: number[] = [];
    const url = workflows.define(path, async (context) =>
      context.run('one', () => {
        retried.push(context.retried);
        if (retried.length < 3) throw new WorkflowRetryAfterError(name, after);
        return 'done';
      }),
    );
    const { workflowRunId } = await workflows.client.trigger({ url });
    expect((await workflows.ended(workflowRunId)).workflowRunResponse).toBe('"done"');
    expect(retried).toEqual([0, 1, 2]);
    const [first, second] = steps(path);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1000);
  });

  test('the retries and the delay of the trigger count for later steps, and 3 by default', async () => {
    let attempts = 0;
    const url = workflows.define('/later-steps', async (context) => {
      await context.run('one', () => 1);
      await context.run('two', () => 2);
      return context.run('three', () => {
        attempts += 1;
        throw new Error('broken');
      });
    });
    const { workflowRunId } = await workflows.client.trigger({ url, retryDelay: '10' });
    expect((await workflows.ended(workflowRunId)).workflowState).toBe('RUN_FAILED');
    expect(attempts).toBe(4);
  });

  test('without a failure function the run fails, and that is told once', async () => {
    const url = workflows.define('/no-function', async (context) => context.run('one', fail('broken')));
    const { workflowRunId } = await workflows.client.trigger({ url, retries: 0 });
    await workflows.ended(workflowRunId);
    await eventually(() => failureCalls('/no-function')[0]?.status === 200);
    const run = await eventually(async () => {
      const found = await workflows.run(workflowRunId);
      return found.failureFunction ? undefined : found;
    });
    expect(run.workflowState).toBe('RUN_FAILED');
    expect(failureCalls('/no-function')).toHaveLength(1);
  });

  test('a failure URL gets the same body', async () => {
    const url = workflows.define('/failure-url', async (context) => context.run('one', fail('broken')));
    const { receiver } = workflows.system;
    const { workflowRunId } = await workflows.client.trigger({
      url,
      body: 'payload',
      retries: 0,
      failureUrl: `${receiver.url}/told`,
    });
    const request = await eventually((): Received | undefined => receiver.at('/told')[0]);
    const run = await workflows.run(workflowRunId);
    expect(JSON.parse(request.body.toString())).toMatchObject({
      status: 500,
      url,
      sourceBody: Buffer.from('payload').toString('base64'),
      workflowRunId,
      workflowCreatedAt: run.workflowRunCreatedAt,
      dlqId: run.dlqId,
    });
  });

  test('a failure function that fails is tried again, given up, and can be repeated', async () => {
    let isBroken = true;
    let calls = 0;
    const url = workflows.define('/bad-function', async (context) => context.run('one', fail('broken')), {
      failureFunction: () => {
        calls += 1;
        if (isBroken) throw new Error('also broken');
        return 'fine';
      },
    });
    const { workflowRunId } = await workflows.client.trigger({ url, retries: 0 });
    await workflows.ended(workflowRunId);
    const { dlqId = '' } = await eventually(async () => {
      const run = await workflows.run(workflowRunId);
      return run.failureFunction?.state === 'CALLBACK_FAIL' ? run : undefined;
    });
    expect(calls).toBe(1);
    isBroken = false;
    await workflows.client.dlq.retryFailureFunction({ dlqId });
    await eventually(
      async () => (await workflows.run(workflowRunId)).failureFunction?.state === 'CALLBACK_SUCCESS' || undefined,
    );
    await expect(workflows.client.dlq.retryFailureFunction({ dlqId })).rejects.toMatchObject({ status: 400 });
  });
});

test('the failed attempts at a failure function are shown as they are documented', async () => {
  const url = workflows.define('/worse-function', async (context) => context.run('one', fail('broken')), {
    failureFunction: () => {
      throw new Error('also broken');
    },
  });
  const { workflowRunId } = await workflows.client.trigger({ url, retries: 1, retryDelay: '100' });
  await eventually(
    async () => (await workflows.run(workflowRunId)).failureFunction?.state === 'CALLBACK_FAIL' || undefined,
  );
  // `call` compares each reply with its schema.
  const response = await workflows.system.api.call(`/v2/workflows/logs?workflowRunId=${workflowRunId}`);
  const { runs } = (await response.json()) as { runs: { failureFunction: { errors: unknown[] } }[] };
  expect(runs[0]?.failureFunction.errors).toHaveLength(2);
});

test('a deployment that renames a step that is done fails the run, with a text that says so', async () => {
  let name = 'one';
  const url = workflows.define('/deployed', async (context) => {
    await context.run(name, () => 1);
    await context.sleep('pause', 1);
    return context.run('last', () => 2);
  });
  const { workflowRunId } = await workflows.client.trigger({ url, retries: 0 });
  await eventually(() => steps('/deployed')[1]?.status === 200);
  name = 'renamed';
  const run = await workflows.ended(workflowRunId);
  expect(run.workflowState).toBe('RUN_FAILED');
  expect(JSON.stringify(run.steps.at(-1))).toContain('Incompatible step');
});

describe('the end of a run', () => {
  test('a workflow cancels itself, and a client cancels one that sleeps and one that waits', async () => {
    const itself = workflows.define('/cancels', async (context) => {
      await context.run('one', () => 1);
      await context.cancel();
    });
    const sleeps = workflows.define('/sleeps', async (context) => {
      await context.sleep('pause', 2);
      return 'woke';
    });
    const waits = workflows.define('/waits', async (context) => {
      await context.waitForEvent('wait', 'canceled-wait', { timeout: 60 });
    });
    const runs = await workflows.client.trigger([{ url: itself }, { url: sleeps }, { url: waits }]);
    await eventually(() => steps('/sleeps')[0]?.status === 200 && steps('/waits')[0]?.status === 200);
    const ids = runs.map(({ workflowRunId }) => workflowRunId);
    const [one = '', two = '', three = ''] = ids;
    expect((await workflows.ended(one)).workflowState).toBe('RUN_CANCELED');
    expect(await workflows.client.cancel([one, two, three, 'wfr_unknown'])).toEqual({ cancelled: 2 });
    expect(await workflows.client.cancel([two, three])).toEqual({ cancelled: 0 });
    for (const id of ids) {
      const run = await workflows.run(id);
      expect(run.workflowState).toBe('RUN_CANCELED');
      expect(run.dlqId).toBeUndefined();
      expect(run.failureFunction).toBeUndefined();
    }
    expect((await workflows.run(two)).steps.at(-1)).toMatchObject({
      type: 'next',
      steps: [{ state: 'STEP_CANCELED' }],
    });
    expect(await workflows.client.getWaiters({ eventId: 'canceled-wait' })).toEqual([]);
    const keys = await workflows.system.redis.client.keys('*:run:*');
    expect(keys.filter((key) => /:(steps|waiters|notes):/.test(key))).toEqual([]);
    expect(await workflows.system.redis.client.keys('*:deliver:msg_*')).toEqual([]);
  });

  test('what is submitted to a run that is over is refused with 400, and the endpoint answers 200', async () => {
    const url = workflows.define('/over', async (context) => {
      await context.run('cancels', async () => {
        await workflows.client.cancel(context.workflowRunId);
      });
    });
    const { workflowRunId } = await workflows.client.trigger({ url });
    const run = await workflows.ended(workflowRunId);
    await eventually(() => steps('/over')[0]?.status === 200);
    expect(run.workflowState).toBe('RUN_CANCELED');
    expect(steps('/over')).toHaveLength(1);
    const item = {
      destination: url,
      headers: { 'upstash-workflow-runid': workflowRunId, 'upstash-workflow-init': 'false' },
      body: '{"stepId":1,"stepName":"a","stepType":"Run","concurrent":1}',
    };
    const response = await fetch(`${workflows.system.api.url}/v2/batch`, {
      method: 'POST',
      headers: { Authorization: 'Bearer test-token-0123456789', 'Content-Type': 'application/json' },
      body: JSON.stringify([item]),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual([
      { error: 'failed to publish to url: can not append to a a cancelled workflow' },
    ]);
  });

  test.each([
    ['an invalid URL', { url: 'ftp://nowhere' }, 'invalid'],
    ['too many retries', { url: 'https://example.com', retries: 1000 }, 'Upstash-Retries'],
  ])('a call with %s fails the run at once', async (name, call, text) => {
    const path = `/refused-${name.replaceAll(' ', '-')}`;
    const url = workflows.define(path, async (context) => context.call('ask', call));
    const { workflowRunId } = await workflows.client.trigger({ url });
    const run = await workflows.ended(workflowRunId);
    expect(run.workflowState).toBe('RUN_FAILED');
    expect(steps(path)).toHaveLength(1);
    // The log of the message is written with its end, after the end of the run.
    await eventually(async () => JSON.stringify((await workflows.run(workflowRunId)).steps.at(-1)).includes(text));
  });

  test('the result of the first end is kept', async () => {
    const waits = workflows.define('/ends', async (context) =>
      context.waitForEvent('w', 'never-told', { timeout: 60 }),
    );
    const { workflowRunId } = await workflows.client.trigger({ url: waits });
    const end = (body: string) =>
      workflows.system.api.call(`/v2/workflows/runs/${workflowRunId}?cancel=false`, { method: 'DELETE', body });
    expect((await end('"first"')).status).toBe(200);
    expect((await end('"second"')).status).toBe(200);
    expect((await workflows.run(workflowRunId)).workflowRunResponse).toBe('"first"');
  });

  test('an endpoint whose responses are lost does nothing twice', async () => {
    const counts = { one: 0, last: 0 };
    const { receiver } = workflows.system;
    const url = workflows.define('/lost', async (context) => {
      const one = await context.run('one', () => (counts.one += 1));
      const { status } = await context.call('ask', { url: `${receiver.url}/lost-third` });
      const { eventData } = await context.waitForEvent('wait', 'lost', { timeout: 60 });
      await context.sleep('pause', 1);
      const last = await context.run('last', () => (counts.last += 1));
      return [one, status, eventData, last];
    });
    workflows.spoil('/lost', 500, 500, 500, 500, 500, 500, 500, 500);
    const { workflowRunId } = await workflows.client.trigger({ url, retries: 10, retryDelay: '10' });
    await eventually(async () => (await workflows.client.getWaiters({ eventId: 'lost' })).length === 1);
    await workflows.client.notify({ eventId: 'lost', eventData: 'e' });
    const run = await workflows.ended(workflowRunId);
    expect(JSON.parse(run.workflowRunResponse ?? '')).toEqual([1, 200, 'e', 1]);
    expect(counts).toEqual({ one: 1, last: 1 });
    expect(receiver.at('/lost-third')).toHaveLength(1);
  });

  test('the step log of a run that is over is not there', async () => {
    const url = workflows.define('/short', async (context) => context.run('one', () => 1));
    const { workflowRunId } = await workflows.client.trigger({ url });
    await workflows.ended(workflowRunId);
    expect((await workflows.system.api.call(`/v2/workflows/runs/${workflowRunId}`)).status).toBe(404);
  });
});
