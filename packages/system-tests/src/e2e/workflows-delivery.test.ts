// When deliveries of a run come, what each of them carries, and what begins a run besides a trigger.
import { eventually } from '@posthorn/testkit';
import { useWorkflowSystem } from './workflow-system.fixture.ts';

const workflows = useWorkflowSystem();

test('headers of the trigger arrive with steps, results of calls, events and deadlines, and with the failure', async () => {
  let isCalled = false;
  const url = workflows.define(
    '/headers',
    async (context) => {
      await context.call('ask', { url: `${workflows.system.receiver.url}/third` });
      await context.waitForEvent('told', 'headers', { timeout: 60 });
      await context.waitForEvent('late', 'never', { timeout: 1 });
      await context.run('fails', () => {
        throw new Error('broken');
      });
    },
    { failureFunction: () => void (isCalled = true) },
  );
  const { workflowRunId } = await workflows.client.trigger({
    url,
    retries: 0,
    label: 'carried',
    headers: { 'X-User': 'u & <é>' },
  });
  await eventually(async () => (await workflows.client.notify({ eventId: 'headers' })).length === 1);
  expect((await workflows.ended(workflowRunId)).workflowState).toBe('RUN_FAILED');
  await eventually(() => isCalled);
  const deliveries = workflows.at('/headers');
  expect(deliveries.map(({ headers }) => headers['upstash-workflow-calltype'])).toEqual([
    ...['step', 'fromCallback', 'step', 'step', 'step'],
    'failureCall',
  ]);
  const expected = { 'upstash-workflow-runid': workflowRunId, 'upstash-label': 'carried' };
  for (const { headers } of deliveries) {
    expect(headers).toMatchObject(expected);
    expect(Buffer.from(String(headers['x-user']), 'latin1').toString('utf8')).toBe('u & <é>');
  }
});

test('a schedule for the URL of a workflow begins a run with its payload', async () => {
  const url = workflows.define<{ n: number }>('/scheduled', async (context) =>
    context.run('one', () => context.requestPayload.n),
  );
  const { api } = workflows.system;
  const headers = { 'Upstash-Cron': '0 0 1 1 *', 'Content-Type': 'application/json' };
  const created = await api.call(`/v2/schedules/${url}`, { method: 'POST', headers, body: '{"n":7}' });
  const { scheduleId } = (await created.json()) as { scheduleId: string };
  expect((await api.call(`/v2/schedules/${scheduleId}/run`, { method: 'POST' })).status).toBeLessThan(300);
  const run = await eventually(async () => {
    const [found] = (await workflows.client.logs({ filter: { workflowUrl: url } })).runs;
    return found?.workflowState === 'RUN_SUCCESS' ? found : undefined;
  });
  expect(run.workflowRunResponse).toBe('7');
  const [raw] = workflows.at('/scheduled');
  expect(raw?.body).toBe('{"n":7}');
  expect(raw?.headers['upstash-workflow-runid']).toBeUndefined();
});

/** What a busy machine may add. */
const maxLateMs = 10_000;
const inSeconds = (seconds: number) => Date.now() / 1000 + seconds;

test.each<[string, number, (pause: Pauses) => Promise<void>]>([
  ['of a number of seconds', 1000, ({ sleep }) => sleep('pause', 1)],
  ['of a duration', 1000, ({ sleep }) => sleep('pause', '1s')],
  ['of nothing', 0, ({ sleep }) => sleep('pause', 0)],
  // Each replay of the workflow computes this time anew; the first one counts. The SDK rounds it to a second.
  ['until a time', 990, ({ sleepUntil }) => sleepUntil('pause', inSeconds(1.5))],
  ['until a time that has passed', 0, ({ sleepUntil }) => sleepUntil('pause', inSeconds(-60))],
])('a sleep %s is not too short, and at most a little longer', async (name, minMs, pause) => {
  const path = `/sleep-${name.replaceAll(' ', '-')}`;
  const url = workflows.define(path, async (context) => {
    await pause({
      sleep: (...given) => context.sleep(...given),
      sleepUntil: (...given) => context.sleepUntil(...given),
    });
  });
  const { workflowRunId } = await workflows.client.trigger({ url, retries: 0 });
  expect((await workflows.ended(workflowRunId)).workflowState).toBe('RUN_SUCCESS');
  const [first, second] = workflows.at(path);
  const pausedMs = (second?.at ?? 0) - (first?.at ?? 0);
  expect(pausedMs).toBeGreaterThanOrEqual(minMs);
  expect(pausedMs).toBeLessThan(minMs + maxLateMs);
});

interface Pauses {
  sleep(name: string, duration: number | `${bigint}s`): Promise<void>;
  sleepUntil(name: string, at: number): Promise<void>;
}
