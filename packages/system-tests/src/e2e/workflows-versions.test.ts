// Older versions of the SDK.
import { eventually } from '@posthorn/testkit';
import type { Client } from '@upstash/workflow';
import type { serve } from '@upstash/workflow/express';
import { silenceSdk, startWorkflowSystem, workflowToken, type WorkflowSystem } from './workflow-system.fixture.ts';

/** Versions whose calls have no delay for their retries get the default one. */
const soon = { BACKOFF_FACTOR: '0.1' };

describe.each(['workflow-0.2', 'workflow-0.3'])('%s', (name) => {
  let workflows: WorkflowSystem;
  let client: Client;
  beforeAll(async () => {
    silenceSdk();
    const express = (await import(`${name}/express`)) as { serve: typeof serve };
    const sdk = (await import(name)) as { Client: typeof Client };
    workflows = await startWorkflowSystem({ api: soon, dispatcher: soon }, express.serve);
    client = new sdk.Client({ baseUrl: workflows.system.api.url, token: workflowToken });
  });
  afterAll(() => workflows.stop());

  test('run, sleep, run', async () => {
    const url = workflows.define<string>('/two-steps', async (context) => {
      const one = await context.run('one', () => `one of ${context.requestPayload}`);
      await context.sleep('pause', 1);
      return context.run('two', () => [one, context.headers.get('x-user')]);
    });
    const { workflowRunId } = await client.trigger({ url, body: 'p & <ü>', headers: { 'X-User': 'u' } });
    expect(await workflows.result(workflowRunId)).toEqual(['one of p & <ü>', 'u']);
  });

  test('a call that fails', async () => {
    workflows.system.receiver.reply('/forbidden', { status: 401, body: 'no' });
    const url = workflows.define('/call', async (context) => {
      const { status } = await context.call('ask', {
        url: `${workflows.system.receiver.url}/forbidden`,
        method: 'POST',
        retries: 1,
        retryDelay: '10',
      });
      return status;
    });
    const { workflowRunId } = await client.trigger({ url });
    expect(await workflows.result(workflowRunId)).toBe(401);
    expect(workflows.system.receiver.at('/forbidden')).toHaveLength(2);
  }, 60_000);

  test('six kinds of branches side by side', async () => {
    const url = workflows.define('/six', async (context) => {
      const all = await Promise.all([
        context.run('run', () => 'run'),
        context.sleep('sleep', 1),
        context.sleepUntil('until', Date.now() / 1000 + 1),
        context.call('call', { url: `${workflows.system.receiver.url}/third` }),
        context.waitForEvent('told', `six-${name}`, { timeout: 60 }),
        context.waitForEvent('late', 'never', { timeout: 1 }),
      ]);
      return context.run('after', () => [all[0], all[3].status, all[4].eventData, all[5].timeout]);
    });
    const { workflowRunId } = await client.trigger({ url });
    await eventually(async () => (await client.notify({ eventId: `six-${name}`, eventData: 'e' })).length === 1);
    expect(await workflows.result(workflowRunId)).toEqual(['run', 200, 'e', true]);
  });

  test('a failure function', async () => {
    const seen: unknown[] = [];
    const url = workflows.define(
      '/fails',
      async (context) =>
        context.run('one', () => {
          throw new Error('broken & <ü>');
        }),
      {
        failureFunction: ({ context, failStatus, failResponse }) =>
          void seen.push([failStatus, failResponse, context.requestPayload, context.workflowRunId]),
      },
    );
    // Older versions name the failure function when they begin a run, too.
    const options = { url, body: { n: 1 }, retries: 1, retryDelay: '10', useFailureFunction: true };
    const { workflowRunId } = await client.trigger(options);
    await eventually(() => seen.length === 1);
    expect(seen).toEqual([[500, 'broken & <ü>', { n: 1 }, workflowRunId]]);
    expect((await workflows.run(workflowRunId)).workflowState).toBe('RUN_FAILED');
  }, 60_000);
});
