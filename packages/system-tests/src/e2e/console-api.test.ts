// What the console and the command line read: lists, causes, the live log.
import type { DlqCause, LogEntryView, FindHit, MessageSummary, Overview } from '@posthorn/shared';
import { eventually, testToken } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf, publish } = system;

const status = async (path: string, method = 'GET') => (await system.api.call(path, { method })).status;

interface Page {
  messages: MessageSummary[];
  cursor?: string;
}

describe('the list of messages', () => {
  const label = { 'Upstash-Label': 'listed' };
  let delivered: string[];
  let failed: string;
  let delayed: string;
  beforeAll(async () => {
    system.receiver.reply('/fails', 500);
    delivered = [];
    for (let n = 0; n < 5; n++) delivered.push(await publish('/ok', label));
    failed = await publish('/fails', { ...label, 'Upstash-Retries': '0' });
    delayed = await publish('/ok', { ...label, 'Upstash-Delay': '1h' });
    await system.api.untilState(failed, 'FAILED');
    for (const id of delivered) await system.api.untilState(id, 'DELIVERED');
  });

  test('has the newest first, with the latest state of each', async () => {
    const { messages, cursor } = await system.api.read<Page>('/v2/messages?label=listed');
    expect(messages.map(({ messageId }) => messageId)).toEqual([delayed, failed, ...delivered.toReversed()]);
    expect(messages.map(({ state }) => state)).toEqual(['CREATED', 'FAILED', ...delivered.map(() => 'DELIVERED')]);
    expect(messages[1]).toMatchObject({
      responseStatus: 500,
      error: 'the destination answered 500',
      attempts: 1,
      dlqId: expect.any(String) as string,
    });
    expect(messages[2]).toMatchObject({
      responseStatus: 200,
      labels: ['listed'],
      method: 'POST',
      durationMs: expect.any(Number) as number,
    });
    expect(cursor).toBeUndefined();
  });

  test.each([
    ['state=DELIVERED', () => delivered.toReversed()],
    ['state=FAILED', () => [failed]],
    ['state=CREATED', () => [delayed]],
    ['state=CREATED,FAILED', () => [failed, delayed]],
    ['state=IN_PROGRESS', () => []],
    ['responseStatus=500', () => [failed]],
    ['responseStatus=200&state=DELIVERED', () => delivered.toReversed()],
    ['host=127.0.0.1&state=FAILED', () => [failed]],
    ['host=a.example', () => []],
  ])('%s', async (query, wanted) => {
    const { messages } = await system.api.read<Page>(`/v2/messages?label=listed&${query}`);
    const ids = messages.map(({ messageId }) => messageId);
    // With a state those that changed last come first, and deliveries may end in any order.
    expect(query.includes('DELIVERED') ? ids.sort() : ids).toEqual(
      query.includes('DELIVERED') ? wanted().sort() : wanted(),
    );
  });

  test('goes on behind a cursor, without a gap or a repetition', async () => {
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page: Page = await system.api.read(`/v2/messages?label=listed&count=2${cursor ? `&cursor=${cursor}` : ''}`);
      expect(page.messages.length).toBeLessThanOrEqual(2);
      ids.push(...page.messages.map(({ messageId }) => messageId));
      cursor = page.cursor;
    } while (cursor);
    expect(ids).toEqual([delayed, failed, ...delivered.toReversed()]);
  });

  describe('each filter', () => {
    const group = 'filtered-group';
    let id: string;
    beforeAll(async () => {
      await system.api.addEndpoints(group, urlOf('/filtered?a=1'));
      const headers = {
        'Upstash-Label': 'filtered',
        'Upstash-Queue-Name': 'filtered-queue',
        'Upstash-Flow-Control-Key': 'filtered-key',
        'Upstash-Flow-Control-Value': 'parallelism=2',
      };
      const response = await system.api.call(`/v2/publish/${group}`, { method: 'POST', headers, body: 'x' });
      const [message] = (await response.json()) as { messageId: string }[];
      id = message?.messageId ?? '';
      await system.api.untilState(id, 'DELIVERED');
    });

    test.each<[string, () => string, string]>([
      ['label', () => 'filtered', 'other'],
      ['flowControlKey', () => 'filtered-key', 'other'],
      ['url', () => urlOf('/filtered?a=1'), 'https://a.example/'],
      ['host', () => new URL(system.receiver.url).host, 'a.example'],
      ['path', () => '/filtered', '/other'],
      ['topicName', () => group, 'other'],
      ['queueName', () => 'filtered-queue', 'other'],
      ['callerIp', () => '127.0.0.1', '192.0.2.1'],
      ['fromDate', () => '0', '99999999999999'],
      ['toDate', () => '99999999999999', '1'],
    ])('%s finds the message that has it, and no other', async (name, value, other) => {
      const find = async (text: string) =>
        (await system.api.read<Page>(`/v2/messages?${name}=${encodeURIComponent(text)}`)).messages.map(
          ({ messageId }) => messageId,
        );
      expect(await find(value())).toContain(id);
      expect(await find(other)).toEqual([]);
    });
  });

  test.each(['state=LOST', 'count=0', 'cursor=x', 'responseStatus=abc', 'labeel=x', 'fromDate=yesterday'])(
    '%s is refused',
    async (query) => expect(await status(`/v2/messages?${query}`)).toBe(400),
  );
});

test('the overview says what waits, and who works', async () => {
  await system.api.request('POST', '/v2/queues', { body: { queueName: 'seen', parallelism: 1 } });
  await system.api.request('POST', '/v2/queues/seen/pause');
  await system.api.request('POST', `/v2/enqueue/seen/${urlOf('/ok')}`);
  system.receiver.reply('/again', 500);
  await system.api.untilState(await publish('/again', { 'Upstash-Retry-Delay': '600000' }), 'RETRY');
  await publish('/ok', { 'Upstash-Delay': '1h' });
  const overview = await eventually(async () => {
    const found = await system.api.read<Overview>('/v2/overview');
    return found.retrying > 0 && found.dispatchers.length > 0 && found.oldestWaiting ? found : undefined;
  });
  expect(overview).toMatchObject({
    inFlight: 0,
    oldestWaiting: { kind: 'queued', messageId: expect.stringMatching(/^msg_/) as string },
    redis: { durability: 'always' },
  });
  expect(overview.waiting).toBeGreaterThanOrEqual(1);
  expect(overview.delayed).toBeGreaterThanOrEqual(1);
  expect(overview.queues.paused).toBeGreaterThanOrEqual(1);
  expect(overview.dlq.count).toBeGreaterThan(0);
  expect(overview.log.lines).toBeGreaterThan(0);
  expect(Math.abs(overview.time - Date.now())).toBeLessThan(60_000);
});

describe('causes of dead letters', () => {
  interface Summary {
    total: number;
    groups: DlqCause[];
  }
  beforeAll(async () => {
    system.receiver.reply('/cause', 418);
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push(await publish('/cause', { 'Upstash-Retries': '0', 'Upstash-Label': 'cause' }));
    const refused = { headers: { 'Upstash-Retries': '0', 'Upstash-Label': 'cause' } };
    ids.push(await system.api.publish('http://127.0.0.1:9/x', refused));
    for (const id of ids) await system.api.untilState(id, 'FAILED');
  });

  test('are counted, the most frequent first', async () => {
    const { total, groups } = await system.api.read<Summary>('/v2/dlq/summary?label=cause');
    expect(total).toBe(4);
    expect(groups.map(({ count }) => count)).toEqual([3, 1]);
    expect(groups[0]).toMatchObject({ host: '127.0.0.1', responseStatus: 418, error: 'the destination answered 418' });
    expect(groups[1]?.responseStatus).toBeUndefined();
    expect(groups[0]?.newest).toBeGreaterThanOrEqual(groups[0]?.oldest ?? Infinity);
    expect(await status(`/v2/dlq/${groups[0]?.sampleDlqId ?? ''}`)).toBe(200);
  });

  test('are filters: of the list, of a retry, of a removal', async () => {
    const { groups } = await system.api.read<Summary>('/v2/dlq/summary?label=cause');
    const [teapot, refused] = groups;
    const list = await system.api.read<{ messages: { responseStatus: number }[] }>(
      `/v2/dlq?cause=${refused?.cause ?? ''}`,
    );
    expect(list.messages.map(({ responseStatus }) => responseStatus)).toEqual([0]);
    system.receiver.reply('/cause', 200);
    const retried = await system.api.call(`/v2/dlq/retry?cause=${teapot?.cause ?? ''}&count=2`, { method: 'POST' });
    expect(((await retried.json()) as { responses: unknown[] }).responses).toHaveLength(2);
    await system.api.request('DELETE', `/v2/dlq?cause=${teapot?.cause ?? ''}`);
    expect((await system.api.read<Summary>('/v2/dlq/summary?label=cause')).total).toBe(1);
    expect(await status('/v2/dlq?cause=wrong!')).toBe(400);
  });

  test('a destination is a host or a URL', async () => {
    const count = async (destination: string) =>
      (await system.api.read<Summary>(`/v2/dlq/summary?label=cause&destination=${destination}`)).total;
    expect([await count('127.0.0.1'), await count('http://127.0.0.1:9/x'), await count('b.example')]).toEqual([
      1, 1, 0,
    ]);
  });
});

describe('the live log', () => {
  interface Streamed {
    event: string;
    id: string;
    data: LogEntryView & { count?: number };
  }

  /** Reads events until it has enough. */
  async function read(query: string, enough: (events: Streamed[]) => boolean, headers: Record<string, string> = {}) {
    const ended = new AbortController();
    const response = await fetch(`${system.api.url}/v2/logs/stream${query}`, {
      headers: { Authorization: `Bearer ${testToken}`, ...headers },
      signal: ended.signal,
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const events: Streamed[] = [];
    let text = '';
    const decoder = new TextDecoder();
    const done = (async () => {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += decoder.decode(chunk, { stream: true });
        const parts = text.split('\n\n');
        text = parts.pop() ?? '';
        for (const part of parts) {
          const fields = Object.fromEntries(
            part.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
          );
          if (fields['event'])
            events.push({
              event: fields['event'],
              id: fields['id'] ?? '',
              data: JSON.parse(fields['data'] ?? '{}') as LogEntryView,
            });
        }
        if (enough(events)) return;
      }
    })();
    done.catch(() => undefined);
    return { events, done, end: () => ended.abort() };
  }

  test('has every new entry that matches, and goes on behind an id without a gap or a repetition', async () => {
    const isDelivered = ({ data }: Streamed) => data.state === 'DELIVERED';
    const first = await read('?label=live', (events) => events.some(isDelivered));
    await publish('/ok', { 'Upstash-Label': 'other' });
    const id = await publish('/ok', { 'Upstash-Label': 'live' });
    await first.done;
    first.end();
    expect(first.events.map(({ data }) => [data.messageId, data.state])).toEqual([
      [id, 'CREATED'],
      [id, 'ACTIVE'],
      [id, 'DELIVERED'],
    ]);
    const missed = await publish('/ok', { 'Upstash-Label': 'live' });
    await system.api.untilState(missed, 'DELIVERED');
    const last = first.events.at(-1)?.id ?? '';
    const second = await read('?label=live', (events) => events.some(isDelivered), { 'Last-Event-ID': last });
    await second.done;
    second.end();
    expect(second.events.map(({ data }) => [data.messageId, data.state])).toEqual([
      [missed, 'CREATED'],
      [missed, 'ACTIVE'],
      [missed, 'DELIVERED'],
    ]);
  });

  test('skips what is too much for a second, and says how much', async () => {
    const stream = await read('?maxPerSecond=5', (events) => events.some(({ event }) => event === 'skipped'));
    await Promise.all(Array.from({ length: 30 }, () => publish('/ok')));
    await stream.done;
    stream.end();
    expect(stream.events.find(({ event }) => event === 'skipped')?.data.count).toBeGreaterThan(0);
  });

  test('is refused without a token, with a wrong filter, and beyond 50 at a time', async () => {
    expect((await fetch(`${system.api.url}/v2/logs/stream`)).status).toBe(401);
    expect(await status('/v2/logs/stream?state=NONE')).toBe(400);
    // Streams of other tests may still be about to end.
    const open = await Promise.all(Array.from({ length: 50 }, () => eventually(() => read('', () => false))));
    expect(await status('/v2/logs/stream')).toBe(429);
    for (const { end } of open) end();
    const again = await eventually(() => read('', () => true));
    again.end();
    await again.done.catch(() => undefined);
  });
});

describe('find', () => {
  const find = async (q: string) =>
    (await system.api.read<{ hits: FindHit[] }>(`/v2/find?q=${encodeURIComponent(q)}`)).hits;

  test('an id in full finds its message alone', async () => {
    const id = await publish('/ok');
    expect(await find(id)).toEqual([{ kind: 'message', id, title: id }]);
    expect(await find(id.slice(0, -1))).toEqual([]);
  });

  test('a part of a name finds things of every kind, the exact one first', async () => {
    for (const queueName of ['findme-too', 'findme']) {
      await system.api.request('POST', '/v2/queues', { body: { queueName } });
    }
    await system.api.addEndpoints('findme.group', urlOf('/ok'));
    await publish('/ok', { 'Upstash-Label': 'findme-label' });
    const hits = await eventually(async () => {
      const found = await find('findme');
      return found.length === 4 ? found : undefined;
    });
    expect(hits[0]).toEqual({ kind: 'queue', id: 'findme', title: 'findme' });
    expect(hits.map(({ kind }) => kind).sort()).toEqual(['label', 'queue', 'queue', 'urlGroup']);
    expect((await find('https://a.example/x'))[0]).toMatchObject({ kind: 'url' });
  });

  test('gives ten things at most', async () => {
    for (let n = 0; n < 12; n++) {
      await system.api.request('POST', '/v2/queues', { body: { queueName: `crowd-${n}` } });
    }
    expect(await find('crowd')).toHaveLength(10);
    expect(await find('crowd-11')).toEqual([{ kind: 'queue', id: 'crowd-11', title: 'crowd-11' }]);
  });

  test('a URL finds its messages and its host', async () => {
    expect(await find('https://a.example/x')).toEqual([
      { kind: 'url', id: 'https://a.example/x', title: 'https://a.example/x' },
      { kind: 'host', id: 'a.example', title: 'a.example' },
    ]);
  });

  test('needs a text of a reasonable length', async () => {
    expect([
      await status('/v2/find'),
      await status('/v2/find?q='),
      await status(`/v2/find?q=${'x'.repeat(513)}`),
    ]).toEqual([400, 400, 400]);
  });
});

describe('cron', () => {
  test.each([
    ['0 4 * * *', 'At 04:00 (UTC)'],
    ['CRON_TZ=Europe/Berlin */5 * * * *', 'Every 5 minutes (Europe/Berlin)'],
    ['30 9,17 * * 1-5', 'At 09:30, 17:30 on Monday to Friday (UTC)'],
    ['30 9 1 * 1-5', 'At 09:30 on day 1 of the month or on Monday to Friday (UTC)'],
    ['30 9 */1 * 1', 'At 09:30 on Monday (UTC)'],
    ['0 0 1 */3 *', 'At 00:00 on day 1 of the month in every 3 of every month (UTC)'],
    ['@daily', 'Every day at 00:00 (UTC)'],
  ])('%s: %s, and its next five times', async (expression, text) => {
    const reply = await system.api.read<{ next: number[]; text: string }>(
      `/v2/cron?expression=${encodeURIComponent(expression)}`,
    );
    expect(reply.text).toBe(text);
    expect(reply.next).toHaveLength(5);
    expect(reply.next.every((time, index) => time > (reply.next[index - 1] ?? Date.now() - 1))).toBe(true);
  });

  test('a wrong expression is refused', async () => expect(await status('/v2/cron?expression=never')).toBe(400));
});

test('a schedule publishes now, besides its times', async () => {
  const response = await system.api.call(`/v2/schedules/${urlOf('/scheduled')}`, {
    method: 'POST',
    headers: { 'Upstash-Cron': '0 0 1 1 *', 'Upstash-Schedule-Id': 'yearly' },
    body: 'x'.repeat(20_000),
  });
  expect(response.status).toBe(200);
  const run = await system.api.call('/v2/schedules/yearly/run', { method: 'POST' });
  expect(run.status).toBe(201);
  const { messageId } = (await run.json()) as { messageId: string };
  await system.api.untilState(messageId, 'DELIVERED');
  const again = (await (await system.api.call('/v2/schedules/yearly/run', { method: 'POST' })).json()) as {
    messageId: string;
  };
  await system.api.untilState(again.messageId, 'DELIVERED');
  expect(system.receiver.at('/scheduled').map(({ body }) => body.length)).toEqual([20_000, 20_000]);
  expect((await system.api.read<Page>('/v2/messages?scheduleId=yearly')).messages).toHaveLength(2);
  expect(await status('/v2/schedules/none/run', 'POST')).toBe(404);
});
