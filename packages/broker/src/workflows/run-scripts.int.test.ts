// The size of what the scripts of runs read and answer.
import { createRunScripts, type RunScripts } from './run-scripts.ts';
import { createRuns } from './runs.ts';
import { step, url, useRuns } from './runs.fixture.ts';

const runs = useRuns({
  runs: { maxRuns: 10, maxSteps: 20_000, maxLogBytes: 1e8, lazyBytes: 3e6, retentionMs: 60_000 },
});
let scripts: RunScripts;
beforeAll(() => {
  scripts = createRunScripts(runs.broker.redis);
});

const locate = (runId: string) => createRuns(runs.broker.redis, runs.broker.shards).locate(runId);
const wait = (runId: string, stepId: number, eventId: string) =>
  runs.broker.workflows.wait(eventId, ['Upstash-Workflow-RunId', runId], {
    url,
    timeout: '7d',
    step: { stepId, stepName: 'wait', stepType: 'Wait', concurrent: 1 },
  });

test('ten thousand waiters of one event are found', async () => {
  const runId = 'wfr_many';
  await runs.start(runId);
  await wait(runId, 1, 'many');
  const [waiters = ''] = await runs.server.client.keys(`*:run:waiters:${runId}`);
  const text = (await runs.server.client.hget(waiters, '1:many')) ?? '';
  const fields = Array.from({ length: 10_000 }, (_, n) => `${n + 1}:many`);
  await runs.server.client.hset(waiters, ...fields.flatMap((field) => [field, text]), '1:other', text);
  const limits = { maxNotes: 1, maxBytes: 1000 };
  const event = { eventId: 'many', noteName: 'many' };
  const found = await scripts.keepNote(locate(runId), event, Buffer.from('x'), limits);
  expect(new Set(found)).toEqual(new Set(fields));
  expect(await scripts.findWaiters(locate(runId), 'other')).toEqual({ fields: ['1:other'], notes: 0, noteBytes: 0 });
});

test('the end of a run takes all of its messages away, and gives only the flow-control keys of those that have one', async () => {
  const runId = 'wfr_ends';
  const key = 'a key';
  await runs.start(runId, { 'Upstash-Forward-X': 'x'.repeat(30_000) });
  await runs.submit(runId, step(1));
  await wait(runId, 2, 'ends');
  await runs.start('wfr_flow', { 'Upstash-Flow-Control-Key': key, 'Upstash-Flow-Control-Value': 'parallelism=1' });
  const [first] = await runs.submit('wfr_flow', step(1));

  const end = (id: string) => scripts.end(locate(id), 'RUN_CANCELED', 60_000, 4, {});
  expect((await end(runId)).dropped).toEqual([]);
  const { dropped } = await end('wfr_flow');
  expect(dropped).toContainEqual({ id: first?.messageId, flowKey: key });
  expect(JSON.stringify(dropped).length).toBeLessThan(200);
  // The deadline of the waiter, too: what waits in a list is left as a mark that a worker drops.
  for (const id of [runId, 'wfr_flow']) expect(await runs.readDeliveries(id)).toEqual([]);
});
