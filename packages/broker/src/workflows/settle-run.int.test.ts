import { url, useRuns } from './runs.fixture.ts';

const runs = useRuns();
const { start, readLog, readDelivery, readDeliveries, readField } = runs;

const answer = { status: 500, header: { Small: ['a'], Huge: ['x'.repeat(60_000)] }, body: Buffer.alloc(100_000, 'y') };

/** Fails a run that wants to be told; the id of its failure callback. */
async function failRun(runId: string, maxStoredBytes: number): Promise<string> {
  await start(runId, { 'Upstash-Failure-Callback': url });
  const [{ messageId } = { messageId: '' }] = (await readLog(runId)) ?? [];
  const delivery = await readDelivery(messageId);
  const outcome = { kind: 'failed', error: 'no', errorKind: 'http', answer } as const;
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
  const outcome = { kind: 'failed', error: 'no', errorKind: 'http', answer } as const;
  await runs.broker.workflows.settle(delivery, outcome, maxStoredBytes);
  const callback = await readJson(runId, 'failureCallback');
  expect(callback).toMatchObject({ state: 'CALLBACK_FAIL', status: 500 });
  expect(callback['header']).toEqual(header);
  expect(callback['body']).toHaveLength(maxStoredBytes);
});

test('a response still says that there is no failure callback when nothing of it is kept', async () => {
  const delivery = await readDelivery(await failRun('wfr_none', 0));
  const header = { 'Upstash-Workflow-Failure-Callback-Notfound': ['true'] };
  await runs.broker.workflows.settle(delivery, { kind: 'delivered', answer: { ...answer, status: 200, header } }, 0);
  expect(await readField('wfr_none', 'failureCallback')).toBe('');
});
