import { PosthornError } from '@posthorn/shared';
import { nameItem } from '../intake/publish.ts';
import { plain, request, step, useRuns } from './runs.fixture.ts';

const runs = useRuns();
const { start, submit, readLog } = runs;

/** What a batch is refused with. */
const refusal = async (...requests: Parameters<typeof runs.broker.publishBatch>[0]) => {
  const error = await runs.broker.publishBatch(requests).catch((error: unknown) => error);
  return error instanceof PosthornError ? [error.status, error.message] : error;
};
const messages = async () => (await runs.server.client.keys('*:deliver:msg_*')).sort();
const toGroup = { ...plain('body'), destination: { kind: 'urlGroup', name: 'no-group' } } as const;

test('a batch with a faulty plain item begins no run and stores no step', async () => {
  await start('wfr_active');
  const before = await messages();
  expect(await refusal(request('wfr_begins', true, ''), plain('fine'), toGroup)).toEqual([
    412,
    'item 2: topic no-group not found',
  ]);
  expect(await refusal(plain('', { 'Upstash-Delay': 'soon' }), request('wfr_active', false, step(1)))).toEqual([
    412,
    expect.stringMatching(/^item 0: Upstash-Delay/),
  ]);
  expect(await readLog('wfr_begins')).toBeUndefined();
  expect(await readLog('wfr_active')).toHaveLength(1);
  expect(await messages()).toEqual(before);
});

test('a faulty item of a run is named by its index in the batch, and no other item is stored', async () => {
  await start('wfr_one');
  const before = await messages();
  const wrong = request('wfr_one', false, step(1), { 'Upstash-Retries': '1000' });
  const call = request('wfr_one', false, '', { 'Upstash-Workflow-CallType': 'toCallback' });
  const invoke = request('wfr_child', true, '{}', { 'Upstash-Workflow-Invoke': 'true' });
  for (const [item, text] of [
    [wrong, 'Upstash-Retries'],
    [call, 'Upstash-Callback'],
    [invoke, 'The envelope'],
  ] as const) {
    const refused = await refusal(plain('fine'), request('wfr_two', true, ''), item);
    expect(refused).toEqual([412, expect.stringMatching(`^item 2: ${text}`)]);
  }
  expect(await messages()).toEqual(before);
  // A request of one message has no items.
  const single = await runs.broker.publish(wrong).catch((error: unknown) => error);
  expect((single as Error).message).toMatch(/^Upstash-Retries/);
});

test('of several runs none accepts anything when one is over or has no room', async () => {
  await start('wfr_goes-on');
  await start('wfr_over');
  await runs.broker.workflows.cancel('wfr_over');
  await start('wfr_full');
  await submit('wfr_full', ...Array.from({ length: 999 }, (_, at) => step(at + 1)));
  const before = await messages();
  const first = request('wfr_goes-on', false, step(1));
  expect(await refusal(first, request('wfr_over', false, step(1)))).toEqual([
    412,
    'item 1: failed to publish to url: can not append to a a cancelled workflow',
  ]);
  const full = [412, expect.stringMatching(/^item 1: .*WORKFLOW_MAX_STEPS/)];
  expect(await refusal(first, request('wfr_full', false, step(1000)))).toEqual(full);
  expect(await readLog('wfr_goes-on')).toHaveLength(1);
  expect(await messages()).toEqual(before);
  // What it has accepted already takes no room.
  const replies = await runs.broker.publishBatch([first, request('wfr_full', false, step(999))]);
  expect(replies).toMatchObject([{}, { deduplicated: true }]);
});

test('400 means that no run of the request is active', async () => {
  const over = [400, 'failed to publish to url: can not append to a a cancelled workflow'];
  expect(await refusal(request('wfr_unknown', false, step(1)))).toEqual(over);
  expect(await refusal(request('wfr_unknown', false, step(1)), request('wfr_other', false, step(1)))).toEqual(over);
  expect(await refusal(plain('fine'), request('wfr_unknown', false, step(1)))).toEqual(over);
});

test('items of runs and others are accepted together, with replies in their order', async () => {
  await start('wfr_mixed');
  const replies = await runs.broker.publishBatch([
    plain('first'),
    request('wfr_mixed', false, step(1)),
    plain('last'),
    request('wfr_mixed-too', true, ''),
  ]);
  const ids = replies.flat().map((reply) => ('messageId' in reply ? reply.messageId : ''));
  const log = await readLog('wfr_mixed');
  expect([log?.[1]?.messageId, (await readLog('wfr_mixed-too'))?.[0]?.messageId]).toEqual([ids[1], ids[3]]);
  for (const id of ids) expect(await runs.server.client.keys(`*:deliver:${id}`)).toHaveLength(1);
});

test('a faulty item of many triggers is named by its index, and one trigger is not', async () => {
  const requests = [plain('fine'), plain('', { 'Upstash-Retries': '1000' })];
  const { trigger } = runs.broker.workflows;
  await expect(trigger(requests, nameItem)).rejects.toThrow(/^item 1: Upstash-Retries/);
  await expect(trigger(requests.slice(1))).rejects.toThrow(/^Upstash-Retries/);
});
