import type { Overview } from '@posthorn/shared';
import { eventually } from '@posthorn/testkit';
import { useWorkflowSystem } from './workflow-system.fixture.ts';

const workflows = useWorkflowSystem();
const post = (path: string, init: RequestInit & { headers?: Record<string, string> } = {}) =>
  workflows.system.api.call(path, { method: 'POST', ...init });

describe('flow control', () => {
  test('never two deliveries of a key at once; a call has a key of its own', async () => {
    let now = 0;
    let most = 0;
    const busy = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 30));
      now -= 1;
    };
    const url = workflows.define('/one-at-a-time', async (context) => {
      await Promise.all([context.run('a', busy), context.run('b', busy), context.run('c', busy)]);
      await context.call('ask', {
        url: `${workflows.system.receiver.url}/own-key`,
        flowControl: { key: 'call-key', parallelism: 1 },
      });
      return context.run('last', () => 'done');
    });
    const runs = await workflows.client.trigger(
      Array.from({ length: 3 }, () => ({ url, flowControl: { key: 'run-key', parallelism: 1 } })),
    );
    for (const { workflowRunId } of runs) expect(await workflows.result(workflowRunId)).toBe('done');
    expect(most).toBe(1);
    const { runs: logs } = await workflows.client.logs({ filter: { workflowRunId: runs[0]?.workflowRunId ?? '' } });
    expect(logs[0]).toMatchObject({ flowControlKey: 'run-key' });
  });
});

test('a message of a run has no page: the overview names its run, and nothing is found by its id', async () => {
  const url = workflows.define('/no-page', async (context) => context.run('a', () => 'done'));
  const first = await workflows.client.trigger({ url });
  expect(await workflows.result(first.workflowRunId)).toBe('done');
  const messageId = String(workflows.at('/no-page')[0]?.headers['upstash-message-id']);
  expect(await workflows.system.api.read(`/v2/find?q=${messageId}`)).toEqual({ hits: [] });

  await post('/v2/flowControl/no-page/pause');
  const flowControl = { key: 'no-page', parallelism: 1 };
  const { workflowRunId } = await workflows.client.trigger({ url, flowControl });
  const { oldestWaiting } = await eventually(async () => {
    const overview = await workflows.system.api.read<Overview>('/v2/overview');
    return overview.oldestWaiting ? overview : undefined;
  });
  expect(oldestWaiting).toMatchObject({ workflowRunId, url, kind: 'limited' });
  expect(oldestWaiting).not.toHaveProperty('messageId');
  await post('/v2/flowControl/no-page/resume');
  expect(await workflows.result(workflowRunId)).toBe('done');
});

describe('cancel', () => {
  const start = async (path: string, label: string) => {
    const url = workflows.define(path, async (context) => context.sleep('pause', 600));
    const { workflowRunId } = await workflows.client.trigger({ url, label });
    await eventually(() => workflows.at(path)[0]?.status === 200);
    return { url, workflowRunId };
  };
  const stateOf = async (id: string) => (await workflows.run(id)).workflowState;

  test('by ids, by URL, by the beginning of a URL, by label, and all', async () => {
    const one = await start('/c/one', 'x');
    const two = await start('/c/two', 'x');
    const three = await start('/c/one-more', 'y');
    const four = await start('/d/four', 'z');
    const five = await start('/e/five', 'z');
    const six = await start('/f/six', 'z');
    // Older versions of the SDK send a body.
    const cancelOld = async (body: object) => {
      const headers = { 'Content-Type': 'application/json' };
      const init = { method: 'DELETE', body: JSON.stringify(body), headers };
      return (await (await workflows.system.api.call('/v2/workflows/runs', init)).json()) as unknown;
    };
    expect(await cancelOld({ workflowRunIds: [] })).toEqual({ cancelled: 0 });
    expect(await cancelOld({ workflowRunIds: [four.workflowRunId] })).toEqual({ cancelled: 1 });
    expect(await workflows.client.cancel({ workflowRunIds: [four.workflowRunId] })).toEqual({ cancelled: 0 });
    expect(await workflows.client.cancel({ filter: { workflowUrl: one.url } })).toEqual({ cancelled: 1 });
    expect(await stateOf(three.workflowRunId)).toBe('RUN_STARTED');
    expect(await workflows.client.cancel({ filter: { workflowUrlStartingWith: `${workflows.url}/c/one` } })).toEqual({
      cancelled: 1,
    });
    expect(await workflows.client.cancel({ filter: { label: 'x' } })).toEqual({ cancelled: 1 });
    expect(await stateOf(two.workflowRunId)).toBe('RUN_CANCELED');
    expect(await cancelOld({ workflowUrl: `${workflows.url}/e/` })).toEqual({ cancelled: 1 });
    expect(await stateOf(five.workflowRunId)).toBe('RUN_CANCELED');
    const seven = await start('/g/seven', 'z');
    expect(await workflows.client.cancel({ workflowRunIds: [seven.workflowRunId] })).toEqual({ cancelled: 1 });
    expect(await workflows.client.cancel({ all: true })).toEqual({ cancelled: 1 });
    expect(await stateOf(six.workflowRunId)).toBe('RUN_CANCELED');
  });

  test('a call that names nothing cancels nothing', async () => {
    for (const query of ['', '?workflowRunIds=', '?unknown=1']) {
      const response = await workflows.system.api.call(`/v2/workflows/runs${query}`, { method: 'DELETE' });
      expect([query, response.status]).toEqual([query, 400]);
    }
  });
});

describe('dead letters', () => {
  let isBroken = true;
  const counts: Record<string, number> = {};
  const count = (name: string) => (counts[name] = (counts[name] ?? 0) + 1);
  const define = (path: string) =>
    workflows.define(
      path,
      async (context) => {
        const one = await context.run('one', () => count(`${path} one`));
        const [two, three] = await Promise.all([
          context.run('two', async () => {
            // The step beside it has been accepted when this one fails.
            if (isBroken) await eventually(() => isAccepted(context.workflowRunId, 'three'));
            if (isBroken) throw new Error('broken');
            return count(`${path} two`);
          }),
          context.run('three', () => count(`${path} three`)),
        ]);
        return [one, two, three, context.requestPayload, context.headers.get('x-user')];
      },
      { failureFunction: ({ context }) => void (failed[context.workflowRunId] = true) },
    );
  const failed: Record<string, boolean> = {};
  const isAccepted = async (workflowRunId: string, name: string) =>
    (await workflows.run(workflowRunId)).steps.some(({ steps }) =>
      steps.some((step) => step.stepName === name && step.state === 'STEP_SUCCESS'),
    );
  const fail = async (path: string) => {
    isBroken = true;
    const url = define(path);
    const { workflowRunId } = await workflows.client.trigger({
      url,
      body: path,
      retries: 0,
      label: 'dlq',
      headers: { 'X-User': 'u' },
    });
    const run = await workflows.ended(workflowRunId);
    await eventually(() => failed[workflowRunId]);
    await eventually(() => counts[`${path} three`] === 1);
    return { url, workflowRunId, dlqId: run.dlqId ?? '' };
  };

  test('a restart is a new run with the same payload and headers, which tells its own failure', async () => {
    const { dlqId, workflowRunId } = await fail('/restart');
    const restart = async (id: string) => {
      const { workflowRuns } = await workflows.client.dlq.restart(id);
      return { workflowRunId: workflowRuns[0]?.workflowRunId ?? '' };
    };
    const again = await restart(dlqId);
    expect(again.workflowRunId).not.toBe(workflowRunId);
    const run = await workflows.ended(again.workflowRunId);
    expect(run.workflowState).toBe('RUN_FAILED');
    await eventually(() => failed[again.workflowRunId]);
    isBroken = false;
    const third = await restart(run.dlqId ?? '');
    expect(await workflows.result(third.workflowRunId)).toEqual([3, 1, expect.any(Number), '/restart', 'u']);
    await expect(workflows.client.dlq.restart(dlqId)).rejects.toMatchObject({ status: 404 });
  });

  test('a resumed run does not repeat what is done, and takes the options of the call', async () => {
    const { dlqId } = await fail('/resume');
    isBroken = false;
    const { workflowRuns } = await workflows.client.dlq.resume(dlqId, {
      retries: 7,
      flowControl: { key: 'resumed', parallelism: 1 },
    });
    const again = { workflowRunId: workflowRuns[0]?.workflowRunId ?? '' };
    expect(await workflows.result(again.workflowRunId)).toEqual([1, 1, 1, '/resume', 'u']);
    expect(counts['/resume one']).toBe(1);
    const run = await workflows.run(again.workflowRunId);
    expect(run).toMatchObject({ flowControlKey: 'resumed' });
    const delivered = workflows
      .at('/resume')
      .filter(({ headers }) => headers['upstash-workflow-runid'] === again.workflowRunId);
    expect(delivered[0]?.headers['upstash-retries']).toBe('7');
    for (const { headers, body } of delivered) {
      const all = JSON.parse(body) as { messageId: string }[];
      expect(all.some(({ messageId }) => messageId === headers['upstash-message-id'])).toBe(true);
    }
  });

  test('filters, and removal by id, by filter and of all', async () => {
    const one = await fail('/remove-one');
    const two = await fail('/remove-two');
    const three = await fail('/remove-three');
    const list = async (filter: object) =>
      (await workflows.client.dlq.list({ filter })).messages.map(({ dlqId }) => dlqId);
    expect(await list({ workflowUrl: two.url })).toEqual([two.dlqId]);
    expect(await list({ workflowRunId: one.workflowRunId })).toEqual([one.dlqId]);
    expect(await list({ label: 'dlq', fromDate: Date.now() + 60_000 })).toEqual([]);
    expect(await list({ label: 'dlq', toDate: Date.now() + 60_000 })).toEqual(
      expect.arrayContaining([one.dlqId, two.dlqId, three.dlqId]),
    );
    expect(await list({ failureFunctionState: 'CALLBACK_FAIL' })).toEqual([]);
    await eventually(async () => {
      const told = await list({ failureFunctionState: 'CALLBACK_SUCCESS', workflowUrl: two.url });
      return told[0] === two.dlqId;
    });
    expect(await workflows.client.dlq.delete(one.dlqId)).toMatchObject({ deleted: 1 });
    expect(await workflows.client.dlq.delete({ filter: { workflowUrl: two.url } })).toMatchObject({
      deleted: 1,
    });
    expect(await list({ label: 'dlq' })).toContain(three.dlqId);
    await workflows.client.dlq.delete({ all: true });
    expect(await list({})).toEqual([]);
  });
});

describe('REST', () => {
  test('a trigger without an SDK: one run, begun by its endpoint once more, with the settings of the call', async () => {
    const url = workflows.define<string>('/rest', async (context) => {
      const one = await context.run('one', () => context.requestPayload);
      return [one, context.headers.get('x-user'), context.labels];
    });
    const response = await post(`/v2/trigger/${url}`, {
      body: 'payload',
      headers: { 'Upstash-Retries': '5', 'Upstash-Label': 'rest', 'Upstash-Forward-X-User': 'u' },
    });
    const { workflowRunId, workflowCreatedAt } = (await response.json()) as {
      workflowRunId: string;
      workflowCreatedAt: number;
    };
    expect(await workflows.result(workflowRunId)).toEqual(['payload', 'u', ['rest']]);
    const run = await workflows.run(workflowRunId);
    expect(run.workflowRunCreatedAt).toBe(workflowCreatedAt);
    const deliveries = workflows.at('/rest');
    expect(deliveries[0]?.headers['upstash-workflow-unknown-sdk']).toBe('true');
    expect(deliveries.slice(1).map(({ headers }) => headers['upstash-workflow-unknown-sdk'])).toEqual([
      undefined,
      undefined,
    ]);
    expect(deliveries[1]?.headers['upstash-retries']).toBe('5');
    expect(run.steps.filter(({ type }) => type === 'sequential')).toHaveLength(2);
  });

  test('an endpoint with an old SDK fails the run', async () => {
    workflows.system.receiver.reply('/old', { status: 200, headers: { 'Upstash-Workflow-Sdk-Version': '1' } });
    const response = await post(`/v2/trigger/${workflows.system.receiver.url}/old`);
    const { workflowRunId } = (await response.json()) as { workflowRunId: string };
    const run = await workflows.ended(workflowRunId);
    expect(JSON.stringify(run.steps)).toContain(
      'trigger rest api is only usable with sdk versions after v1.0.0 major version',
    );
  });

  test('many triggers in one call', async () => {
    const url = workflows.define<number>('/rest-batch', async (context) =>
      context.run('one', () => context.requestPayload),
    );
    const response = await post('/v2/batch/trigger', {
      body: JSON.stringify([
        { destination: url, body: '1' },
        { destination: url, body: '2', headers: { 'Upstash-Workflow-RunId': 'wfr_rest-two' } },
      ]),
    });
    expect(response.status).toBe(201);
    const [one, two] = (await response.json()) as { workflowRunId: string }[];
    expect(two?.workflowRunId).toBe('wfr_rest-two');
    expect([await workflows.result(one?.workflowRunId ?? ''), await workflows.result('wfr_rest-two')]).toEqual([1, 2]);
  });
});

test('a step that sleeps, and a message, are delivered at once when a client asks for it', async () => {
  const url = workflows.define('/wakes', async (context) => {
    await context.sleep('pause', 600);
    return 'woke';
  });
  const { workflowRunId } = await workflows.client.trigger({ url });
  const id = await eventually(async () => {
    const next = (await workflows.run(workflowRunId)).steps.at(-1);
    const [step] = next?.steps ?? [];
    return next?.type === 'next' && 'nextDeliveryTime' in (step ?? {}) ? step?.messageId : undefined;
  });
  expect((await post(`/v2/messages/${id}/retry`)).status).toBe(200);
  expect(await workflows.result(workflowRunId)).toBe('woke');
  const { receiver, api } = workflows.system;
  const plain = await api.publish(`${receiver.url}/plain-later`, { headers: { 'Upstash-Delay': '1h' } });
  expect((await post(`/v2/messages/${plain}/retry`)).status).toBe(200);
  await receiver.first('/plain-later');
  expect(receiver.at('/plain-later')[0]?.headers['upstash-retried']).toBe('0');
  const queued = await api.call(`/v2/enqueue/slow/${receiver.url}/queued`, {
    method: 'POST',
    headers: { 'Upstash-Delay': '1h' },
  });
  const { messageId } = (await queued.json()) as { messageId: string };
  expect((await post(`/v2/messages/${messageId}/retry`)).status).toBe(400);
});

describe('logs', () => {
  test('an active run, its next delivery, and pages', async () => {
    const url = workflows.define('/goes-on', async (context) => {
      await context.run('one', () => 1);
      await context.sleep('pause', 600);
    });
    const { workflowRunId } = await workflows.client.trigger({ url });
    const run = await eventually(async () => {
      const found = await workflows.run(workflowRunId);
      const next = found.steps.at(-1);
      // The delivery that brought the step may not have ended yet.
      return next?.type === 'next' && next.steps.length === 1 && found.steps.length === 4 ? found : undefined;
    });
    expect(run.workflowState).toBe('RUN_STARTED');
    expect(run).not.toHaveProperty('workflowRunCompletedAt');
    expect(run).not.toHaveProperty('label');
    expect(run).not.toHaveProperty('invoker');
    const next = run.steps.at(-1) as { steps: { state: string; nextDeliveryTime?: number }[] };
    expect(next.steps[0]?.state).toBe('STEP_PROGRESS');
    expect(next.steps[0]?.nextDeliveryTime).toBeGreaterThan(Date.now() + 500_000);
    expect(run.steps[0]).toMatchObject({
      steps: [{ headers: { 'Content-Type': ['application/json'], 'Upstash-Workflow-Sdk-Version': ['1'] } }],
    });
    const first = await workflows.client.logs({ count: 1 });
    expect(first.runs).toHaveLength(1);
    const second = await workflows.client.logs({ count: 1, cursor: first.cursor });
    expect(second.runs).toHaveLength(1);
    expect(second.runs[0]?.workflowRunId).not.toBe(first.runs[0]?.workflowRunId);
    const states = await workflows.client.logs({ filter: { state: 'RUN_STARTED', workflowUrl: url } });
    expect(states.runs.map((one) => one.workflowRunId)).toEqual([workflowRunId]);
    await workflows.client.cancel(workflowRunId);
  });

  test('what a client wants hidden is shown as a hash, and reaches the workflow', async () => {
    const url = workflows.define<string>('/hidden', async (context) => {
      const one = await context.run('one', () => context.requestPayload);
      return [one, context.headers.get('x-secret')];
    });
    const { workflowRunId } = await workflows.client.trigger({
      url,
      body: 'confidential',
      headers: { 'X-Secret': 'confidential' },
      redact: { body: true, header: ['X-Secret'] },
    });
    const run = await workflows.ended(workflowRunId);
    expect(JSON.stringify(run)).not.toContain('confidential');
    expect(JSON.stringify(run)).toContain('REDACTED:');
    const last = workflows.at('/hidden').at(-1);
    expect(
      Buffer.from((JSON.parse(last?.body ?? '[]') as { body: string }[])[0]?.body ?? '', 'base64').toString(),
    ).toBe('confidential');
    expect(last?.headers['x-secret']).toBe('confidential');
  });
});
