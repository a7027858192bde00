// Bulk calls act on what they name, and never on more.
import { QstashValidationError } from './index.ts';
import { serveClient } from './served-client.fixture.ts';

const served = serveClient();

// Callers without types send anything.
type Call = (request: never) => Promise<unknown>;
const calls: [string, string, Call][] = [
  ['messages.cancel', '/v2/messages', (request) => served.client.messages.cancel(request)],
  ['dlq.delete', '/v2/dlq', (request) => served.client.dlq.delete(request)],
  ['dlq.retry', '/v2/dlq/retry', (request) => served.client.dlq.retry(request)],
  ['workflow.cancel', '/v2/workflows/runs', (request) => served.client.workflow.cancel(request)],
  ['workflow.deleteDlq', '/v2/workflows/dlq', (request) => served.client.workflow.deleteDlq(request)],
];

describe.each(calls)('%s', (_name, path, call) => {
  const send = async (request: unknown) => {
    // The response is no JSON.
    await call(request as never).catch(() => undefined);
    return served.server.requests.map((received) => received.path);
  };

  test.each([[false], [undefined], [null], ['true']])('takes the filter beside all: %p', async (all) => {
    expect(await send({ filter: { label: 'a' }, all })).toEqual([`${path}?label=a&count=100`]);
  });

  test('takes all only if it is true', async () => {
    expect(await send({ all: true, count: 7 })).toEqual([`${path}?count=7`]);
  });

  test.each<[string, unknown]>([
    ['all and a filter', { all: true, filter: { label: 'a' } }],
    ['a filter without a value', { filter: { label: undefined } }],
    ['a filter without a value, and all: false', { filter: { label: undefined }, all: false }],
    ['all: false alone', { all: false }],
    ['nothing', {}],
    ['an empty id among others', ['a', '']],
    ['an id of dots', ['..']],
  ])('refuses %s before anything is sent', async (_kind, request) => {
    await expect(call(request as never)).rejects.toBeInstanceOf(QstashValidationError);
    expect(served.server.requests).toHaveLength(0);
  });
});
