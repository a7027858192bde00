// Callers without types: values that are no text are sent as `fetch` would send them, and none is lost.
import { startReceiver, type Receiver as TestServer } from '@posthorn/testkit';
import { Client, Receiver, SignatureError } from './index.ts';

const url = 'https://a.example';
let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startReceiver();
  client = new Client({ baseUrl: server.url, token: 't', headers: { 'X-Client': 5 } as never });
  for (const way of ['publish', 'enqueue/q', 'schedules', 'trigger']) {
    server.reply(`/v2/${way}/${url}`, { status: 200, body: '{}' });
  }
});
afterAll(() => server.stop());

const headers = { 'X-Number': 17, 'X-Boolean': false, 'X-List': ['a', 'b'], 'X-Url': new URL(url) } as never;
const sent = {
  'upstash-forward-x-client': '5',
  'upstash-forward-x-number': '17',
  'upstash-forward-x-boolean': 'false',
  'upstash-forward-x-list': 'a,b',
  'upstash-forward-x-url': 'https://a.example/',
};
const id = 17 as never;

const ways: [string, object, () => Promise<unknown>][] = [
  [
    'publish',
    { 'upstash-deduplication-id': '17' },
    () => client.publish({ url, headers, deduplicationId: id } as { url: string }),
  ],
  ['publishJSON', {}, () => client.publishJSON({ url, headers, body: 1 } as { url: string })],
  ['enqueue', {}, () => client.queue({ queueName: 'q' }).enqueue({ url, headers } as { url: string })],
  [
    'schedules.create',
    { 'upstash-schedule-id': '17' },
    () => client.schedules.create({ destination: url, cron: '* * * * *', headers, scheduleId: id }),
  ],
  [
    'workflow.trigger',
    { 'upstash-workflow-runid': 'wfr_17' },
    () => client.workflow.trigger({ url, headers, workflowRunId: id }),
  ],
];

test.each(ways)('%s', async (_name, more, call) => {
  await call();
  expect(server.requests.at(-1)?.headers).toMatchObject({ ...sent, ...more });
});

test('a batch', async () => {
  server.reply('/v2/batch', { status: 200, body: '[]' });
  await client.batch([{ url, headers, deduplicationId: id } as { url: string }]);
  const [item] = JSON.parse(server.requests.at(-1)?.body.toString() ?? '') as [{ headers: object }];
  expect(item.headers).toMatchObject({ ...sent, 'upstash-deduplication-id': '17' });
});

test.each([[undefined], [null], [17], [['x.y.z']], [{}]])('the signature %p is none', async (signature) => {
  const receiver = new Receiver({ currentSigningKey: 'sig_a', nextSigningKey: 'sig_b' });
  await expect(receiver.verify({ signature: signature as never, body: '' })).rejects.toBeInstanceOf(SignatureError);
});
