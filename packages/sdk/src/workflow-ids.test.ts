// Run ids begin with `wfr_`: without it the server takes the id in front of an event for a part of the event.
import { serveClient } from './served-client.fixture.ts';

const url = 'https://a.example';
const served = serveClient();

const calls: [string, string, (workflowRunId: string) => Promise<unknown>][] = [
  [
    'notify',
    '/v2/notify/wfr_a/paid',
    (workflowRunId) => served.client.workflow.notify({ eventId: 'paid', workflowRunId }),
  ],
  ['get', '/v2/workflows/logs?workflowRunId=wfr_a&count=1', (id) => served.client.workflow.get(id)],
  [
    'list',
    '/v2/workflows/logs?workflowRunId=wfr_a&workflowRunId=wfr_b',
    (id) => served.client.workflow.list({ workflowRunId: [id, 'b'] }),
  ],
  ['cancel', '/v2/workflows/runs?workflowRunIds=wfr_a', (id) => served.client.workflow.cancel(id)],
  [
    'cancel of several',
    '/v2/workflows/runs?workflowRunIds=wfr_a&workflowRunIds=wfr_b',
    (id) => served.client.workflow.cancel([id, 'wfr_b']),
  ],
  ['listDlq', '/v2/workflows/dlq?workflowRunId=wfr_a', (id) => served.client.workflow.listDlq({ workflowRunId: id })],
  [
    'deleteDlq',
    '/v2/workflows/dlq?workflowRunId=wfr_a&count=100',
    (id) => served.client.workflow.deleteDlq({ filter: { workflowRunId: id } }),
  ],
];

describe.each(calls)('%s', (_name, path, call) => {
  test.each(['a', 'wfr_a'])('of the run %s', async (id) => {
    // The response is no JSON.
    await call(id).catch(() => undefined);
    const asked = served.server.requests.at(-1)?.path ?? '';
    const sort = (text: string) => text.split(/[?&]/).toSorted();
    expect(sort(asked)).toEqual(sort(path));
  });
});

test.each([
  ['order-17', 'wfr_order-17'],
  ['wfr_order-17', 'wfr_order-17'],
  ['', undefined],
])('trigger names the run %j %j', async (workflowRunId, named) => {
  await served.client.workflow.trigger({ url, workflowRunId }).catch(() => undefined);
  expect(served.server.requests.at(-1)?.headers['upstash-workflow-runid']).toBe(named);
});
