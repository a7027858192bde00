// Runs that have failed and are begun again, by an endpoint with the official SDK.
import { eventually, readError } from '@posthorn/testkit';
import { useWorkflowSystem } from './workflow-system.fixture.ts';

const workflows = useWorkflowSystem();
const detected = 'detected a non-workflow destination';
const lastOf = async (workflowRunId: string) => {
  const run = await workflows.ended(workflowRunId);
  return { dlqId: run.dlqId ?? '', state: run.workflowState, text: JSON.stringify(run.steps.at(-1)) };
};
const repeat = async (mode: 'restart' | 'resume', dlqId: string) => {
  const { dlq } = workflows.client;
  const { workflowRuns } = await (mode === 'restart' ? dlq.restart(dlqId) : dlq.resume(dlqId));
  return workflowRuns[0]?.workflowRunId ?? '';
};

test('two clients that resume a run at once get one run, which goes on', async () => {
  let isBroken = true;
  const counts = { one: 0, last: 0 };
  const url = workflows.define('/resumed-twice', async (context) => {
    const one = await context.run('one', () => (counts.one += 1));
    await context.run('breaks', () => {
      if (isBroken) throw new Error('broken');
    });
    await context.sleep('pause', 1);
    return [one, await context.run('last', () => (counts.last += 1))];
  });
  const { workflowRunId } = await workflows.client.trigger({ url, retries: 0 });
  const { dlqId } = await lastOf(workflowRunId);
  isBroken = false;
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => repeat('resume', dlqId)));
  const ids = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  // One that comes when the entry has left the dead letter queue does not find it.
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ status: 404 });
  }
  expect(new Set(ids).size).toBe(1);
  expect(await workflows.result(ids[0] ?? '')).toEqual([1, 1]);
  expect(counts).toEqual({ one: 1, last: 1 });
});

test('an endpoint that is no workflow fails each run that is begun again there', async () => {
  const { receiver, api } = workflows.system;
  const url = `${receiver.url}/no-workflow`;
  const { workflowRunId } = await workflows.client.trigger({ url, retries: 0 });
  const response = await api.call(`/v2/trigger/${url}`, { method: 'POST', headers: { 'Upstash-Retries': '0' } });
  const { workflowRunId: withoutSdk } = (await response.json()) as { workflowRunId: string };
  for (const first of [workflowRunId, withoutSdk]) {
    let { dlqId } = await lastOf(first);
    for (const mode of ['restart', 'resume'] as const) {
      const again = await lastOf(await repeat(mode, dlqId));
      expect(again).toMatchObject({ state: 'RUN_FAILED', text: expect.stringContaining(detected) as string });
      ({ dlqId } = again);
    }
  }
});

test.each(['restart', 'resume'] as const)(
  'a run that its endpoint has never started with its SDK is started by a %s',
  async (mode) => {
    const path = `/never-started-${mode}`;
    let isBroken = true;
    workflows.app.post(path, (_, response, next) => {
      if (isBroken) response.sendStatus(500);
      else next();
    });
    const url = workflows.define<string>(path, async (context) =>
      context.run('one', () => [context.requestPayload, context.headers.get('x-user')]),
    );
    const response = await workflows.system.api.call(`/v2/trigger/${url}`, {
      method: 'POST',
      body: 'payload',
      headers: { 'Upstash-Retries': '0', 'Upstash-Forward-X-User': 'u' },
    });
    const { workflowRunId } = (await response.json()) as { workflowRunId: string };
    const { dlqId } = await lastOf(workflowRunId);
    isBroken = false;
    expect(await workflows.result(await repeat(mode, dlqId))).toEqual(['payload', 'u']);
  },
);

test('a step that sleeps beside one that failed sleeps on when the run is resumed', async () => {
  let isBroken = true;
  const url = workflows.define('/sleeps-on', async (context) => {
    await Promise.all([
      context.sleep('pause', 2),
      context.run('breaks', () => {
        if (isBroken) throw new Error('broken');
      }),
    ]);
    return context.run('last', () => 'done');
  });
  const begun = Date.now();
  const { workflowRunId } = await workflows.client.trigger({ url, retries: 0 });
  const { dlqId } = await lastOf(workflowRunId);
  isBroken = false;
  const again = await repeat('resume', dlqId);
  expect(await workflows.result(again)).toBe('done');
  expect(Date.now() - begun).toBeGreaterThanOrEqual(2000);
});

test('a batch with a step and a faulty item is refused with 412, and nothing of it is stored', async () => {
  const url = workflows.define('/batch-fault', async (context) => context.waitForEvent('w', 'never', { timeout: 600 }));
  const { workflowRunId } = await workflows.client.trigger({ url });
  await eventually(async () => (await workflows.client.getWaiters({ eventId: 'never' })).length === 1);
  const of = (isInit: boolean, runId: string) => ({
    destination: url,
    headers: { 'upstash-workflow-runid': runId, 'upstash-workflow-init': String(isInit) },
    body: '{"stepId":1,"stepName":"a","stepType":"Run","concurrent":1}',
  });
  const step = of(false, workflowRunId);
  const fine = { destination: url, body: 'plain' };
  for (const [items, text] of [
    [[step, { destination: 'no-such-group' }], /^item 1: topic no-such-group not found/],
    [[{ destination: 'no-scheme.example/x' }, step], /^item 0: /],
    [
      [fine, { destination: url, headers: { 'Upstash-Delay': 'soon' } }, of(true, 'wfr_batch-fault')],
      /^item 1: Upstash-Delay/,
    ],
    [[step, of(false, 'wfr_gone')], /^item 1: .*cancelled workflow/],
  ] as const) {
    const response = await workflows.system.api.call('/v2/batch', { method: 'POST', body: JSON.stringify(items) });
    expect(response.status).toBe(412);
    expect(await readError(response)).toMatch(text);
  }
  const names = (await workflows.run(workflowRunId)).steps.flatMap(({ steps }) => steps.map((one) => one.stepName));
  expect(names).not.toContain('a');
  expect((await workflows.client.logs({ filter: { workflowRunId: 'wfr_batch-fault' } })).runs).toEqual([]);
  expect(workflows.at('/batch-fault')).toHaveLength(1);
});
