import { eventually } from '@posthorn/testkit';
import { useWorkflowSystem } from './workflow-system.fixture.ts';

const variables = { WORKFLOW_LAZY_BYTES: '0', WORKFLOW_MAX_STEPS: '40', WORKFLOW_MAX_LOG_BYTES: '200000' };
const workflows = useWorkflowSystem({ api: variables, dispatcher: variables });

const steps = (path: string) =>
  workflows.at(path).filter(({ headers }) => headers['upstash-workflow-calltype'] === 'step');

test('endpoints fetch the step log; callbacks and failure callbacks come in full', async () => {
  const url = workflows.define<string>('/lazy', async (context) => {
    const [one, { status }, told, late] = await Promise.all([
      context.run('one', () => context.requestPayload),
      context.call('ask', { url: `${workflows.system.receiver.url}/third` }),
      context.waitForEvent('told', 'lazy', { timeout: 60 }),
      context.waitForEvent('wait', 'never', { timeout: 1 }),
      context.sleepUntil('until', Date.now() / 1000 + 1),
    ]);
    await context.sleep('pause', 1);
    return context.run('two', () => [one, status, told.eventData, late.timeout]);
  });
  const { workflowRunId } = await workflows.client.trigger({ url, body: 'payload' });
  await eventually(async () => (await workflows.client.notify({ eventId: 'lazy', eventData: 'e' })).length === 1);
  const run = await workflows.ended(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? '')).toEqual(['payload', 200, 'e', true]);
  expect(steps('/lazy').map(({ body }) => body)).toEqual(steps('/lazy').map(() => ''));
  const callback = workflows.at('/lazy').find(({ headers }) => headers['upstash-workflow-callback']);
  expect(JSON.parse(callback?.body ?? '')).toMatchObject({ status: 200 });
});

test('a failure function gets its body', async () => {
  const seen: unknown[] = [];
  const url = workflows.define(
    '/lazy-fails',
    async (context) =>
      context.run('one', () => {
        throw new Error('broken');
      }),
    { failureFunction: ({ context, failResponse }) => void seen.push([context.requestPayload, failResponse]) },
  );
  await workflows.client.trigger({ url, body: 'p', retries: 0 });
  await eventually(() => seen.length === 1);
  expect(seen).toEqual([['p', 'broken']]);
});

test.each<[string, string, (n: number) => unknown]>([
  ['steps', 'WORKFLOW_MAX_STEPS', (n) => n],
  ['bytes', 'WORKFLOW_MAX_LOG_BYTES', () => 'x'.repeat(20_000)],
])('a run with too many %s fails with a text that names the limit', async (name, variable, value) => {
  const url = workflows.define(`/too-many-${name}`, async (context) => {
    for (let n = 0; n < 60; n++) await context.run(`step ${n}`, () => value(n));
  });
  const { workflowRunId } = await workflows.client.trigger({ url });
  const run = await workflows.ended(workflowRunId);
  expect(run.workflowState).toBe('RUN_FAILED');
  expect(JSON.stringify(run.steps.at(-1))).toContain(variable);
});

test('a result of a call that finds no room in the log fails the run at once, with the reason', async () => {
  workflows.system.receiver.reply('/large', { status: 200, body: 'x'.repeat(70_000) });
  const url = workflows.define('/call-large', async (context) => {
    const { status } = await context.call('ask', { url: `${workflows.system.receiver.url}/large` });
    return status;
  });
  const { workflowRunId } = await workflows.client.trigger({ url });
  const run = await workflows.ended(workflowRunId);
  expect(run.workflowState).toBe('RUN_FAILED');
  expect(JSON.stringify(run.steps.at(-1))).toContain('WORKFLOW_MAX_LOG_BYTES');
  expect(workflows.at('/call-large').filter(({ headers }) => headers['upstash-workflow-callback'])).toHaveLength(1);
});
