import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { eventually } from '@posthorn/testkit';
import { createWorkflow, serveMany } from '@upstash/workflow/express';
import express from 'express';
import { useWorkflowSystem } from './workflow-system.fixture.ts';

const workflows = useWorkflowSystem();

/** Serves workflows that may invoke each other; gives the URL of one of them. */
async function serveAll(table: Parameters<typeof serveMany>[0]) {
  const counts: Record<string, (string | undefined)[]> = {};
  /** Statuses that the next deliveries to a path get in place of the workflow's, after the workflow has run. */
  const spoilt: Record<string, number[]> = {};
  const app = express();
  app.use(express.json());
  app.use((request, response, next) => {
    (counts[request.path] ??= []).push(request.get('upstash-workflow-invoke-count'));
    const send = response.send.bind(response);
    response.send = (body: unknown) => {
      const status = spoilt[request.path]?.shift();
      if (status !== undefined) response.status(status);
      return send(body);
    };
    next();
  });
  app.use('/', serveMany(table, { qstashClient: workflows.qstash }));
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: (name: string) => `${url}/${name}`, counts, spoilt };
}
const servers: ReturnType<typeof createServer>[] = [];
afterAll(() => servers.forEach((server) => server.close()));

test.each([
  ['an object', () => ({ a: 1 }), { a: 1 }],
  ['text that looks like a number', () => '123', '123'],
  ['nothing', () => undefined, undefined],
])('the invoked workflow returns %s', async (_, value, expected) => {
  const child = createWorkflow(async (context) => {
    await context.run('one', () => context.requestPayload);
    return value();
  });
  const parent = createWorkflow(async (context) => {
    const { body, isFailed, isCanceled } = await context.invoke('child', { workflow: child, body: 'p' });
    return { body, isFailed, isCanceled };
  });
  const { url } = await serveAll({ parent, child });
  const { workflowRunId } = await workflows.client.trigger({ url: url('parent') });
  expect(await workflows.result(workflowRunId)).toEqual({
    ...(expected === undefined ? {} : { body: expected }),
    isFailed: false,
    isCanceled: false,
  });
});

test('an invoked workflow that fails, and one that is canceled', async () => {
  const fails = createWorkflow(async (context) =>
    context.run('one', () => {
      throw new Error('broken');
    }),
  );
  const cancels = createWorkflow(async (context) => {
    await context.cancel();
  });
  const parent = createWorkflow(async (context) => {
    const one = await context.invoke('fails', { workflow: fails, body: 1, retries: 0 });
    const two = await context.invoke('cancels', { workflow: cancels, body: 1 });
    return [one.isFailed, one.isCanceled, two.isFailed, two.isCanceled];
  });
  const { url } = await serveAll({ parent, fails, cancels });
  const { workflowRunId } = await workflows.client.trigger({ url: url('parent') });
  expect(await workflows.result(workflowRunId)).toEqual([true, false, false, true]);
  const { messages } = await workflows.client.dlq.list({ filter: { workflowUrl: url('fails') } });
  expect(messages).toHaveLength(1);
});

test('invocations beside each other, and inside each other', async () => {
  const leaf = createWorkflow<number, number>(async (context) => context.run('one', () => context.requestPayload * 2));
  const middle = createWorkflow<number, number>(async (context) => {
    const { body } = await context.invoke('leaf', { workflow: leaf, body: context.requestPayload });
    return body + 1;
  });
  const parent = createWorkflow(async (context) => {
    const both = await Promise.all([
      context.invoke('a', { workflow: middle, body: 1 }),
      context.invoke('b', { workflow: leaf, body: 5 }),
    ]);
    return both.map(({ body }) => body);
  });
  const { url, counts } = await serveAll({ parent, middle, leaf });
  const { workflowRunId } = await workflows.client.trigger({ url: url('parent') });
  expect(await workflows.result(workflowRunId)).toEqual([3, 10]);
  expect(new Set(counts['/middle'])).toEqual(new Set(['1']));
  expect(new Set(counts['/leaf'])).toEqual(new Set(['1', '2']));
});

test('an invocation whose answer is lost starts one run', async () => {
  const payloads: unknown[] = [];
  const child = createWorkflow(async (context) => {
    await context.run('one', () => void payloads.push(context.requestPayload));
    await context.sleep('pause', 1);
    return 'child';
  });
  const parent = createWorkflow(async (context) => {
    const { body } = await context.invoke('child', { workflow: child, body: 'p' });
    return body;
  });
  const { url, spoilt } = await serveAll({ parent, child });
  spoilt['/parent'] = [500];
  const { workflowRunId } = await workflows.client.trigger({ url: url('parent'), retries: 3, retryDelay: '10' });
  expect(await workflows.result(workflowRunId)).toBe('child');
  expect(payloads).toEqual(['p']);
  const { runs } = await workflows.client.logs({ filter: { workflowUrl: url('child') } });
  expect(runs).toHaveLength(1);
  expect(spoilt['/parent']).toEqual([]);
});

test('a run that fails does not stop the run that it started', async () => {
  const child = createWorkflow(async (context) => {
    await context.waitForEvent('wait', 'child-may-end', { timeout: 60 });
    return 'child';
  });
  const parent = createWorkflow(async (context) => {
    await Promise.all([
      context.invoke('child', { workflow: child, body: 1, workflowRunId: 'orphan' }),
      context.run('fails', async () => {
        await eventually(async () => (await workflows.client.getWaiters({ eventId: 'child-may-end' })).length === 1);
        throw new Error('broken');
      }),
    ]);
  });
  const { url, counts } = await serveAll({ parent, child });
  const { workflowRunId } = await workflows.client.trigger({ url: url('parent'), retries: 0 });
  expect((await workflows.ended(workflowRunId)).workflowState).toBe('RUN_FAILED');
  // The run itself, its two branches, and its failure function, which is called some time after the run has failed.
  const isComplete = () => counts['/parent']?.length === 4;
  await eventually(isComplete);
  await workflows.client.notify({ eventId: 'child-may-end' });
  expect(await workflows.result('wfr_orphan')).toBe('child');
  expect(isComplete()).toBe(true);
});
