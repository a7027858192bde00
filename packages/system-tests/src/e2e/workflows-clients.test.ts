// Our own SDK and command line, with workflows of the official package.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from '@posthorn/testkit';
import { Client } from '@posthorn/sdk';
import { useWorkflowSystem, workflowToken } from './workflow-system.fixture.ts';

const workflows = useWorkflowSystem();
let client: Client;
let waits: string;
beforeAll(() => {
  client = new Client({ baseUrl: workflows.system.api.url, token: workflowToken });
  waits = workflows.define<string>('/waits', async (context) => {
    const { eventData } = await context.waitForEvent('wait', `told-${context.requestPayload}`, { timeout: 600 });
    return context.run('done', () => [context.requestPayload, eventData]);
  });
});

const waiting = (eventId: string) => eventually(async () => (await client.workflow.waiters(eventId)).length === 1);

async function posthorn(...args: string[]): Promise<{ code: number; stdout: string }> {
  const program = join(process.cwd(), 'packages/cli/bin/posthorn.js');
  const child = spawn(process.execPath, [program, ...args], {
    env: {
      PATH: process.env['PATH'],
      QSTASH_URL: workflows.system.api.url,
      QSTASH_TOKEN: workflowToken,
      POSTHORN_DATA_DIR: '/nowhere',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let stdout = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  return { code, stdout: stdout.trim() };
}

test('the SDK begins a run, tells it an event, shows it and cancels another', async () => {
  const { workflowRunId, workflowCreatedAt } = await client.workflow.trigger({
    url: waits,
    body: '"sdk"',
    workflowRunId: 'wfr_sdk',
    label: 'sdk',
    retries: 5,
  });
  expect(workflowRunId).toBe('wfr_sdk');
  expect(await client.workflow.trigger({ url: waits, workflowRunId: 'wfr_sdk' })).toEqual({
    workflowRunId,
    workflowCreatedAt,
    deduplicated: true,
  });
  await waiting('told-sdk');
  expect(await client.workflow.notify({ eventId: 'told-sdk', eventData: { n: 1 } })).toHaveLength(1);
  const run = await eventually(async () => {
    const found = await client.workflow.get(workflowRunId);
    return found?.workflowState === 'RUN_SUCCESS' ? found : undefined;
  });
  expect(JSON.parse(run.workflowRunResponse ?? '')).toEqual(['sdk', { n: 1 }]);
  const other = await client.workflow.trigger({ url: waits, body: '"other"', label: 'cancel-me' });
  await waiting('told-other');
  expect(await client.workflow.cancel({ filter: { label: 'cancel-me' } })).toEqual({ cancelled: 1 });
  expect((await client.workflow.get(other.workflowRunId))?.workflowState).toBe('RUN_CANCELED');
  const labels: (string | undefined)[] = [];
  for await (const one of client.workflow.iterate({ workflowUrl: waits, count: 1 })) labels.push(one.label);
  expect(labels).toEqual(['cancel-me', 'sdk']);
});

test('a run with an id of its own gets the events that are for it alone', async () => {
  const workflowRunId = 'order-17';
  const begun = await client.workflow.trigger({ url: waits, body: '"own-id"', workflowRunId });
  expect(begun.workflowRunId).toBe('wfr_order-17');
  await waiting('told-own-id');
  const notified = await client.workflow.notify({ eventId: 'told-own-id', eventData: 17, workflowRunId });
  expect(notified).toMatchObject([{ workflowRunId: 'wfr_order-17' }]);
  expect(await workflows.result('wfr_order-17')).toEqual(['own-id', 17]);
  expect((await client.workflow.get(workflowRunId))?.workflowState).toBe('RUN_SUCCESS');
});

test('a trigger without an SDK gets the same id', async () => {
  const headers = { 'Upstash-Workflow-RunId': 'order-18', Authorization: `Bearer ${workflowToken}` };
  const trigger = () => fetch(`${workflows.system.api.url}/v2/trigger/${waits}`, { method: 'POST', headers });
  expect(await (await trigger()).json()).toMatchObject({ workflowRunId: 'wfr_order-18' });
  expect(await client.workflow.cancel('order-18')).toEqual({ cancelled: 1 });
});

test('the SDK resumes a run that has failed', async () => {
  let isBroken = true;
  const url = workflows.define('/fails', async (context) =>
    context.run('one', () => {
      if (isBroken) throw new Error('broken');
      return 'fine';
    }),
  );
  const { workflowRunId } = await client.workflow.trigger({ url, retries: 0 });
  const run = await workflows.ended(workflowRunId);
  const { messages } = await client.workflow.listDlq({ workflowUrl: url });
  expect(messages.map(({ dlqId }) => dlqId)).toEqual([run.dlqId]);
  isBroken = false;
  const again = await client.workflow.resume(run.dlqId ?? '');
  expect((await workflows.ended(again.workflowRunId)).workflowRunResponse).toBe('"fine"');
});

test('the SDK and the command line call a failure function again, and delete dead letters', async () => {
  let isBroken = true;
  const called: string[] = [];
  const url = workflows.define(
    '/fails-twice',
    async (context) =>
      context.run('one', () => {
        throw new Error('broken');
      }),
    {
      failureFunction: ({ context }) => {
        called.push(context.workflowRunId);
        if (isBroken) throw new Error('broken, too');
      },
    },
  );
  const fail = async () => {
    const request = { url, retries: 0, headers: { 'Upstash-Failure-Callback-Retries': '0' } };
    const { workflowRunId } = await client.workflow.trigger(request);
    const [letter] = await eventually(async () => {
      const filter = { workflowRunId, failureFunctionState: 'CALLBACK_FAIL' } as const;
      const { messages } = await client.workflow.listDlq(filter);
      return messages.length > 0 ? messages : undefined;
    });
    return { workflowRunId, dlqId: letter?.dlqId ?? '' };
  };
  const [one, two, three] = [await fail(), await fail(), await fail()];
  isBroken = false;
  expect(await client.workflow.retryFailureFunction(one.dlqId)).toMatchObject({ workflowRunId: one.workflowRunId });
  expect((await posthorn('workflow', 'retry-failure', two.dlqId)).stdout).toBe(two.workflowRunId);
  await eventually(async () => {
    const { messages } = await client.workflow.listDlq({ workflowUrl: url, failureFunctionState: 'CALLBACK_SUCCESS' });
    return messages.length === 2;
  });
  expect(called.filter((id) => id === one.workflowRunId)).toHaveLength(2);
  await expect(client.workflow.retryFailureFunction(one.dlqId)).rejects.toMatchObject({ status: 400 });
  await expect(client.workflow.cancelFailureFunction(one.dlqId)).rejects.toMatchObject({ status: 400 });

  const { stdout: listed } = await posthorn('workflow', 'failed', '--url', url);
  for (const { dlqId } of [one, two, three]) expect(listed).toContain(dlqId);
  expect(await client.workflow.deleteDlq(one.dlqId)).toEqual({ deleted: 1 });
  expect(await posthorn('workflow', 'delete', two.dlqId)).toEqual({ code: 0, stdout: 'Removed 1 dead letter.' });
  expect((await posthorn('workflow', 'delete', two.dlqId)).code).toBe(3);
  expect(await posthorn('workflow', 'delete', '--url', url)).toEqual({ code: 0, stdout: 'Removed 1 dead letter.' });
  expect((await client.workflow.listDlq({ workflowUrl: url })).messages).toEqual([]);
});

test('the command line begins, lists, shows, tells and cancels runs', async () => {
  const { stdout: id } = await posthorn(
    'workflow',
    'trigger',
    waits,
    '--body',
    '"cli"',
    '-t',
    'json',
    '--label',
    'cli',
  );
  expect(id).toMatch(/^wfr_/);
  await waiting('told-cli');
  expect((await posthorn('workflow', 'list', '--label', 'cli')).stdout).toContain(id);
  const { stdout: shown } = await posthorn('workflow', 'show', id);
  expect(shown).toMatch(/RUN_STARTED/);
  expect(shown).toMatch(/wait +Wait +PROGRESS/);
  expect((await posthorn('workflow', 'notify', 'told-cli', '--body', 'hello')).stdout).toBe('Resumed 1 step.');
  await workflows.ended(id);
  const { stdout: json } = await posthorn('workflow', 'show', id, '--json');
  expect(JSON.parse((JSON.parse(json) as { workflowRunResponse: string }).workflowRunResponse)).toEqual([
    'cli',
    'hello',
  ]);

  const { stdout: second } = await posthorn(
    'workflow',
    'trigger',
    waits,
    '--body',
    '"two"',
    '-t',
    'json',
    '--id',
    'wfr_cli-two',
  );
  expect(second).toBe('wfr_cli-two');
  await waiting('told-two');
  expect(await posthorn('workflow', 'cancel', second)).toEqual({ code: 0, stdout: 'Canceled 1 run.' });
  expect((await posthorn('workflow', 'cancel', second)).code).toBe(3);
  expect((await posthorn('workflow', 'show', 'wfr_nothing')).code).toBe(3);
});

test('metrics count runs', async () => {
  const { dispatcher, api } = workflows.system;
  const read = async (url: string) => (await fetch(`${url}/metrics`)).text();
  const text = await read(dispatcher.url);
  expect(text).toMatch(/posthorn_workflow_runs_active 0/);
  expect(text).toMatch(/posthorn_workflow_runs_ended [1-9]/);
  // A process counts what it has ended itself: the dispatcher failures, the API returns and cancellations.
  expect(text).toMatch(/posthorn_workflow_runs_ended_total{state="RUN_FAILED"} [1-9]/);
  const own = await read(api.url);
  for (const state of ['RUN_SUCCESS', 'RUN_CANCELED']) {
    expect(own).toMatch(new RegExp(`posthorn_workflow_runs_ended_total{state="${state}"} [1-9]`));
  }
  expect(own).toMatch(/posthorn_messages_accepted_total{kind="workflow"} [1-9]/);
});
