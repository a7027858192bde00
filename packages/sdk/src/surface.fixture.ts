// Every call of the surface, for surface.test.ts: what is called, what goes over the wire, what comes back
// (contract C5, C11). A row that the official client cannot do, or does in another way, says why.
import type { Client } from './client.ts';

export interface Row {
  name: string;
  call: (client: Client) => Promise<unknown>;
  /** Method, a blank, path and query. */
  request: string;
  /** Headers that must be there. */
  headers?: Record<string, string>;
  /** Headers that must not be there. */
  without?: string[];
  /** `undefined` for none; an object stands for its JSON. */
  body?: unknown;
  reply?: unknown;
  result?: unknown;
  /** Why the official client is not expected to send the same. */
  differs?: string;
}

const url = 'https://a.example/x?y=1';
const toUrl = '/v2/publish/https://a.example/x?y=1';
const published = { messageId: 'msg_1', url };
const json = { 'content-type': 'application/json' };
const newer = 'The official client does not have it.';

const publishRows: Row[] = [
  {
    name: 'publish to a URL',
    call: (client) => client.publish({ url, body: 'text' }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-method': 'POST', authorization: 'Bearer token', 'upstash-forward-x-global': 'g' },
    body: 'text',
    reply: published,
    result: published,
  },
  {
    name: 'publish to a URL group',
    call: (client) => client.publish({ urlGroup: 'group' }),
    request: 'POST /v2/publish/group',
    reply: [published],
    result: [published],
  },
  {
    name: 'publish to a topic, the old name of a URL group',

    call: (client) => client.publish({ topic: 'group' }),
    request: 'POST /v2/publish/group',
    reply: [published],
    result: [published],
  },
  {
    name: 'publish: headers are prefixed unless they are ours or the content type',
    call: (client) =>
      client.publish({
        url,
        headers: { 'My-Header': 'm', 'Content-Type': 'a/b', 'Upstash-Retries': '1', 'X-Global': 'own' },
      }),
    request: `POST ${toUrl}`,
    headers: {
      'upstash-forward-my-header': 'm',
      'content-type': 'a/b',
      'upstash-retries': '1',
      'upstash-forward-x-global': 'own',
    },
    without: ['my-header', 'x-global'],
  },
  {
    name: 'publish: headers as a list of pairs',
    call: (client) => client.publish({ url, headers: [['A', '1']] }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-forward-a': '1' },
  },
  ...(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const).map((method) => ({
    name: `publish: method ${method}`,
    call: (client: Client) => client.publish({ url, method }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-method': method },
  })),
  {
    name: 'publish: delay in seconds is rounded',
    call: (client) => client.publish({ url, delay: 10.4 }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-delay': '10s' },
  },
  {
    name: 'publish: delay as a duration',
    call: (client) => client.publish({ url, delay: '2h' }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-delay': '2h' },
  },
  {
    name: 'publish: notBefore is rounded',
    call: (client) => client.publish({ url, notBefore: 1_800_000_000.6 }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-not-before': '1800000001' },
  },
  {
    name: 'publish: deduplicationId',
    call: (client) => client.publish({ url, deduplicationId: 'once' }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-deduplication-id': 'once' },
    reply: { ...published, deduplicated: true },
    result: { ...published, deduplicated: true },
  },
  {
    name: 'publish: contentBasedDeduplication',
    call: (client) => client.publish({ url, contentBasedDeduplication: true }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-content-based-deduplication': 'true' },
  },
  {
    name: 'publish: contentBasedDeduplication false is not sent',
    call: (client) => client.publish({ url, contentBasedDeduplication: false }),
    request: `POST ${toUrl}`,
    without: ['upstash-content-based-deduplication'],
  },
  {
    name: 'publish: no retries',
    call: (client) => client.publish({ url, retries: 0 }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-retries': '0' },
  },
  {
    name: 'publish: retryDelay',
    call: (client) => client.publish({ url, retries: 5, retryDelay: '1000 * (1 + retried)' }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-retries': '5', 'upstash-retry-delay': '1000 * (1 + retried)' },
  },
  {
    name: 'publish: callbacks',
    call: (client) => client.publish({ url, callback: 'https://c.example/?a=b', failureCallback: 'https://f.example' }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-callback': 'https://c.example/?a=b', 'upstash-failure-callback': 'https://f.example' },
  },
  {
    name: 'publish: timeout in seconds is not rounded',
    call: (client) => client.publish({ url, timeout: 0.5 }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-timeout': '0.5s' },
  },
  {
    name: 'publish: timeout as a duration',
    call: (client) => client.publish({ url, timeout: '30s' }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-timeout': '30s' },
  },
  {
    name: 'publish: flowControl with everything',
    call: (client) => client.publish({ url, flowControl: { key: 'k', period: 60, rate: 10, parallelism: 3 } }),
    request: `POST ${toUrl}`,
    headers: {
      'upstash-flow-control-key': 'k',
      'upstash-flow-control-value': 'parallelism=3, rate=10, period=60s',
    },
  },
  {
    name: 'publish: flowControl with a duration and the old name of rate',

    call: (client) => client.publish({ url, flowControl: { key: 'k', period: '1m', ratePerSecond: 10 } }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-flow-control-value': 'rate=10, period=1m' },
  },
  {
    name: 'publish: flowControl with parallelism only',
    call: (client) => client.publish({ url, flowControl: { key: 'k', parallelism: 1 } }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-flow-control-value': 'parallelism=1' },
  },
  {
    name: 'publish: one label',
    call: (client) => client.publish({ url, label: 'a' }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-label': 'a' },
  },
  {
    name: 'publish: several labels',
    call: (client) => client.publish({ url, label: ['a', 'b'] }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-label': 'a,b' },
  },
  {
    name: 'publish: redact everything',
    call: (client) => client.publish({ url, redact: { body: true, header: true } }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-redact-fields': 'body,header' },
  },
  {
    name: 'publish: redact named headers',
    call: (client) => client.publish({ url, redact: { header: ['A', 'B'] } }),
    request: `POST ${toUrl}`,
    headers: { 'upstash-redact-fields': 'header[A],header[B]' },
  },
  {
    name: 'publish: a form',
    call: (client) => client.publish({ url, body: new URLSearchParams({ a: 'b c' }) }),
    request: `POST ${toUrl}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
    body: 'a=b+c',
  },
  {
    name: 'publish: a blob',
    call: (client) => client.publish({ url, body: new Blob(['blob'], { type: 'a/b' }) }),
    request: `POST ${toUrl}`,
    headers: { 'content-type': 'a/b' },
    body: 'blob',
  },
  {
    name: 'publish: bytes',
    call: (client) => client.publish({ url, body: new TextEncoder().encode('bytes') }),
    request: `POST ${toUrl}`,
    body: 'bytes',
  },
  {
    name: 'publish: a stream',
    call: (client) => client.publish({ url, body: new Blob(['stream']).stream() }),
    request: `POST ${toUrl}`,
    body: 'stream',
    differs: 'The official client does not tell fetch how to send a stream, and fails in Node.js.',
  },
  {
    name: 'publishJSON',
    call: (client) => client.publishJSON({ url, body: { n: 1 }, headers: { A: '1', 'Content-Type': 'a/b' } }),
    request: `POST ${toUrl}`,
    headers: { ...json, 'upstash-forward-a': '1' },
    body: '{"n":1}',
    reply: published,
    result: published,
  },
  {
    name: 'publishJSON without a body',
    call: (client) => client.publishJSON({ url }),
    request: `POST ${toUrl}`,
    headers: json,
  },
  {
    name: 'batch',
    call: (client) =>
      client.batch([
        { url, body: 'text', headers: { A: '1' }, delay: 5, queueName: 'q' },
        { urlGroup: 'group', label: ['a', 'b'] },
      ]),
    request: 'POST /v2/batch',
    headers: json,
    body: [
      {
        destination: url,
        headers: {
          'upstash-delay': '5s',
          'upstash-forward-a': '1',
          'upstash-forward-x-global': 'g',
          'upstash-method': 'POST',
        },
        body: 'text',
        queue: 'q',
      },
      {
        destination: 'group',
        headers: { 'upstash-forward-x-global': 'g', 'upstash-label': 'a,b', 'upstash-method': 'POST' },
      },
    ],
    reply: [published, [published]],
    result: [published, [published]],
  },
  {
    name: 'batch: the response becomes a list',
    call: (client) => client.batch([{ url }]),
    request: 'POST /v2/batch',
    body: [{ destination: url, headers: { 'upstash-forward-x-global': 'g', 'upstash-method': 'POST' } }],
    reply: published,
    result: [published],
  },
  {
    name: 'batchJSON: an item without a body stays without',
    call: (client) => client.batchJSON([{ url, body: { n: 1 } }, { url }]),
    request: 'POST /v2/batch',
    body: [
      {
        destination: url,
        headers: { 'content-type': 'application/json', 'upstash-forward-x-global': 'g', 'upstash-method': 'POST' },
        body: '{"n":1}',
      },
      {
        destination: url,
        headers: { 'content-type': 'application/json', 'upstash-forward-x-global': 'g', 'upstash-method': 'POST' },
      },
    ],
    reply: [published, published],
    result: [published, published],
  },
];

const line = { time: 1, state: 'RETRY', messageId: 'msg_1', url, topicName: 'g' };
const logRows: Row[] = [
  {
    name: 'logs',
    call: (client) => client.logs(),
    request: 'GET /v2/events',
    reply: { events: [line], cursor: 'c' },
    result: { logs: [{ ...line, urlGroup: 'g' }], events: [{ ...line, urlGroup: 'g' }], cursor: 'c' },
  },
  {
    name: 'events, the old name of logs',
    call: (client) => client.events({ count: 1 }),
    request: 'GET /v2/events?count=1',
    reply: { events: [] },
    result: { logs: [], events: [] },
  },
  {
    name: 'logs by ids',
    call: (client) => client.logs({ messageIds: ['a', 'b'], count: 2 }),
    request: 'GET /v2/events?count=2&messageIds=a&messageIds=b',
    reply: { events: [] },
  },
  {
    name: 'logs by filters',
    call: (client) =>
      client.logs({
        count: 5,
        cursor: 'c',
        filter: {
          state: 'DELIVERED',
          fromDate: new Date(1),
          toDate: 2,
          callerIp: '1.2.3.4',
          label: ['a', 'b'],
          flowControlKey: 'k',
          url,
          urlGroup: 'g',
          scheduleId: 's',
          queueName: 'q',
          host: 'a.example',
          path: '/x',
          messageId: 'msg_1',
        },
      }),
    request:
      'GET /v2/events?count=5&cursor=c&state=DELIVERED&fromDate=1&toDate=2&callerIp=1.2.3.4&label=a&label=b' +
      '&flowControlKey=k&url=https%3A%2F%2Fa.example%2Fx%3Fy%3D1&topicName=g&scheduleId=s&queueName=q&host=a.example' +
      '&path=%2Fx&messageId=msg_1',
    reply: { events: [] },
  },
  {
    name: 'logs from a time on',
    call: (client) => client.logs({ cursor: 1_700_000_000_000 }),
    request: 'GET /v2/events?cursor=1700000000000',
    reply: { events: [] },
  },
  {
    name: 'iterateLogs reads until there is no cursor',
    call: async (client) => {
      const ids = [];
      for await (const { messageId } of client.iterateLogs({ filter: { label: 'a' } })) ids.push(messageId);
      return ids;
    },
    request: 'GET /v2/events?label=a',
    reply: { events: [line] },
    result: ['msg_1'],
    differs: newer,
  },
];

const message = { messageId: 'msg_1', url, topicName: 'g', rate: 4 };
const messageRows: Row[] = [
  {
    name: 'messages.get',
    call: (client) => client.messages.get('msg_1'),
    request: 'GET /v2/messages/msg_1',
    reply: message,
    result: { ...message, urlGroup: 'g', ratePerSecond: 4 },
  },
  {
    name: 'messages.cancel one',
    call: (client) => client.messages.cancel('msg_1'),
    request: 'DELETE /v2/messages/msg_1',
    reply: { cancelled: 1 },
    result: { cancelled: 1 },
  },
  {
    name: 'messages.cancel a list',
    call: (client) => client.messages.cancel(['a', 'b']),
    request: 'DELETE /v2/messages?messageIds=a&messageIds=b',
    reply: { cancelled: 2 },
    result: { cancelled: 2 },
  },
  {
    name: 'messages.cancel by ids',
    call: (client) => client.messages.cancel({ messageIds: ['a'] }),
    request: 'DELETE /v2/messages?messageIds=a',
    reply: { cancelled: 1 },
    result: { cancelled: 1 },
  },
  {
    name: 'messages.cancel by a filter',
    call: (client) => client.messages.cancel({ filter: { urlGroup: 'g', host: ['h', 'i'], path: '/x' } }),
    request: 'DELETE /v2/messages?count=100&topicName=g&host=h&host=i&path=%2Fx',
    reply: { cancelled: 3 },
    result: { cancelled: 3 },
  },
  {
    name: 'messages.cancel by a filter with a count',
    call: (client) => client.messages.cancel({ filter: { label: 'a', fromDate: 5 }, count: 7 }),
    request: 'DELETE /v2/messages?count=7&label=a&fromDate=5',
    reply: { cancelled: 3 },
  },
  {
    name: 'messages.cancel all',
    call: (client) => client.messages.cancel({ all: true }),
    request: 'DELETE /v2/messages?count=100',
    reply: { cancelled: 3 },
    result: { cancelled: 3 },
  },
  {
    name: 'messages.delete, the old cancel',
    call: (client) => client.messages.delete('msg_1'),
    request: 'DELETE /v2/messages/msg_1',
  },
  {
    name: 'messages.deleteMany',
    call: (client) => client.messages.deleteMany(['a', 'b']),
    request: 'DELETE /v2/messages?messageIds=a&messageIds=b',
    reply: { cancelled: 2 },
    result: 2,
  },
  {
    name: 'messages.deleteAll',
    call: (client) => client.messages.deleteAll(),
    request: 'DELETE /v2/messages?count=100',
    reply: { cancelled: 2 },
    result: 2,
  },
];

const queue = { name: 'q', createdAt: 1, updatedAt: 1, parallelism: 1, lag: 0, paused: false };
const queueRows: Row[] = [
  {
    name: 'queue.upsert',
    call: (client) => client.queue({ queueName: 'q' }).upsert({ parallelism: 2, paused: true }),
    request: 'POST /v2/queues',
    headers: json,
    body: { queueName: 'q', parallelism: 2, paused: true },
  },
  {
    name: 'queue.upsert with defaults',
    call: (client) => client.queue({ queueName: 'q' }).upsert({}),
    request: 'POST /v2/queues',
    body: { queueName: 'q', parallelism: 1, paused: false },
  },
  {
    name: 'queue.get',
    call: (client) => client.queue({ queueName: 'q' }).get(),
    request: 'GET /v2/queues/q',
    reply: queue,
    result: queue,
  },
  {
    name: 'queue.list needs no name',
    call: (client) => client.queue().list(),
    request: 'GET /v2/queues',
    reply: [queue],
    result: [queue],
  },
  {
    name: 'queue.delete',
    call: (client) => client.queue({ queueName: 'q' }).delete(),
    request: 'DELETE /v2/queues/q',
  },
  {
    name: 'queue.pause',
    call: (client) => client.queue({ queueName: 'q' }).pause(),
    request: 'POST /v2/queues/q/pause',
  },
  {
    name: 'queue.resume',
    call: (client) => client.queue({ queueName: 'q' }).resume(),
    request: 'POST /v2/queues/q/resume',
  },
  {
    name: 'queue.enqueue',
    call: (client) => client.queue({ queueName: 'q' }).enqueue({ url, body: 'text', retries: 1 }),
    request: 'POST /v2/enqueue/q/https://a.example/x?y=1',
    headers: { 'upstash-method': 'POST', 'upstash-retries': '1', 'upstash-forward-x-global': 'g' },
    body: 'text',
    reply: published,
    result: published,
  },
  {
    name: 'queue.enqueueJSON',
    call: (client) => client.queue({ queueName: 'q' }).enqueueJSON({ urlGroup: 'group', body: [1] }),
    request: 'POST /v2/enqueue/q/group',
    headers: json,
    body: '[1]',
    reply: [published],
    result: [published],
  },
];

const schedule = { scheduleId: 'scd_1', cron: '* * * * *', rate: 2 };
const scheduleRows: Row[] = [
  {
    name: 'schedules.create',
    call: (client) => client.schedules.create({ destination: url, cron: '* * * * *' }),
    request: 'POST /v2/schedules/https://a.example/x?y=1',
    headers: { ...json, 'upstash-cron': '* * * * *', 'upstash-forward-x-global': 'g' },
    without: ['upstash-method'],
    reply: { scheduleId: 'scd_1' },
    result: { scheduleId: 'scd_1' },
  },
  {
    name: 'schedules.create with everything',
    call: (client) =>
      client.schedules.create({
        destination: 'group',
        cron: 'CRON_TZ=Europe/Paris 0 4 * * *',
        body: 'text',
        headers: { A: '1', 'Content-Type': 'text/plain' },
        delay: 10,
        retries: 2,
        retryDelay: '1000',
        callback: 'https://c.example',
        failureCallback: 'https://f.example',
        method: 'PUT',
        timeout: 30,
        scheduleId: 'mine',
        queueName: 'q',
        flowControl: { key: 'k', rate: 1 },
        label: ['a', 'b'],
        redact: { body: true },
      }),
    request: 'POST /v2/schedules/group',
    headers: {
      'content-type': 'text/plain',
      'upstash-cron': 'CRON_TZ=Europe/Paris 0 4 * * *',
      'upstash-forward-a': '1',
      'upstash-delay': '10s',
      'upstash-retries': '2',
      'upstash-retry-delay': '1000',
      'upstash-callback': 'https://c.example',
      'upstash-failure-callback': 'https://f.example',
      'upstash-method': 'PUT',
      'upstash-timeout': '30s',
      'upstash-schedule-id': 'mine',
      'upstash-queue-name': 'q',
      'upstash-flow-control-key': 'k',
      'upstash-flow-control-value': 'rate=1',
      'upstash-label': 'a,b',
      'upstash-redact-fields': 'body',
    },
    body: 'text',
    reply: { scheduleId: 'mine' },
    result: { scheduleId: 'mine' },
  },
  {
    name: 'schedules.get',
    call: (client) => client.schedules.get('scd_1'),
    request: 'GET /v2/schedules/scd_1',
    reply: schedule,
    result: { ...schedule, ratePerSecond: 2 },
  },
  {
    name: 'schedules.list',
    call: (client) => client.schedules.list(),
    request: 'GET /v2/schedules',
    reply: [schedule],
    result: [{ ...schedule, ratePerSecond: 2 }],
  },
  {
    name: 'schedules.delete',
    call: (client) => client.schedules.delete('scd_1'),
    request: 'DELETE /v2/schedules/scd_1',
  },
  {
    name: 'schedules.pause',
    call: (client) => client.schedules.pause({ schedule: 'scd_1' }),
    request: 'PATCH /v2/schedules/scd_1/pause',
  },
  {
    name: 'schedules.resume',
    call: (client) => client.schedules.resume({ schedule: 'scd_1' }),
    request: 'PATCH /v2/schedules/scd_1/resume',
  },
];

const group = { name: 'g', createdAt: 1, updatedAt: 1, endpoints: [{ url }] };
const urlGroupRows: Row[] = [
  {
    name: 'urlGroups.addEndpoints',
    call: (client) => client.urlGroups.addEndpoints({ name: 'g', endpoints: [{ url, name: 'a' }] }),
    request: 'POST /v2/topics/g/endpoints',
    headers: json,
    body: { endpoints: [{ url, name: 'a' }] },
  },
  {
    name: 'urlGroups.removeEndpoints',
    call: (client) => client.urlGroups.removeEndpoints({ name: 'g', endpoints: [{ name: 'a' }, { url }] }),
    request: 'DELETE /v2/topics/g/endpoints',
    headers: json,
    body: { endpoints: [{ name: 'a' }, { url }] },
  },
  {
    name: 'urlGroups.list',
    call: (client) => client.urlGroups.list(),
    request: 'GET /v2/topics',
    reply: [group],
    result: [group],
  },
  {
    name: 'topics, the old name of urlGroups',
    call: (client) => client.topics.list(),
    request: 'GET /v2/topics',
    reply: [group],
    result: [group],
  },
  {
    name: 'urlGroups.get',
    call: (client) => client.urlGroups.get('g'),
    request: 'GET /v2/topics/g',
    reply: group,
    result: group,
  },
  {
    name: 'urlGroups.stats',
    call: (client) => client.urlGroups.stats('g', { from: 1000, to: new Date(2000) }),
    request: 'GET /v2/topics/g/stats?from=1000&to=2000',
    reply: { endpoints: [] },
    result: { endpoints: [] },
    differs: newer,
  },
  {
    name: 'urlGroups.delete',
    call: (client) => client.urlGroups.delete('g'),
    request: 'DELETE /v2/topics/g',
  },
  {
    name: 'urlGroups.setHeaders',
    call: (client) => client.urlGroups.setHeaders({ name: 'g', headers: { 'Upstash-Retries': '1' } }),
    request: 'PATCH /v2/topics/g',
    headers: json,
    body: { headers: { 'Upstash-Retries': '1' } },
    differs: newer,
  },
];

const entry = { dlqId: '1-0', messageId: 'msg_1', topicName: 'g' };
const dlqRows: Row[] = [
  {
    name: 'dlq.listMessages',
    call: (client) => client.dlq.listMessages(),
    request: 'GET /v2/dlq',
    reply: { messages: [entry], cursor: 'c' },
    result: { messages: [{ ...entry, urlGroup: 'g' }], cursor: 'c' },
  },
  {
    name: 'dlq.listMessages by ids',
    call: (client) => client.dlq.listMessages({ dlqIds: ['a', 'b'] }),
    request: 'GET /v2/dlq?dlqIds=a&dlqIds=b',
    reply: { messages: [] },
    result: { messages: [] },
  },
  {
    name: 'dlq.listMessages by filters',
    call: (client) =>
      client.dlq.listMessages({
        count: 2,
        cursor: 'c',
        filter: {
          messageId: 'msg_1',
          responseStatus: 500,
          fromDate: 1,
          toDate: new Date(2),
          callerIp: '1.2.3.4',
          label: 'a',
          flowControlKey: 'k',
          url: ['https://a.example'],
          urlGroup: 'g',
          scheduleId: 's',
          queueName: 'q',
        },
      }),
    request:
      'GET /v2/dlq?count=2&cursor=c&messageId=msg_1&responseStatus=500&fromDate=1&toDate=2&callerIp=1.2.3.4&label=a' +
      '&flowControlKey=k&url=https%3A%2F%2Fa.example&topicName=g&scheduleId=s&queueName=q',
    reply: { messages: [] },
  },
  {
    name: 'dlq.iterateMessages reads until there is no cursor',
    call: async (client) => {
      const ids = [];
      for await (const { dlqId } of client.dlq.iterateMessages({ count: 1 })) ids.push(dlqId);
      return ids;
    },
    request: 'GET /v2/dlq?count=1',
    reply: { messages: [entry] },
    result: ['1-0'],
    differs: newer,
  },
  {
    name: 'dlq.get',
    call: (client) => client.dlq.get('1-0'),
    request: 'GET /v2/dlq/1-0',
    reply: entry,
    result: { ...entry, urlGroup: 'g' },
    differs: newer,
  },
  {
    name: 'dlq.delete one',
    call: (client) => client.dlq.delete('1-0'),
    request: 'DELETE /v2/dlq/1-0',
    result: { deleted: 1 },
  },
  {
    name: 'dlq.delete a list',
    call: (client) => client.dlq.delete(['a', 'b']),
    request: 'DELETE /v2/dlq?dlqIds=a&dlqIds=b',
    reply: { deleted: 2 },
    result: { deleted: 2 },
  },
  {
    name: 'dlq.delete by one id',
    call: (client) => client.dlq.delete({ dlqIds: 'a' }),
    request: 'DELETE /v2/dlq?dlqIds=a',
    reply: { deleted: 1 },
  },
  {
    name: 'dlq.delete by a filter',
    call: (client) => client.dlq.delete({ filter: { label: 'a', responseStatus: [500, 503] }, cursor: 'c' }),
    request: 'DELETE /v2/dlq?count=100&cursor=c&label=a&responseStatus=500&responseStatus=503',
    reply: { deleted: 1, cursor: 'd' },
    result: { deleted: 1, cursor: 'd' },
  },
  {
    name: 'dlq.delete the oldest',
    call: (client) => client.dlq.delete({ all: true, count: 5 }),
    request: 'DELETE /v2/dlq?count=5',
    reply: { deleted: 5 },
  },
  {
    name: 'dlq.deleteMany',
    call: (client) => client.dlq.deleteMany({ dlqIds: ['a'] }),
    request: 'DELETE /v2/dlq?dlqIds=a',
    reply: { deleted: 1 },
    result: { deleted: 1 },
  },
  {
    name: 'dlq.retry one',
    call: (client) => client.dlq.retry('a'),
    request: 'POST /v2/dlq/retry?dlqIds=a',
    reply: { responses: [{ messageId: 'msg_2' }], cursor: '' },
    result: { responses: [{ messageId: 'msg_2' }] },
  },
  {
    name: 'dlq.retry a list',
    call: (client) => client.dlq.retry(['a', 'b']),
    request: 'POST /v2/dlq/retry?dlqIds=a&dlqIds=b',
    reply: { responses: [] },
    result: { responses: [] },
  },
  {
    name: 'dlq.retry by a filter',
    call: (client) => client.dlq.retry({ filter: { urlGroup: 'g' }, count: 3 }),
    request: 'POST /v2/dlq/retry?count=3&topicName=g',
    reply: { responses: [], cursor: 'c' },
    result: { responses: [], cursor: 'c' },
  },
  {
    name: 'dlq.retry the oldest',
    call: (client) => client.dlq.retry({ all: true }),
    request: 'POST /v2/dlq/retry?count=100',
    reply: { responses: [] },
  },
];

const info = { flowControlKey: 'k', waitListSize: 1 };
const flowControlRows: Row[] = [
  {
    name: 'flowControl.get',
    call: (client) => client.flowControl.get('k'),
    request: 'GET /v2/flowControl/k',
    reply: info,
    result: info,
  },
  {
    name: 'flowControl.get: a key is one segment of the path',
    call: (client) => client.flowControl.get('user/1?a b'),
    request: 'GET /v2/flowControl/user%2F1%3Fa%20b',
    reply: info,
    differs: 'The official client puts the key into the path as it is, so that this one reads another address.',
  },
  {
    name: 'flowControl.list',
    call: (client) => client.flowControl.list({ search: 'k' }),
    request: 'GET /v2/flowControl?search=k',
    reply: [info],
    result: [info],
    differs: newer,
  },
  {
    name: 'flowControl.getGlobalParallelism: missing numbers are 0',
    call: (client) => client.flowControl.getGlobalParallelism(),
    request: 'GET /v2/globalParallelism',
    reply: { parallelismMax: 5 },
    result: { parallelismMax: 5, parallelismCount: 0 },
  },
  ...(['pause', 'resume', 'resetRate'] as const).map((verb) => ({
    name: `flowControl.${verb}`,
    call: (client: Client) => client.flowControl[verb]('k'),
    request: `POST /v2/flowControl/k/${verb}`,
  })),
  {
    name: 'flowControl.pin',
    call: (client) => client.flowControl.pin('k', { parallelism: 3, rate: 20, period: 120 }),
    request: 'POST /v2/flowControl/k/pin?parallelism=3&rate=20&period=120',
  },
  {
    name: 'flowControl.unpin',
    call: (client) => client.flowControl.unpin('k', { parallelism: true, rate: false }),
    request: 'POST /v2/flowControl/k/unpin?parallelism=true&rate=false',
  },
];

const keys = { current: 'sig_a', next: 'sig_b' };
const otherRows: Row[] = [
  {
    name: 'messages.runNow',
    call: (client) => client.messages.runNow('msg_1'),
    request: 'POST /v2/messages/msg_1/retry',
    reply: { messageId: 'msg_1' },
    result: { messageId: 'msg_1' },
    differs: newer,
  },
  {
    name: 'keys.get',
    call: (client) => client.keys.get(),
    request: 'GET /v2/keys',
    reply: keys,
    result: keys,
    differs: newer,
  },
  {
    name: 'keys.rotate',
    call: (client) => client.keys.rotate(),
    request: 'POST /v2/keys/rotate',
    reply: keys,
    result: keys,
    differs: newer,
  },
  {
    name: 'http.request',
    call: (client) =>
      client.http.request({
        path: ['v2', 'other'],
        method: 'PUT',
        query: { a: [1, 2], b: true, c: new Date(5), d: undefined },
        headers: { Plain: 'p' },
        body: 'text',
      }),
    request: 'PUT /v2/other?a=1&a=2&b=true&c=5',
    headers: { plain: 'p', authorization: 'Bearer token' },
    without: ['upstash-telemetry-sdk', 'upstash-forward-x-global'],
    body: 'text',
    reply: { fine: true },
    result: { fine: true },
  },
  {
    name: 'http.request whose response is not parsed',
    call: (client) => client.http.request({ path: ['v2', 'other'], parseResponseAsJson: false }),
    request: 'GET /v2/other',
    reply: 'OK, and no JSON',
  },
  {
    name: 'http.requestStream',
    call: async (client) => {
      const events = [];
      for await (const event of client.http.requestStream({ path: ['stream'], method: 'POST' })) events.push(event);
      return events;
    },
    request: 'POST /stream',
    reply: 'data: {"n":1}\n\ndata: {"n":2}\n\ndata: [DONE]\n\n',
    result: [{ n: 1 }, { n: 2 }],
  },
];

const viewRows: Row[] = [
  {
    name: 'messages.list',
    call: (client) => client.messages.list({ filter: { state: 'FAILED', urlGroup: 'g' }, count: 2 }),
    request: 'GET /v2/messages?count=2&state=FAILED&topicName=g',
    reply: { messages: [], cursor: 'c' },
    result: { messages: [], cursor: 'c' },
    differs: newer,
  },
  {
    name: 'messages.timeline',
    call: (client) => client.messages.timeline('msg_1', { timeZone: 'Europe/Berlin', trimBody: 10 }),
    request: 'GET /v2/messages/msg_1/timeline?timeZone=Europe%2FBerlin&trimBody=10',
    reply: { where: { text: 'Delayed.' } },
    result: { where: { text: 'Delayed.' } },
    differs: newer,
  },
  {
    name: 'stats',
    call: (client) => client.stats({ from: 1, groupBy: 'host', filter: { urlGroup: 'g' } }),
    request: 'GET /v2/stats?from=1&groupBy=host&topicName=g',
    reply: { top: [] },
    result: { top: [] },
    differs: newer,
  },
  {
    name: 'destinations',
    call: (client) => client.destinations({ order: 'slow' }),
    request: 'GET /v2/destinations?order=slow',
    reply: { destinations: [] },
    result: { destinations: [] },
    differs: newer,
  },
  {
    name: 'overview',
    call: (client) => client.overview(),
    request: 'GET /v2/overview',
    reply: { waiting: 1 },
    result: { waiting: 1 },
    differs: newer,
  },
  {
    name: 'limits',
    call: (client) => client.limits(),
    request: 'GET /v2/limits',
    reply: { maxRetries: 20 },
    result: { maxRetries: 20 },
    differs: newer,
  },
  {
    name: 'find',
    call: (client) => client.find('orders'),
    request: 'GET /v2/find?q=orders',
    reply: { hits: [] },
    result: { hits: [] },
    differs: newer,
  },
  {
    name: 'dlq.summary',
    call: (client) => client.dlq.summary({ filter: { cause: 'a-b-c' } }),
    request: 'GET /v2/dlq/summary?cause=a-b-c',
    reply: { total: 0, groups: [] },
    result: { total: 0, groups: [] },
    differs: newer,
  },
  {
    name: 'schedules.run',
    call: (client) => client.schedules.run({ schedule: 'scd_1' }),
    request: 'POST /v2/schedules/scd_1/run',
    reply: { messageId: 'msg_1' },
    result: { messageId: 'msg_1' },
    differs: newer,
  },
  {
    name: 'schedules.preview',
    call: (client) => client.schedules.preview({ cron: '0 4 * * *' }),
    request: 'GET /v2/cron?expression=0+4+*+*+*',
    reply: { next: [1], text: 'At 04:00' },
    result: { next: [1], text: 'At 04:00' },
    differs: newer,
  },
  {
    name: 'messages.iterate reads until there is no cursor',
    call: async (client) => {
      const ids = [];
      for await (const { messageId } of client.messages.iterate({ count: 1 })) ids.push(messageId);
      return ids;
    },
    request: 'GET /v2/messages?count=1',
    reply: { messages: [{ messageId: 'msg_1' }] },
    result: ['msg_1'],
    differs: newer,
  },
  {
    name: 'followLogs leaves out what only counts',
    call: async (client) => {
      const lines = [];
      for await (const line of client.followLogs({ filter: { state: 'FAILED' } })) lines.push(line);
      return lines;
    },
    request: 'GET /v2/logs/stream?state=FAILED',
    reply: 'event: line\nid: 1-0\ndata: {"messageId":"msg_1","topicName":"g"}\n\nevent: skipped\ndata: {"count":2}\n\n',
    result: [{ messageId: 'msg_1', topicName: 'g', urlGroup: 'g' }],
    differs: newer,
  },
];

const run = { workflowRunId: 'wfr_1', workflowCreatedAt: 5 };
const byOther = 'The official client of workflows is a package of its own.';
const workflowRows: Row[] = [
  {
    name: 'workflow.trigger',
    call: (client) =>
      client.workflow.trigger({
        url: 'https://a.example/w',
        body: '{}',
        workflowRunId: 'wfr_1',
        retries: 2,
        label: 'l',
      }),
    request: 'POST /v2/trigger/https://a.example/w',
    headers: { ...json, 'upstash-workflow-runid': 'wfr_1', 'upstash-retries': '2', 'upstash-label': 'l' },
    body: '{}',
    reply: run,
    result: run,
    differs: byOther,
  },
  {
    name: 'workflow.list',
    call: (client) => client.workflow.list({ state: 'RUN_FAILED', label: ['a', 'b'], count: 5 }),
    request: 'GET /v2/workflows/logs?state=RUN_FAILED&label=a&label=b&count=5',
    reply: { runs: [] },
    result: { runs: [] },
    differs: byOther,
  },
  {
    name: 'workflow.get',
    call: (client) => client.workflow.get('wfr_1'),
    request: 'GET /v2/workflows/logs?workflowRunId=wfr_1&count=1',
    reply: { runs: [run] },
    result: run,
    differs: byOther,
  },
  {
    name: 'workflow.cancel of several',
    call: (client) => client.workflow.cancel(['wfr_1', 'wfr_2']),
    request: 'DELETE /v2/workflows/runs?workflowRunIds=wfr_1&workflowRunIds=wfr_2',
    reply: { cancelled: 2 },
    result: { cancelled: 2 },
    differs: byOther,
  },
  {
    name: 'workflow.cancel by a filter',
    call: (client) => client.workflow.cancel({ filter: { workflowUrl: 'https://a.example' }, count: 3 }),
    request: 'DELETE /v2/workflows/runs?workflowUrl=https%3A%2F%2Fa.example&count=3',
    reply: { cancelled: 1 },
    result: { cancelled: 1 },
    differs: byOther,
  },
  {
    name: 'workflow.notify',
    call: (client) => client.workflow.notify({ eventId: 'a/b', eventData: { n: 1 } }),
    request: 'POST /v2/notify/a%2Fb',
    body: { n: 1 },
    reply: [],
    result: [],
    differs: byOther,
  },
  {
    name: 'workflow.notify of one run',
    call: (client) => client.workflow.notify({ eventId: 'e', workflowRunId: 'wfr_1', eventData: 'text' }),
    request: 'POST /v2/notify/wfr_1/e',
    body: 'text',
    reply: [],
    result: [],
    differs: byOther,
  },
  {
    name: 'workflow.waiters',
    call: (client) => client.workflow.waiters('e'),
    request: 'GET /v2/waiters/e',
    reply: [],
    result: [],
    differs: byOther,
  },
  {
    name: 'workflow.listDlq',
    call: (client) => client.workflow.listDlq({ label: 'a' }),
    request: 'GET /v2/workflows/dlq?label=a',
    reply: { messages: [] },
    result: { messages: [] },
    differs: byOther,
  },
  {
    name: 'workflow.resume',
    call: (client) => client.workflow.resume('1-0', { retries: 7 }),
    request: 'POST /v2/workflows/dlq/resume/1-0',
    headers: { 'upstash-retries': '7' },
    reply: run,
    result: run,
    differs: byOther,
  },
  {
    name: 'workflow.restart',
    call: (client) => client.workflow.restart('1-0'),
    request: 'POST /v2/workflows/dlq/restart/1-0',
    reply: run,
    result: run,
    differs: byOther,
  },
  {
    name: 'workflow.deleteDlq of one',
    call: (client) => client.workflow.deleteDlq('1-0'),
    request: 'DELETE /v2/workflows/dlq/1-0',
    reply: '',
    result: { deleted: 1 },
    differs: byOther,
  },
  {
    name: 'workflow.deleteDlq by a filter',
    call: (client) =>
      client.workflow.deleteDlq({ filter: { failureFunctionState: 'CALLBACK_FAIL' }, count: 3, cursor: '1-0' }),
    request: 'DELETE /v2/workflows/dlq?failureFunctionState=CALLBACK_FAIL&count=3&cursor=1-0',
    reply: { deleted: 3, cursor: '2-0' },
    result: { deleted: 3, cursor: '2-0' },
    differs: byOther,
  },
  {
    name: 'workflow.retryFailureFunction',
    call: (client) => client.workflow.retryFailureFunction('1-0'),
    request: 'POST /v2/workflows/dlq/callback/1-0',
    reply: run,
    result: run,
    differs: byOther,
  },
  {
    name: 'workflow.cancelFailureFunction',
    call: (client) => client.workflow.cancelFailureFunction('1-0'),
    request: 'DELETE /v2/workflows/dlq/callback/1-0',
    reply: run,
    result: run,
    differs: byOther,
  },
];

export const rows: Row[] = [
  ...publishRows,
  ...logRows,
  ...messageRows,
  ...queueRows,
  ...scheduleRows,
  ...urlGroupRows,
  ...dlqRows,
  ...flowControlRows,
  ...workflowRows,
  ...otherRows,
  ...viewRows,
];
