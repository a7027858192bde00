// What the console and the command line read: lists, counts, causes, the live log.
import type {
  DestinationView,
  DlqCause,
  LogEntryView,
  FindHit,
  MessageSummary,
  Overview,
  Stats,
} from '@posthorn/shared';
import { eventually, startSystem, testToken, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
beforeAll(async () => (system = await startSystem()));
afterAll(() => system.stop());

async function get<T>(path: string): Promise<T> {
  const response = await system.api.call(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
const status = async (path: string, method = 'GET') => (await system.api.call(path, { method })).status;
const at = (path: string) => `${system.receiver.url}${path}`;
const publish = (path: string, headers: Record<string, string> = {}) =>
  system.api.publish(at(path), { headers, body: 'x' });
const untilState = (id: string, state: string) =>
  eventually(async () => (await system.api.states(id)).at(-1) === state);

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
    await untilState(failed, 'FAILED');
    for (const id of delivered) await untilState(id, 'DELIVERED');
  });

  test('has the newest first, with the latest state of each', async () => {
    const { messages, cursor } = await get<Page>('/v2/messages?label=listed');
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
    const { messages } = await get<Page>(`/v2/messages?label=listed&${query}`);
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
      const page: Page = await get(`/v2/messages?label=listed&count=2${cursor ? `&cursor=${cursor}` : ''}`);
      expect(page.messages.length).toBeLessThanOrEqual(2);
      ids.push(...page.messages.map(({ messageId }) => messageId));
      cursor = page.cursor;
    } while (cursor);
    expect(ids).toEqual([delayed, failed, ...delivered.toReversed()]);
  });

  test.each(['state=LOST', 'count=0', 'cursor=x', 'responseStatus=abc', 'labeel=x', 'fromDate=yesterday'])(
    '%s is refused',
    async (query) => expect(await status(`/v2/messages?${query}`)).toBe(400),
  );
});

describe('counts', () => {
  test('say what happened, in all and for each group', async () => {
    system.receiver.reply('/counted-fail', 503);
    const headers = { 'Upstash-Label': 'counted', 'Upstash-Queue-Name': 'counted-queue' };
    for (let n = 0; n < 3; n++) await publish('/counted', { 'Upstash-Label': 'counted' });
    const dead = await publish('/counted-fail', {
      'Upstash-Label': 'counted',
      'Upstash-Retries': '1',
      'Upstash-Retry-Delay': '1',
    });
    const canceled = await publish('/counted', { ...headers, 'Upstash-Delay': '1h' });
    await untilState(dead, 'FAILED');
    await system.api.call(`/v2/messages/${canceled}`, { method: 'DELETE' });
    const wanted = { accepted: 5, delivered: 3, failed: 1, canceled: 1, attempts: 5, errors: 2, retries: 1 };
    const stats = await eventually(async () => {
      const found = await get<Stats>('/v2/stats?label=counted');
      expect(found.totals).toEqual(wanted);
      return found;
    });
    const sum = stats.series[0]?.points.reduce((total, { attempts }) => total + attempts, 0);
    expect(sum).toBe(5);
    const byStatus = await get<Stats>('/v2/stats?groupBy=responseStatus');
    expect(byStatus.top.find(({ key }) => key === '503')?.count).toBe(2);
    expect((await get<Stats>('/v2/stats?groupBy=label&top=50')).top).toContainEqual({ key: 'counted', count: 5 });
  });

  test('a duplicate is not counted', async () => {
    const headers = { 'Upstash-Label': 'twice', 'Upstash-Deduplication-Id': 'twice' };
    await publish('/ok', headers);
    await publish('/ok', headers);
    await eventually(async () => (await get<Stats>('/v2/stats?label=twice')).totals.delivered === 1);
    expect((await get<Stats>('/v2/stats?label=twice')).totals).toMatchObject({ accepted: 1, delivered: 1 });
  });

  test.each([
    ['step=1000', 'step'],
    [`from=0&step=60000`, 'step'],
    ['step=60000&from=' + String(Date.now() - 47 * 3_600_000), 'points'],
    ['from=5&to=3', 'from'],
    ['groupBy=color', 'groupBy'],
    ['host=a&label=b', 'one field'],
    ['label=a,b', 'one value'],
    ['unknown=1', 'unknown'],
  ])('%s is refused with a reason', async (query, reason) => {
    const response = await system.api.call(`/v2/stats?${query}`);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toContain(reason);
  });

  test('a host has its attempts, durations and last error', async () => {
    const list = await eventually(async () => {
      const { destinations } = await get<{ destinations: DestinationView[] }>('/v2/destinations?order=attempts');
      return destinations[0] && destinations[0].failed > 0 ? destinations : undefined;
    });
    expect(list[0]).toMatchObject({
      host: '127.0.0.1',
      lastError: { error: expect.any(String) as string, messageId: expect.stringMatching(/^msg_/) as string },
    });
    expect(list[0]?.p95Ms).toBeGreaterThanOrEqual(list[0]?.p50Ms ?? 0);
    expect(list[0]?.dead).toBeGreaterThan(0);
    expect(list[0]?.successRate).toBeLessThan(1);
    expect((await get<{ destinations: DestinationView[] }>('/v2/destinations?host=none.example')).destinations).toEqual(
      [],
    );
  });
});

describe('destinations', () => {
  const list = (query: string) =>
    get<{ destinations: DestinationView[]; cursor?: string }>(`/v2/destinations?${query}`);
  const hosts = async (query: string) => (await list(query)).destinations.map(({ host }) => host);
  beforeAll(async () => {
    system.receiver.reply('/slow-host', { status: 200, afterMs: 400 });
    const byName = system.receiver.url.replace('127.0.0.1', 'localhost');
    await untilState(await publish('/ok'), 'DELIVERED');
    await untilState(await system.api.publish(`${byName}/slow-host`), 'DELIVERED');
    // The counts of the slow attempt are written last.
    await eventually(async () => (await list('host=localhost')).destinations[0]?.delivered === 1);
  });

  test.each([
    ['order=name', ['127.0.0.1', 'localhost']],
    ['order=errors', ['127.0.0.1', 'localhost']],
    ['order=attempts', ['127.0.0.1', 'localhost']],
    ['order=slow', ['localhost', '127.0.0.1']],
    ['', ['127.0.0.1', 'localhost']],
  ])('"%s" has its order', async (query, wanted) => expect(await hosts(query)).toEqual(wanted));

  test('go on behind a cursor', async () => {
    const first = await list('order=name&count=1');
    expect(first.destinations.map(({ host }) => host)).toEqual(['127.0.0.1']);
    const second = await list(`order=name&count=1&cursor=${first.cursor ?? ''}`);
    expect(second.destinations.map(({ host }) => host)).toEqual(['localhost']);
    expect(second.cursor).toBeUndefined();
  });

  test.each(['order=size', 'host=a,b', 'cursor=x', 'form=1', 'from=2&to=1'])('%s is refused', async (query) =>
    expect(await status(`/v2/destinations?${query}`)).toBe(400),
  );
});

test('the overview says what waits, and who works', async () => {
  await system.api.call('/v2/queues', { method: 'POST', body: JSON.stringify({ queueName: 'seen', parallelism: 1 }) });
  await system.api.call('/v2/queues/seen/pause', { method: 'POST' });
  await system.api.call(`/v2/enqueue/seen/${at('/ok')}`, { method: 'POST' });
  system.receiver.reply('/again', 500);
  await untilState(await publish('/again', { 'Upstash-Retry-Delay': '600000' }), 'RETRY');
  await publish('/ok', { 'Upstash-Delay': '1h' });
  const overview = await eventually(async () => {
    const found = await get<Overview>('/v2/overview');
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
    for (const id of ids) await untilState(id, 'FAILED');
  });

  test('are counted, the most frequent first', async () => {
    const { total, groups } = await get<Summary>('/v2/dlq/summary?label=cause');
    expect(total).toBe(4);
    expect(groups.map(({ count }) => count)).toEqual([3, 1]);
    expect(groups[0]).toMatchObject({ host: '127.0.0.1', responseStatus: 418, error: 'the destination answered 418' });
    expect(groups[1]?.responseStatus).toBeUndefined();
    expect(groups[0]?.newest).toBeGreaterThanOrEqual(groups[0]?.oldest ?? Infinity);
    expect(await status(`/v2/dlq/${groups[0]?.sampleDlqId ?? ''}`)).toBe(200);
  });

  test('are filters: of the list, of a retry, of a removal', async () => {
    const { groups } = await get<Summary>('/v2/dlq/summary?label=cause');
    const [teapot, refused] = groups;
    const list = await get<{ messages: { responseStatus: number }[] }>(`/v2/dlq?cause=${refused?.cause ?? ''}`);
    expect(list.messages.map(({ responseStatus }) => responseStatus)).toEqual([0]);
    system.receiver.reply('/cause', 200);
    const retried = await system.api.call(`/v2/dlq/retry?cause=${teapot?.cause ?? ''}&count=2`, { method: 'POST' });
    expect(((await retried.json()) as { responses: unknown[] }).responses).toHaveLength(2);
    await system.api.call(`/v2/dlq?cause=${teapot?.cause ?? ''}`, { method: 'DELETE' });
    expect((await get<Summary>('/v2/dlq/summary?label=cause')).total).toBe(1);
    expect(await status('/v2/dlq?cause=wrong!')).toBe(400);
  });

  test('a destination is a host or a URL', async () => {
    const count = async (destination: string) =>
      (await get<Summary>(`/v2/dlq/summary?label=cause&destination=${destination}`)).total;
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
    await untilState(missed, 'DELIVERED');
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
  const find = async (q: string) => (await get<{ hits: FindHit[] }>(`/v2/find?q=${encodeURIComponent(q)}`)).hits;

  test('an id in full finds its message alone', async () => {
    const id = await publish('/ok');
    expect(await find(id)).toEqual([{ kind: 'message', id, title: id }]);
    expect(await find(id.slice(0, -1))).toEqual([]);
  });

  test('a part of a name finds things of every kind, the exact one first', async () => {
    for (const queueName of ['findme-too', 'findme']) {
      await system.api.call('/v2/queues', { method: 'POST', body: JSON.stringify({ queueName }) });
    }
    const endpoints = JSON.stringify({ endpoints: [{ url: at('/ok') }] });
    await system.api.call('/v2/topics/findme.group/endpoints', { method: 'POST', body: endpoints });
    await publish('/ok', { 'Upstash-Label': 'findme-label' });
    const hits = await eventually(async () => {
      const found = await find('findme');
      return found.length === 4 ? found : undefined;
    });
    expect(hits[0]).toEqual({ kind: 'queue', id: 'findme', title: 'findme' });
    expect(hits.map(({ kind }) => kind).sort()).toEqual(['label', 'queue', 'queue', 'urlGroup']);
    expect((await find('https://a.example/x'))[0]).toMatchObject({ kind: 'url' });
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
    const reply = await get<{ next: number[]; text: string }>(`/v2/cron?expression=${encodeURIComponent(expression)}`);
    expect(reply.text).toBe(text);
    expect(reply.next).toHaveLength(5);
    expect(reply.next.every((time, index) => time > (reply.next[index - 1] ?? Date.now() - 1))).toBe(true);
  });

  test('a wrong expression is refused', async () => expect(await status('/v2/cron?expression=never')).toBe(400));
});

test('a schedule publishes now, besides its times', async () => {
  const response = await system.api.call(`/v2/schedules/${at('/scheduled')}`, {
    method: 'POST',
    headers: { 'Upstash-Cron': '0 0 1 1 *', 'Upstash-Schedule-Id': 'yearly' },
    body: 'x'.repeat(20_000),
  });
  expect(response.status).toBe(200);
  const run = await system.api.call('/v2/schedules/yearly/run', { method: 'POST' });
  expect(run.status).toBe(201);
  const { messageId } = (await run.json()) as { messageId: string };
  await untilState(messageId, 'DELIVERED');
  const again = (await (await system.api.call('/v2/schedules/yearly/run', { method: 'POST' })).json()) as {
    messageId: string;
  };
  await untilState(again.messageId, 'DELIVERED');
  expect(system.receiver.at('/scheduled').map(({ body }) => body.length)).toEqual([20_000, 20_000]);
  expect((await get<Page>('/v2/messages?scheduleId=yearly')).messages).toHaveLength(2);
  expect(await status('/v2/schedules/none/run', 'POST')).toBe(404);
});
