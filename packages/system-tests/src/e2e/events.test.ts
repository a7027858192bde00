import { eventually, readError, startSystem, type TestEvent, type TestSystem } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf } = system;

interface Page {
  events: TestEvent[];
  logs?: TestEvent[];
  messages?: { messageId: string; events: TestEvent[] }[];
  cursor?: string;
}
const base64 = (text: string) => Buffer.from(text).toString('base64');
const read = (query: string, path = '/v2/events', { api }: Pick<TestSystem, 'api'> = system) =>
  api.read<Page>(`${path}?${query}`);
const stateOf = ({ state }: TestEvent) => state;
/** Waits until the list of all entries has the last one of a message. */
const untilEnded = (id: string) =>
  eventually(async () =>
    (await read('state=DELIVERED,FAILED&count=50')).events.some(({ messageId }) => messageId === id),
  );
/** Publishes and waits for the end of the message. */
const finish = async (path: string, headers: Record<string, string> = {}, body = 'b') => {
  const id = await system.api.publish(urlOf(path), { headers: { 'Upstash-Retries': '0', ...headers }, body });
  await untilEnded(id);
  return id;
};

test('events and logs are the same entries of all messages, newest first', async () => {
  const ids = [await finish('/same'), await finish('/same')];
  const page = await read('count=6');
  expect(Object.keys(page).sort()).toEqual(['events']);
  expect(page.events.map(({ messageId, state }) => [messageId, state])).toEqual(
    ids.reverse().flatMap((id) => ['DELIVERED', 'ACTIVE', 'CREATED'].map((state) => [id, state])),
  );
  const logs = await read('count=6', '/v2/logs');
  expect(logs).toEqual({ logs: page.events });
});

test('a success has three entries, a failure four, a retry two more', async () => {
  system.receiver.reply('/failing', 500);
  system.receiver.reply('/flaky', 500, 200);
  const [success, failure] = [await finish('/fine'), await finish('/failing')];
  const flaky = await finish('/flaky', { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '1' });
  const both = await finish('/failing', { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '1' });
  expect(await system.api.states(success)).toEqual(['CREATED', 'ACTIVE', 'DELIVERED']);
  expect(await system.api.states(failure)).toEqual(['CREATED', 'ACTIVE', 'ERROR', 'FAILED']);
  expect(await system.api.states(flaky)).toEqual(['CREATED', 'ACTIVE', 'ERROR', 'RETRY', 'ACTIVE', 'DELIVERED']);
  expect(await system.api.states(both)).toEqual([
    ...['CREATED', 'ACTIVE', 'ERROR', 'RETRY'],
    ...['ACTIVE', 'ERROR', 'FAILED'],
  ]);
  // The list of all has the same entries.
  const { events } = await read('path=/failing,/flaky,/fine');
  expect(events.map(stateOf).sort()).toEqual(
    [success, failure, flaky, both]
      .flatMap((id) => events.filter(({ messageId }) => messageId === id).map(stateOf))
      .sort(),
  );
  expect(events).toHaveLength(3 + 4 + 6 + 7);
});

test('state filters, with one message and with all', async () => {
  system.receiver.reply('/states', 500, 200);
  const id = await finish('/states', { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '1', 'Upstash-Label': 'states' });
  expect((await read(`messageId=${id}&state=DELIVERED`)).events).toHaveLength(1);
  for (const query of [`messageId=${id}`, 'label=states']) {
    const inProgress = (await read(`${query}&state=IN_PROGRESS`)).events;
    expect(inProgress.map(stateOf)).toEqual(['ACTIVE', 'RETRY', 'ERROR', 'ACTIVE']);
    expect((await read(`${query}&state=RETRY,CREATED`)).events.map(stateOf)).toEqual(['RETRY', 'CREATED']);
  }
  const canceled = await system.api.publish(urlOf('/canceled'), {
    headers: { 'Upstash-Delay': '1h', 'Upstash-Label': 'canceled' },
  });
  await system.api.request('DELETE', `/v2/messages/${canceled}`);
  for (const query of [`messageIds=${canceled}`, 'label=canceled']) {
    for (const state of ['CANCELED', 'CANCELLED']) {
      const { events } = await read(`${query}&state=${state}`);
      expect(events.map(stateOf)).toEqual(['CANCELED']);
    }
  }
  expect((await read('label=canceled')).events.map(stateOf)).toEqual(['CANCELED', 'CANCEL_REQUESTED', 'CREATED']);
});

test('an entry says what the message was, and an error what was answered', async () => {
  system.receiver.reply('/fields', { status: 418, headers: { 'X-Why': 'tea' }, body: 'no coffee' });
  const id = await finish(
    '/fields',
    {
      'Content-Type': 'text/plain',
      'Upstash-Timeout': '7s',
      'Upstash-Retry-Delay': '1000',
      'Upstash-Method': 'PUT',
      'Upstash-Label': 'one, two',
      'Upstash-Flow-Control-Key': 'k',
      'Upstash-Flow-Control-Value': 'rate=100',
      'Upstash-Callback': urlOf('/callback'),
      'Upstash-Callback-Forward-X': 'y',
    },
    'hällo',
  );
  const { events } = await read(`messageId=${id}`);
  for (const entry of events) {
    expect(entry).toMatchObject({
      messageId: id,
      url: urlOf('/fields'),
      method: 'PUT',
      header: { 'Content-Type': ['text/plain'] },
      body: base64('hällo'),
      timeout: 7000,
      maxRetries: 0,
      retryDelayExpression: '1000',
      retryDelayExpr: '1000',
      label: 'one',
      labels: ['one', 'two'],
      flowControlKey: 'k',
      rate: 100,
      period: 1,
      callback: urlOf('/callback'),
      callbackHeaders: { X: ['y'] },
      callerIp: expect.any(String) as string,
      callerIP: entry['callerIp'],
    });
    expect(entry).not.toHaveProperty('parallelism');
  }
  const error = events.find(({ state }) => state === 'ERROR');
  expect(error).toMatchObject({
    responseStatus: 418,
    responseBody: base64('no coffee'),
    responseHeader: { 'X-Why': ['tea'] },
  });
  expect(error?.['responseHeaders']).toEqual(error?.['responseHeader']);
  expect(error?.error).toEqual(expect.any(String));
  const trimmed = (await read('path=/fields&state=ERROR&trimBody=2')).events[0];
  expect(trimmed).toMatchObject({ responseBody: base64('no') });
  const bare = (await read('path=/fields&state=ERROR&trimBody=0')).events[0];
  expect(bare).not.toHaveProperty('body');
  expect(bare).not.toHaveProperty('responseBody');
});

describe('filters', () => {
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    const group = { method: 'POST', body: JSON.stringify({ endpoints: [{ url: urlOf('/grouped') }] }) };
    expect((await system.api.call('/v2/topics/filter-group/endpoints', group)).status).toBe(200);
    const [grouped] = (await (
      await system.api.call('/v2/publish/filter-group', { method: 'POST' })
    ).json()) as TestEvent[];
    const enqueued = await system.api.call(`/v2/enqueue/filter-queue/${urlOf('/queued?x=1,2')}`, { method: 'POST' });
    ids['grouped'] = grouped?.messageId ?? '';
    ids['queued'] = ((await enqueued.json()) as TestEvent).messageId;
    ids['labelled'] = await finish('/labelled', { 'Upstash-Label': 'filter-a,filter-b' });
    ids['other'] = await finish('/other', { 'Upstash-Label': 'filter-c' });
    ids['keyed'] = await finish('/keyed', {
      'Upstash-Flow-Control-Key': 'filter-key',
      'Upstash-Flow-Control-Value': 'parallelism=9',
    });
    for (const id of Object.values(ids)) await untilEnded(id);
  });

  test.each([
    ['label=filter-b', ['labelled']],
    ['label=filter-a&label=filter-c', ['labelled', 'other']],
    ['label=filter-a,filter-c', ['labelled', 'other']],
    ['label=filter-a&path=/other', []],
    ['topicName=filter-group', ['grouped']],
    ['queueName=filter-queue', ['queued']],
    ['flowControlKey=filter-key', ['keyed']],
    ['scheduleId=none', []],
    ['path=/labelled,/keyed', ['labelled', 'keyed']],
    ['callerIp=127.0.0.1&path=/keyed', ['keyed']],
    ['callerIP=10.0.0.1&path=/keyed', []],
    ['host=127.0.0.1&path=/keyed', ['keyed']],
    ['host=a.example', []],
    ['label=*', []],
    ['unknown=1&label=filter-b', ['labelled']],
    ['label=filter-b&source=workflow&api=x', ['labelled']],
  ])('%s', async (query, names) => {
    const { events } = await read(query);
    const found = new Set(events.map(({ messageId }) => messageId));
    expect([...found].sort()).toEqual(names.map((name) => ids[name]).sort());
    expect(events).toHaveLength(3 * names.length);
  });

  test('a URL, in any spelling of the query, and hosts with a port', async () => {
    const url = encodeURIComponent(urlOf('/queued?x=1,2'));
    for (const query of [`url=${url}`, `url=${url},${encodeURIComponent('https://none.example')}`]) {
      expect(new Set((await read(query)).events.map(({ messageId }) => messageId))).toEqual(new Set([ids['queued']]));
    }
    expect((await read(`host=${new URL(urlOf('/')).host}&path=/keyed`)).events).toHaveLength(3);
  });

  test('dates, both ends included', async () => {
    const { events } = await read('label=filter-b');
    const [last = 0, first = 0] = [events[0]?.time, events.at(-1)?.time];
    expect((await read(`label=filter-b&fromDate=${first}&toDate=${last}`)).events).toEqual(events);
    expect((await read(`label=filter-b&fromDate=${last + 1}`)).events).toEqual([]);
    expect((await read(`label=filter-b&toDate=${first - 1}`)).events).toEqual([]);
    expect((await read(`label=filter-b&cursor=${last + 1}`)).events).toEqual(events);
    expect((await read(`label=filter-b&cursor=${first}`)).events).toEqual([]);
  });

  test('ids win over other filters, but for the state; unknown ids have no entries', async () => {
    const query = `messageIds=${ids['labelled']}&messageIds=${ids['other']}&label=none&toDate=1`;
    expect((await read(query)).events).toHaveLength(6);
    expect((await read(`messageIds=${ids['labelled']},${ids['other']}&state=ACTIVE`)).events).toHaveLength(2);
    expect(await read(`messageIds=${ids['labelled']}&count=1`)).not.toHaveProperty('cursor');
    expect(await read('messageIds=msg_unknown')).toEqual({ events: [] });
  });

  test('messageId is a filter like the others', async () => {
    const one = `messageId=${ids['labelled']}`;
    expect((await read(`${one}&label=filter-a`)).events).toHaveLength(3);
    expect((await read(`${one}&label=filter-c`)).events).toEqual([]);
    expect((await read(`${one},${ids['other']}&label=filter-c`)).events.map(({ messageId }) => messageId)).toEqual(
      Array.from({ length: 3 }, () => ids['other']),
    );
    expect(await read('messageId=msg_unknown')).toEqual({ events: [] });
  });

  test('by message, each with its entries', async () => {
    const { messages, cursor } = await read('groupBy=messageId&label=filter-a,filter-c&count=1');
    expect(messages?.map(({ messageId }) => messageId)).toEqual([ids['other']]);
    expect(messages?.[0]?.events.map(stateOf)).toEqual(['DELIVERED', 'ACTIVE', 'CREATED']);
    const rest = await read(`groupBy=messageId&label=filter-a,filter-c&count=1&cursor=${cursor}`);
    expect(rest.messages?.map(({ messageId }) => messageId)).toEqual([ids['labelled']]);
    expect(rest).not.toHaveProperty('cursor');
    const named = await read(`groupBy=messageId&messageId=${ids['other']}`, '/v2/logs');
    expect(named.messages).toEqual([messages?.[0]]);
    expect((await read('groupBy=messageId')).messages?.length).toBeLessThanOrEqual(10);
  });
});

test.each(['latestFirst', 'earliestFirst'])('a cursor walks the entries of a named message, %s', async (order) => {
  const messageId = await system.api.publish(`${system.receiver.url}/named`);
  await system.api.untilState(messageId, 'DELIVERED');
  const walked: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(`messageId=${messageId}&count=1&order=${order}${cursor ? `&cursor=${cursor}` : ''}`);
    expect(page.events).toHaveLength(1);
    walked.push(...page.events.map(({ state }) => state));
    ({ cursor } = page);
  } while (cursor);
  const newestFirst = ['DELIVERED', 'ACTIVE', 'CREATED'];
  expect(walked).toEqual(order === 'latestFirst' ? newestFirst : newestFirst.toReversed());
  expect(await read(`messageId=${messageId}&count=3`)).not.toHaveProperty('cursor');
  expect((await read(`messageId=${messageId}&cursor=1`)).events).toEqual([]);
});

test('a cursor walks all entries in both orders while new ones arrive, and is absent on the last page', async () => {
  for (let n = 0; n < 4; n++) await finish('/walk', { 'Upstash-Label': 'walk' });
  const all = (await read('label=walk')).events;
  expect(all).toHaveLength(12);
  for (const order of ['latestFirst', 'earliestFirst']) {
    const walked: TestEvent[] = [];
    let cursor: string | undefined;
    do {
      const page = await read(`label=walk&count=1&order=${order}${cursor ? `&cursor=${cursor}` : ''}`);
      walked.push(...page.events);
      ({ cursor } = page);
      if (walked.length === 3) await finish('/walk-other', { 'Upstash-Label': 'walk-other' });
      expect(page).not.toHaveProperty('cursor', '');
    } while (cursor);
    expect(walked).toEqual(order === 'latestFirst' ? all : all.reverse());
  }
  expect(await read('label=walk&count=12&cursor=')).not.toHaveProperty('cursor');
});

test('pages have 100 entries from logs and 1,000 from events, or as many as are asked for', async () => {
  const items = Array.from({ length: 400 }, () => ({
    destination: urlOf('/many'),
    headers: { 'Upstash-Label': 'many' },
  }));
  expect((await system.api.request('POST', '/v2/batch', { body: items })).status).toBe(200);
  await eventually(async () => (await read('label=many&state=DELIVERED')).events.length === 400);
  expect((await read('label=many', '/v2/logs')).logs).toHaveLength(100);
  expect((await read('label=many')).events).toHaveLength(1000);
  expect((await read('label=many&count=101', '/v2/logs')).logs).toHaveLength(101);
  expect((await read('label=many&count=5000')).events).toHaveLength(1000);
  const { events, cursor } = await read('label=many&state=CREATED');
  expect(events).toHaveLength(400);
  expect(cursor).toBeUndefined();
});

test('a large body is shown, and of the response as much as is kept', async () => {
  const body = 'x'.repeat(100_000);
  system.receiver.reply('/large', { status: 500, body });
  await finish('/large', {}, body);
  const { events } = await read('path=/large');
  expect(events).toHaveLength(4);
  for (const entry of events) expect(entry['body']).toBe(base64(body));
  const failed = events.find(({ state }) => state === 'ERROR');
  expect(failed?.['responseBody'] === base64(body.slice(0, 64 * 1024))).toBe(true);
  expect(failed).toMatchObject({
    responseBodyTruncated: true,
    error: 'the destination answered 500',
    errorKind: 'http',
  });
});

describe('400', () => {
  test.each([
    ...['state=NOPE', 'state=', 'count=0', 'count=x', 'count=1e3', 'count=1&count=2', 'cursor=abc', 'cursor=%00'],
    ...['cursor=../../x', 'cursor=1-2-3', 'fromDate=x', 'toDate=', 'label=', 'messageIds=', 'messageId=', 'url='],
    ...['order=sideways', 'groupBy=url', 'trimBody=-1', 'trimBody=x'],
    `messageIds=${Array.from({ length: 101 }, (_, n) => `msg_${n}`).join()}`,
  ])('%s', async (query) => {
    for (const path of ['/v2/logs', '/v2/events']) {
      const response = await system.api.call(`${path}?${query}`);
      expect(response.status).toBe(400);
      expect(await readError(response)).toContain(query.split('=')[0]);
    }
  });
});

test.each(['cursor=0', 'cursor=99999-1', 'cursor=1-999999999', 'a[0][0]=1', 'fromDate=999999999999999'])(
  '200: %s',
  async (query) => {
    expect((await system.api.call(`/v2/logs?${query}`)).status).toBe(200);
  },
);

test('a read-only token may read', async () => {
  const other = await startSystem({ api: { QSTASH_READONLY_TOKEN: 'only-read' } });
  const response = await other.api.call('/v2/logs', { headers: { Authorization: 'Bearer only-read' } });
  expect(response.status).toBe(200);
  await other.stop();
});

describe('a log that cannot be written', () => {
  const deliverSome = async (path: string) => {
    const id = await system.api.publish(urlOf(path));
    await system.receiver.first(path);
    return id;
  };
  /** Lines that each process could not write, by its own count. */
  const countLost = () =>
    Promise.all(
      [system.api.url, system.dispatcher.url].map(async (url) => {
        const text = await (await fetch(`${url}/metrics`)).text();
        return Number(/^posthorn_log_lines_lost_total (\d+)$/m.exec(text)?.[1]);
      }),
    );

  test('its list is of a wrong type: publishes and deliveries go on, and so does the list when it is mended', async () => {
    const before = await countLost();
    await system.redis.client.rename('{log}:head', '{log}:saved');
    await system.redis.client.lpush('{log}:head', 'x');
    const id = await deliverSome('/wrong-type');
    // The log of each message is elsewhere.
    await system.api.untilState(id, 'DELIVERED');
    await eventually(async () => (await countLost()).every((lost, index) => lost > (before[index] ?? NaN)));
    await system.redis.client.rename('{log}:saved', '{log}:head');
    const next = await finish('/mended');
    expect((await read('path=/wrong-type,/mended')).events.map(({ messageId }) => messageId)).toEqual([
      next,
      next,
      next,
    ]);
  });

  test('Redis refuses to write it: publishes and deliveries go on', async () => {
    const before = await countLost();
    await system.redis.client.call(
      'ACL',
      'SETUSER',
      'default',
      'resetkeys',
      '~{d?}:deliver:*',
      '~{d?}:body:*',
      '~{d?}:pending*',
      '~{d?}:lanes:busy',
      '~{d?}:flow-keys',
      '~posthorn:*',
    );
    await deliverSome('/refused');
    await deliverSome('/refused-too');
    // A dispatcher repeats what it may not write now; an API, whose caller waits, leaves it out.
    await eventually(async () => ((await countLost())[0] ?? 0) > (before[0] ?? NaN));
    await system.redis.client.call('ACL', 'SETUSER', 'default', 'allkeys');
    await finish('/allowed');
    expect((await read('path=/allowed')).events).toHaveLength(3);
  });
});

describe('retention', () => {
  test('the log is kept for its time', async () => {
    const variables = { LOG_RETENTION_SECONDS: '2' };
    const short = await startSystem({ api: variables, dispatcher: variables });
    const id = await short.api.publish(`${short.receiver.url}/short`);
    await eventually(async () => (await read('', '/v2/events', short)).events.length === 3);
    await eventually(async () => (await read('', '/v2/events', short)).events.length === 0);
    await eventually(
      async () => (await short.redis.client.keys('*log*')).filter((key) => key !== '{log}:head').length === 0,
    );
    await eventually(async () => (await short.api.states(id)).length === 0);
    await short.stop();
  });

  test('the oldest entries go when there are too many, with the logs of their messages', async () => {
    const variables = { MAX_LOG_LINES: '160' };
    const small = await startSystem({ api: variables, dispatcher: variables });
    const first = await small.api.publish(`${small.receiver.url}/first`);
    await small.receiver.first('/first');
    for (let n = 0; n < 100; n++) await small.api.publish(`${small.receiver.url}/rest`);
    await eventually(() => small.receiver.at('/rest').length === 100);
    await eventually(async () => {
      const { events } = await read('count=1000', '/v2/events', small);
      return events.length >= 140 && events.length <= 200;
    });
    await eventually(async () => (await small.api.states(first)).length === 0);
    await small.stop();
  });
});
