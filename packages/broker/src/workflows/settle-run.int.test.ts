import { createRunSettlement, type RunSettlementParts } from './run-settlement.ts';
import { request, url, useRuns } from './runs.fixture.ts';

const runs = useRuns();
const { start, readLog, readDelivery, readDeliveries, readField } = runs;

const response = {
  status: 500,
  header: { Small: ['a'], Huge: ['x'.repeat(60_000)] },
  body: Buffer.alloc(100_000, 'y'),
};

/** Fails a run that wants to be told; the id of its failure callback. */
async function failRun(runId: string, maxStoredBytes: number, payload = 'payload'): Promise<string> {
  await start(runId, { 'Upstash-Failure-Callback': url }, payload);
  const [{ messageId } = { messageId: '' }] = (await readLog(runId)) ?? [];
  const delivery = await readDelivery(messageId);
  const outcome = { kind: 'failed', error: 'no', errorKind: 'http', response } as const;
  await runs.broker.workflows.settle(delivery, outcome, maxStoredBytes);
  const deliveries = await readDeliveries(runId);
  return deliveries.find(({ message }) => message.workflow.kind === 'failure')?.id ?? '';
}

const readJson = async (runId: string, field: string) =>
  JSON.parse(await readField(runId, field)) as Record<string, unknown>;

test.each([
  [1000, { Small: ['a'] }],
  [0, {}],
])('of responses a run keeps %i bytes of the body, and headers that fit', async (maxStoredBytes, header) => {
  const runId = `wfr_kept-${maxStoredBytes}`;
  const callbackId = await failRun(runId, maxStoredBytes);
  const failure = await readJson(runId, 'failure');
  expect(failure['header']).toEqual(header);
  expect(Buffer.from(String(failure['bodyBase64']), 'base64')).toHaveLength(maxStoredBytes);

  const delivery = await readDelivery(callbackId);
  const outcome = { kind: 'failed', error: 'no', errorKind: 'http', response } as const;
  await runs.broker.workflows.settle(delivery, outcome, maxStoredBytes);
  const callback = await readJson(runId, 'failureCallback');
  expect(callback).toMatchObject({ state: 'CALLBACK_FAIL', status: 500 });
  expect(callback['header']).toEqual(header);
  expect(callback['body']).toHaveLength(maxStoredBytes);
});

test('a response still says that there is no failure callback when nothing of it is kept', async () => {
  const delivery = await readDelivery(await failRun('wfr_none', 0));
  const header = { 'Upstash-Workflow-Failure-Callback-Notfound': ['true'] };
  await runs.broker.workflows.settle(
    delivery,
    { kind: 'delivered', response: { ...response, status: 200, header } },
    0,
  );
  expect(await readField('wfr_none', 'failureCallback')).toBe('');
});

/** Begins a run that makes a call; the delivery of its request. */
async function makeCall(runId: string, body: string) {
  await start(runId);
  const headers = {
    'Upstash-Workflow-CallType': 'toCallback',
    'Upstash-Callback': url,
    'Upstash-Callback-Forward-Upstash-Workflow-StepId': '1',
  };
  const [call] = (await runs.broker.publishBatch([request(runId, false, body, headers)])) as { messageId: string }[];
  return readDelivery(call?.messageId ?? '');
}

/** The result of the call of a run, as its endpoint gets it. */
async function readResult(runId: string): Promise<Record<string, unknown>> {
  const element = (await readLog(runId))?.find(({ callType }) => callType === 'fromCallback');
  return JSON.parse(Buffer.from(element?.body ?? '', 'base64').toString()) as Record<string, unknown>;
}
const decode = (value: unknown) => Buffer.from(String(value), 'base64');

test.each([
  [false, { body: 100_000, source: 50_000 }],
  [true, { body: 1000, source: 1000 }],
])('while Redis is full (%s), the result of a call has bytes of the response and request: %j', async (isFull, kept) => {
  const runId = `wfr_call-${isFull}`;
  const delivery = await makeCall(runId, 'z'.repeat(50_000));
  const parts = { isFull: () => isFull, maxStoredResponseBytes: 1000, settleRun: runs.broker.workflows.settle };
  const settlement = createRunSettlement(
    { settle: () => Promise.reject(new Error('of no run')), ended: () => Promise.resolve() },
    { ...parts, log: { debug: () => undefined } } as unknown as RunSettlementParts,
  );
  await settlement.settle(delivery, { kind: 'delivered', response: { ...response, status: 200 } });
  const result = await readResult(runId);
  expect(result).toMatchObject({ status: 200, header: { Small: ['a'] } });
  expect(decode(result['body'])).toHaveLength(kept.body);
  expect(decode(result['sourceBody'])).toHaveLength(kept.source);
  expect(result['bodyTruncated']).toBe(isFull ? true : undefined);
});

/** The most commands of a kind that were being carried out at the same time. */
async function countAtOnce(name: 'getrange' | 'getrangeBuffer', work: () => Promise<unknown>): Promise<number> {
  const { redis } = runs.broker;
  let open = 0;
  let most = 0;
  const read = redis[name].bind(redis) as (...given: unknown[]) => Promise<never>;
  const spy = jest.spyOn(redis, name).mockImplementation(async (...given: unknown[]) => {
    most = Math.max(most, ++open);
    const value = await read(...given);
    await redis.ping();
    open--;
    return value;
  });
  await work();
  spy.mockRestore();
  return most;
}

test('few large results of calls are made at once', async () => {
  const deliveries = await Promise.all(Array.from({ length: 6 }, (_, n) => makeCall(`wfr_result-${n}`, 'ask')));
  const body = Buffer.alloc(10_000_000, 'y');
  const most = await countAtOnce('getrange', () =>
    Promise.all(
      deliveries.map((delivery) =>
        runs.broker.workflows.settle(
          delivery,
          { kind: 'delivered', response: { status: 200, header: {}, body } },
          1000,
        ),
      ),
    ),
  );
  expect(most).toBe(3);
  expect(decode((await readResult('wfr_result-5'))['body'])).toHaveLength(body.length);
});

test('few large reports of failures are made at once, outside of the heap', async () => {
  const payload = 'p'.repeat(8_000_000);
  const callbacks = [];
  for (const n of [1, 2, 3, 4, 5]) callbacks.push(await failRun(`wfr_report-${n}`, 1000, payload));
  const deliveries = await Promise.all(callbacks.map(readDelivery));
  let composed: unknown[] = [];
  const most = await countAtOnce('getrange', async () => {
    composed = await Promise.all(deliveries.map((delivery) => runs.broker.workflows.compose(delivery)));
  });
  expect(most).toBe(3);
  for (const one of composed) expect(one).toMatchObject({ body: expect.any(Buffer) as Buffer });
});
