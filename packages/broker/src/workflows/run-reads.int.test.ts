// What clients read of runs: on which connection, how much at a time, and of which run.
import { eventually } from '@posthorn/testkit';
import type { BrokerParts } from '../broker.ts';
import { createBroker } from '../create-broker.ts';
import { testOptions } from '../broker.fixture.ts';
import { connectForWork } from '../engine/redis/connect.ts';
import { keyspace } from '../engine/redis/keyspace.ts';
import { readPayload } from './compose-delivery.ts';
import type { RunParts } from './run-parts.ts';
import { viewRun } from './run-view.ts';
import { createRuns, type Run } from './runs.ts';
import { request, step, url, useRuns } from './runs.fixture.ts';

const runs = useRuns();
const { start, submit, fail, readField, readLog, readDelivery } = runs;
const page = { count: 10, maxBytes: 1e6 };

/** Fails a run at its first message; its dead letter. */
async function failAtOnce(runId: string, headers: Record<string, string> = {}, payload?: string): Promise<string> {
  const [first] = await start(runId, headers, payload);
  return fail(runId, first?.messageId ?? '');
}

/** The run that has the id now, read as it is now. */
async function readNow(runId: string): Promise<Run> {
  const run = await createRuns(runs.broker.redis, runs.broker.shards).read(runId);
  if (!run) throw new Error(`there is no run ${runId}`);
  return run;
}

/** Begins another run with the id of one that has ended. */
async function takeId(runId: string, payload: string): Promise<void> {
  const { createdAt } = await readNow(runId);
  await eventually(() => Date.now() > createdAt);
  await start(runId, {}, payload);
}

test('what clients read uses the connection of reads alone', async () => {
  const dlqId = await failAtOnce('wfr_apart-failed');
  await start('wfr_apart');
  const connect = () => connectForWork(runs.server.url);
  const apart = createBroker({ ...testOptions, redis: connect(), reads: connect(), shards: 4 });
  await eventually(() => apart.redis.status === 'ready');
  const sent = jest.spyOn(apart.redis, 'sendCommand');
  const { workflows } = apart;
  const { runs: found } = await workflows.list({ workflowRunId: ['wfr_apart', 'wfr_apart-failed'] }, page);
  expect(found).toHaveLength(2);
  expect((await workflows.letters.list({ dlqIds: [dlqId], count: 1 }, 1e6)).messages).toHaveLength(1);
  expect((await workflows.letters.find({ workflowRunId: ['wfr_apart-failed'], count: 1 })).ids).toEqual([dlqId]);
  expect((await workflows.letters.get(dlqId))?.body).toBe('payload');
  expect(await workflows.waiters('nothing')).toEqual([]);
  for await (const piece of (await workflows.readLog('wfr_apart')) ?? []) expect(piece.length).toBeGreaterThan(0);
  expect(sent.mock.calls.map(([command]) => command.name)).toEqual([]);
  await apart.close();
});

describe('a log of several pieces that is delivered as a whole', () => {
  const payload = 'long '.repeat(500_000);
  const begin = async (runId: string) => {
    const [first] = await start(runId, { 'Upstash-Feature-Set': 'InitialBody' }, payload);
    return readDelivery(first?.messageId ?? '');
  };

  test('is the log that the endpoint would fetch', async () => {
    const delivery = await begin('wfr_long');
    const composed = await runs.broker.workflows.compose(delivery);
    const log = JSON.parse(String('body' in composed && composed.body)) as unknown;
    expect(log).toEqual([{ messageId: delivery.id, body: Buffer.from(payload).toString('base64'), callType: 'step' }]);
  });

  test('is not delivered when a later run takes the id while it is read', async () => {
    const delivery = await begin('wfr_long-taken');
    const { redis, workflows } = runs.broker;
    const read = redis.getrangeBuffer.bind(redis);
    jest.spyOn(redis, 'getrangeBuffer').mockImplementationOnce(async (...given) => {
      const piece = await read(...given);
      await workflows.finish('wfr_long-taken', '');
      await takeId('wfr_long-taken', payload);
      return piece;
    });
    expect(await workflows.compose(delivery)).toEqual({ dropped: 'the run is over' });
  });
});

describe('pages', () => {
  const maxBytes = 100_000;
  const labels = { 'Upstash-Label': 'pages' };
  const sizes = [30_000, 30_000, 300_000, 30_000, 30_000, 30_000];
  const ids: string[] = [];
  beforeAll(async () => {
    for (const [n, size] of sizes.entries()) ids.push(await failAtOnce(`wfr_page-${n}`, labels, 'x'.repeat(size)));
  });

  /** All pages that follow each other. */
  async function walk<T>(
    read: (cursor?: string) => Promise<{ page: T[]; cursor?: string | undefined }>,
  ): Promise<T[][]> {
    const pages: T[][] = [];
    let cursor: string | undefined;
    do {
      const { page, cursor: next } = await read(cursor);
      pages.push(page);
      cursor = next;
    } while (cursor !== undefined);
    return pages;
  }
  const bytesOf = (entries: readonly unknown[]) => Buffer.byteLength(JSON.stringify(entries));
  const isBounded = (entries: readonly unknown[]) => entries.length === 1 || bytesOf(entries) <= maxBytes;

  test('of dead letters end after a number of bytes, and a larger letter has its own', async () => {
    const pages = await walk(async (cursor) => {
      const filter = { label: ['pages'], count: 100, cursor };
      const { messages, cursor: next } = await runs.broker.workflows.letters.list(filter, maxBytes);
      return { page: messages, cursor: next };
    });
    expect(pages.flat().map(({ dlqId, body }) => [dlqId, body?.length])).toEqual(ids.map((id, n) => [id, sizes[n]]));
    expect(pages.map((letters) => letters.length)).toEqual([2, 1, 2, 1]);
    expect(pages.filter((letters) => !isBounded(letters))).toEqual([]);
  });

  test('of dead letters that are named have all of them, the bodies of those that fit', async () => {
    const { letters } = runs.broker.workflows;
    const named = await letters.list({ dlqIds: ids, count: 100 }, maxBytes);
    expect(named.cursor).toBeUndefined();
    expect(named.messages.map(({ dlqId }) => dlqId)).toEqual(ids);
    expect(bytesOf(named.messages)).toBeLessThan(1.2 * maxBytes);
    expect(named.messages.map(({ body, bodyTruncated }) => [body?.length, bodyTruncated])).toEqual([
      [30_000, undefined],
      [30_000, undefined],
      [undefined, true],
      ...Array.from({ length: 3 }, (): unknown => expect.anything()),
    ]);
    expect(named.messages[2]).toMatchObject({ responseBodyTruncated: true, error: 'broken' });
    const alone = await letters.list({ dlqIds: [ids[2] ?? ''], count: 100 }, maxBytes);
    expect(alone.messages[0]?.body).toHaveLength(300_000);
  });

  test('of runs end after a number of bytes', async () => {
    const pages = await walk(async (cursor) => {
      const { runs: found, cursor: next } = await runs.broker.workflows.list(
        { label: ['pages'] },
        { count: 10, maxBytes },
        cursor,
      );
      return { page: found, cursor: next };
    });
    expect(pages.flat().map(({ workflowRunId }) => workflowRunId)).toEqual(
      ids.map((_, n) => `wfr_page-${n}`).reverse(),
    );
    expect(pages.length).toBeGreaterThan(2);
    expect(pages.filter((found) => !isBounded(found))).toEqual([]);
  });
});

test('a run shows the payloads of runs that it has started as long as there is room', async () => {
  const { broker } = runs;
  await start('wfr_shows');
  const { createdAt } = await readNow('wfr_shows');
  for (const stepId of [1, 2, 3]) {
    const envelope = JSON.stringify({
      body: 'x'.repeat(1_500_000),
      headers: {},
      workflowRunId: 'wfr_shows',
      workflowRunCreatedAt: createdAt,
      workflowUrl: url,
      step: { stepId, stepName: 'child', stepType: 'Invoke', concurrent: 1 },
    });
    const runId = `wfr_shown-${stepId}`;
    await broker.publishBatch([request(runId, true, envelope, { 'Upstash-Workflow-Invoke': 'true' })]);
    await broker.workflows.finish(runId, '1');
  }
  const { runs: found } = await broker.workflows.list({ workflowRunId: ['wfr_shows'] }, page);
  const payloads = found[0]?.steps.flatMap(({ steps }) =>
    steps.flatMap((one) => ('invokedWorkflowRunBody' in one ? [one.invokedWorkflowRunBody?.length] : [])),
  );
  // Of 4 MiB in base64 there is room for two.
  expect(payloads).toEqual([64 * 1024, 64 * 1024, 0]);
});

test('runs of one id are found without a look at others', async () => {
  const { broker } = runs;
  for (const payload of ['first', 'second', 'third']) {
    if (payload === 'first') await start('wfr_again', {}, payload);
    else await takeId('wfr_again', payload);
    await broker.workflows.finish('wfr_again', JSON.stringify(payload));
  }
  const others = Array.from({ length: 300 }, (_, n) => `wfr_other-${n}`);
  await Promise.all(others.map((runId) => start(runId)));
  const sent = jest.spyOn(broker.redis, 'sendCommand');
  const find = (cursor?: string) =>
    broker.workflows.list({ workflowRunId: ['wfr_again', 'wfr_none'] }, { count: 2, maxBytes: 1e6 }, cursor);
  const { runs: newest, cursor } = await find();
  const { runs: oldest, cursor: end } = await find(cursor);
  const results = [...newest, ...oldest].map(({ workflowRunResponse }) => workflowRunResponse);
  expect(results).toEqual(['"third"', '"second"', '"first"']);
  expect(end).toBeUndefined();
  expect(sent.mock.calls.filter(([{ name }]) => name === 'zrevrangebyscore')).toEqual([]);
  await broker.workflows.cancelMany(others);
});

describe('when a later run takes the id', () => {
  let broker: BrokerParts;
  beforeAll(() => ({ broker } = runs));

  test('payload and steps are those of the run that was read', async () => {
    await start('wfr_taken', {}, 'first');
    await submit('wfr_taken', step(1, { out: '"of the first"' }));
    const before = await readNow('wfr_taken');
    await broker.workflows.finish('wfr_taken', '1');
    await takeId('wfr_taken', 'second');

    expect(String(await readPayload(broker.redis, before))).toBe('first');
    const { redis, shards } = broker;
    const parts = { redis, shards, runs: createRuns(redis, shards) } as RunParts;
    const steps = JSON.stringify((await viewRun(parts, before)).steps);
    expect(steps).toContain('of the first');
    expect(steps).not.toContain('second');
  });

  test('a log that is being read is not given as a whole', async () => {
    const payload = 'x'.repeat(1_500_000);
    await start('wfr_mixed', {}, payload);
    const pieces = await broker.workflows.readLog('wfr_mixed');
    await pieces?.next();
    await broker.workflows.finish('wfr_mixed', '1');
    await takeId('wfr_mixed', payload);
    const readOn = async () => {
      for await (const piece of pieces ?? []) expect(piece).toBeDefined();
    };
    await expect(readOn()).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a log that is removed before it is read is not found, and is not empty', async () => {
    await start('wfr_removed');
    const pieces = await broker.workflows.readLog('wfr_removed');
    await runs.server.client.del(...(await runs.server.client.keys('*:run:log:wfr_removed')));
    await expect(pieces?.next()).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a log is read in pieces that are small, whatever its size', async () => {
    await start('wfr_pieces', {}, 'x'.repeat(3_000_000));
    const sizes: number[] = [];
    for await (const piece of (await broker.workflows.readLog('wfr_pieces')) ?? []) sizes.push(piece.length);
    expect(Math.max(...sizes)).toBe(256 * 1024);
    expect(sizes.length).toBeGreaterThan(15);
  });

  test('the response of a failure callback is noted with the run that has failed', async () => {
    await failAtOnce('wfr_called', { 'Upstash-Failure-Callback': url });
    const { messageId } = JSON.parse(await readField('wfr_called', 'failureCallback')) as { messageId: string };
    const delivery = await readDelivery(messageId);
    const readThenLose = async (key: string) => {
      const found = await runs.server.client.hgetall(key);
      await takeId('wfr_called', 'second');
      return found;
    };
    jest.spyOn(broker.redis, 'hgetall').mockImplementationOnce(readThenLose as never);
    const response = { status: 200, header: {}, body: Buffer.from('told') };
    await broker.workflows.settle(delivery, { kind: 'delivered', response } as never, 1000);
    expect(await readField('wfr_called', 'failureCallback')).toBe('');
    const { runs: failed } = await broker.workflows.list(
      { workflowRunId: ['wfr_called'], state: ['RUN_FAILED'] },
      page,
    );
    expect(failed.map(({ failureFunction }) => failureFunction?.state)).toEqual(['CALLBACK_SUCCESS']);
  });

  test('a dead letter is removed from its own run', async () => {
    const first = await failAtOnce('wfr_letters');
    await eventually(async () => Date.now() > (await readNow('wfr_letters')).createdAt);
    const second = await failAtOnce('wfr_letters');
    expect(await broker.workflows.letters.remove([first, first])).toBe(1);
    expect(await readField('wfr_letters', 'dlqId')).toBe(second);
    const { runs: found } = await broker.workflows.list({ workflowRunId: ['wfr_letters'] }, page);
    expect(found.map(({ dlqId }) => dlqId)).toEqual([second, undefined]);
    expect((await broker.workflows.letters.find({ workflowRunId: ['wfr_letters'], count: 10 })).ids).toEqual([second]);
  });

  test('an invocation is confirmed only in the run that has claimed it', async () => {
    await start('wfr_invoker');
    const envelope = JSON.stringify({
      body: '',
      headers: {},
      workflowRunId: 'wfr_invoker',
      workflowRunCreatedAt: (await readNow('wfr_invoker')).createdAt,
      workflowUrl: url,
      step: { stepId: 1, stepName: 'child', stepType: 'Invoke', concurrent: 1 },
    });
    const confirm = broker.redis.replaceField.bind(broker.redis);
    let claim = '';
    jest.spyOn(broker.redis, 'replaceField').mockImplementationOnce(async (key, ...more) => {
      await broker.workflows.finish('wfr_invoker', '1');
      await takeId('wfr_invoker', 'second');
      claim = '?msg_other wfr_other';
      await broker.redis.hset(key, 'invoke:1', claim);
      return confirm(key, ...more);
    });
    await broker.publishBatch([request('wfr_child', true, envelope, { 'Upstash-Workflow-Invoke': 'true' })]);
    const [steps = ''] = await runs.server.client.keys('*:run:steps:wfr_invoker');
    expect(await runs.server.client.hget(steps, 'invoke:1')).toBe(claim);
  });
});

describe('the view of one run', () => {
  const plan = (stepId: number, concurrent: number, more: object = {}) =>
    step(0, { stepName: `step ${stepId}`, concurrent, targetStep: stepId, ...more });
  /** Groups of the run as it is now, without the deliveries that go on. */
  const viewGroups = async (runId: string) => {
    const { steps: groups } = await viewRun(runs.broker as unknown as RunParts, await readNow(runId));
    return groups.flatMap((group) => (group.type === 'next' ? [] : [group]));
  };

  test('says of each step what it is when the results have no room', async () => {
    await start('wfr_much');
    const out = JSON.stringify('ü'.repeat(50_000));
    const count = 40;
    for (let stepId = 1; stepId <= count; stepId++) await submit('wfr_much', step(stepId, { out, stepType: 'Call' }));
    await submit('wfr_much', step(count + 1, { out: 'x'.repeat(300_000), stepName: '"ü"'.repeat(200) }));
    const [, ...steps] = (await viewGroups('wfr_much')).flatMap((group) => group.steps);
    expect(steps.map(({ stepId }) => stepId)).toEqual(Array.from({ length: count + 1 }, (_, n) => n + 1));
    expect(steps.at(-1)).toMatchObject({ stepName: '"ü"'.repeat(200), stepType: 'Run', state: 'STEP_SUCCESS' });
    expect(steps.at(-2)).toMatchObject({ stepName: 'step 40', stepType: 'Call', concurrent: 1 });
    expect(steps[0]).toHaveProperty('out');
    expect(steps.at(-1)).not.toHaveProperty('out');
    expect(steps.at(-2)).not.toHaveProperty('out');
  });

  test('has results of parallel steps in their places when they have no room', async () => {
    await start('wfr_wide');
    await submit('wfr_wide', plan(1, 2), plan(2, 2));
    await submit('wfr_wide', step(1, { out: 'x'.repeat(5_000_000), concurrent: 2 }));
    await submit('wfr_wide', step(2, { out: '"small"', concurrent: 2 }));
    await runs.broker.workflows.finish('wfr_wide', '1');
    const [, parallel, ...more] = await viewGroups('wfr_wide');
    expect(more).toEqual([]);
    expect(parallel).toMatchObject({
      type: 'parallel',
      steps: [
        { stepId: 1, stepName: 'step 1', stepType: 'Run', concurrent: 2, state: 'STEP_SUCCESS' },
        { stepId: 2, stepName: 'step 2', out: '"small"', state: 'STEP_SUCCESS' },
      ],
    });
  });

  test('has a group for each set of parallel steps', async () => {
    await start('wfr_sets');
    const sets = [
      [1, 2],
      [3, 4, 5],
      [6, 7],
    ];
    for (const ids of sets) {
      await submit('wfr_sets', ...ids.map((id) => plan(id, ids.length)));
      for (const id of ids) await submit('wfr_sets', step(id, { concurrent: ids.length, out: '1' }));
    }
    const [, ...groups] = await viewGroups('wfr_sets');
    expect(groups.map(({ steps }) => steps.map(({ stepId }) => stepId))).toEqual(sets);
  });

  test('cuts no character in half', async () => {
    await start('wfr_emoji', {}, `x${'😀'.repeat(40_000)}`);
    await submit('wfr_emoji', step(1, { out: `x${'😀'.repeat(40_000)}` }));
    await runs.broker.workflows.finish('wfr_emoji', `x${'😀'.repeat(40_000)}`);
    const { workflowRunResponse } = await viewRun(runs.broker as unknown as RunParts, await readNow('wfr_emoji'));
    const outs = (await viewGroups('wfr_emoji')).flatMap((group) => group.steps.map((one) => one.out));
    const cut = `x${'😀'.repeat(32_767)}`;
    expect([workflowRunResponse, ...outs].map((text) => text === cut)).toEqual([true, true, true]);
  });

  test('leaves headers of invoked runs out beyond 4 MiB, and reads none of their results', async () => {
    const { broker } = runs;
    await start('wfr_invokes');
    const { createdAt } = await readNow('wfr_invokes');
    const invocations = 140;
    for (let stepId = 1; stepId <= invocations; stepId++) {
      const envelope = {
        body: 'child',
        headers: {},
        workflowRunId: 'wfr_invokes',
        workflowRunCreatedAt: createdAt,
        workflowUrl: url,
        step: { stepId, stepName: 'child', stepType: 'Invoke', concurrent: 1 },
      };
      const runId = `wfr_invoked-${stepId}`;
      const headers = { 'Upstash-Workflow-Invoke': 'true', 'Upstash-Forward-X': 'x'.repeat(32_000) };
      await broker.publish(request(runId, true, JSON.stringify(envelope), headers));
      await broker.workflows.finish(runId, '"done"');
    }
    const whole = jest.spyOn(broker.redis, 'hgetall').mockClear();
    const { runs: found } = await broker.workflows.list({ workflowRunId: ['wfr_invokes'] }, page);
    const keys = whole.mock.calls.map(([key]) => String(key));
    whole.mockRestore();
    const steps =
      found[0]?.steps.flatMap((group) => group.steps.flatMap((one) => ('stepName' in one ? [one] : []))) ?? [];
    const shown = steps.filter(({ invokedWorkflowRunHeaders: header = {} }) => Object.keys(header).length > 0);
    expect(shown.length).toBeGreaterThan(100);
    expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThan(4.3 * 1024 * 1024);
    const last = steps.find(({ invokedWorkflowRunId: id }) => id === `wfr_invoked-${invocations}`);
    expect(last).toMatchObject({ invokedWorkflowUrl: url, invokedWorkflowRunHeaders: {} });
    expect(keys.filter((key) => key.includes('wfr_invoked-'))).toEqual([]);
  });

  test('shows what failed the run when the log of the message does not have it yet', async () => {
    await start('wfr_unlogged');
    const [{ messageId } = { messageId: '' }] = (await readLog('wfr_unlogged')) ?? [];
    const response = { status: 500, header: { A: ['b'] }, body: Buffer.from('reason') };
    const outcome = { kind: 'failed', error: 'the destination answered 500', errorKind: 'http', response } as const;
    await runs.broker.workflows.settle(await readDelivery(messageId), outcome, 1000);
    const { steps } = await viewRun(runs.broker as unknown as RunParts, await readNow('wfr_unlogged'));
    const error = { status: 500, headers: { A: ['b'] }, body: 'reason', error: '500 Internal Server Error' };
    const step = { messageId, state: 'STEP_FAILED', errors: [expect.objectContaining(error)] };
    expect(steps.at(-1)).toMatchObject({ type: 'next', steps: [step] });
  });

  test('shows 1 MiB of headers and bodies of failed attempts, and all of their errors', async () => {
    await start('wfr_errors');
    const accepted = await submit('wfr_errors', step(1), step(2), step(3));
    const failures = 10;
    for (const { messageId } of accepted) {
      const { shard } = await readDelivery(messageId);
      for (let retried = 0; retried < failures; retried++) {
        const body = Buffer.alloc(60_000, 'e').toString('base64');
        const error = { time: retried, error: 'the destination answered 500', status: 500, header: {}, body };
        const key = keyspace.messageLog(shard, messageId);
        await runs.server.client.hset(key, `${retried}:error`, JSON.stringify(error));
      }
    }
    const { steps } = await viewRun(runs.broker as unknown as RunParts, await readNow('wfr_errors'));
    const next = steps.find(({ type }) => type === 'next')?.steps as {
      errors?: { status: number; headers: object; body: string }[];
    }[];
    const errors = next.flatMap((one) => one.errors ?? []);
    expect(errors).toHaveLength(accepted.length * failures);
    expect(errors.map(({ status }) => status)).toEqual(errors.map(() => 500));
    // As many bodies as fit, and the beginning of the next one.
    const shown = errors.filter(({ body }) => body !== '');
    expect(shown.filter(({ body }) => body.length === 60_000)).toHaveLength(Math.floor((1024 * 1024) / 60_002));
    const bytes = shown.map(({ headers, body }) => JSON.stringify(headers).length + body.length);
    expect(bytes.reduce((sum, each) => sum + each)).toBe(1024 * 1024);
  });
});
