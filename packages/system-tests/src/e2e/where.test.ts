// Where a message is, and why: the sentence of the timeline in each case.
import type { Timeline } from '@posthorn/shared';
import { eventually } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem({ dispatcher: { BACKOFF_FACTOR: '5' } });
const { urlOf, publish } = system;

const read = (messageId: string, query = '') => system.api.read<Timeline>(`/v2/messages/${messageId}/timeline${query}`);

/** Waits until the message is in this place, then gives its timeline. */
const untilKind = (messageId: string, kind: string) =>
  eventually(async () => {
    const timeline = await read(messageId);
    if (timeline.where.kind !== kind) throw new Error(`${timeline.where.kind}: ${timeline.where.text}`);
    return timeline;
  });

const enqueue = (queue: string, path: string, headers: Record<string, string> = {}) =>
  system.api.enqueue(queue, urlOf(path), { headers, body: 'x' });
const post = (path: string) => system.api.call(path, { method: 'POST' });

const clock = '\\d\\d:\\d\\d:\\d\\d UTC';
const says = (pattern: string) => new RegExp(`^${pattern}$`);

interface Case {
  name: string;
  kind: string;
  text: string;
  make: () => Promise<string>;
  /** What else must be told. */
  check?: (timeline: Timeline) => void;
}

const cases: Case[] = [
  {
    name: 'delivered at once',
    kind: 'delivered',
    text: `Delivered ${clock}, first attempt: 200 after \\d+ ms\\.`,
    make: () => publish('/ok'),
    check: ({ attempts, message }) => {
      expect(attempts).toMatchObject([{ number: 1, responseStatus: 200 }]);
      expect(message).toMatchObject({ state: 'DELIVERED', responseStatus: 200, attempts: 1 });
    },
  },
  {
    name: 'delivered by the second attempt',
    kind: 'delivered',
    text: `Delivered ${clock}, second attempt: 201 after \\d+ ms\\.`,
    make: () => {
      system.receiver.reply('/second', { status: 500, body: 'no' }, 201);
      return publish('/second', { 'Upstash-Retry-Delay': '10' });
    },
    check: ({ attempts }) => {
      expect(attempts[0]).toMatchObject({ number: 1, responseStatus: 500, error: 'the destination answered 500' });
      expect(Buffer.from(attempts[0]?.responseBody ?? '', 'base64').toString()).toBe('no');
    },
  },
  {
    name: 'delayed',
    kind: 'delayed',
    text: `Delayed until (\\d{4}-\\d\\d-\\d\\d )?${clock}, in (59 min \\d+ s|1 h)\\.`,
    make: () => publish('/later', { 'Upstash-Delay': '1h' }),
    check: ({ where }) => expect(where.until).toBeGreaterThan(Date.now()),
  },
  {
    name: 'waiting for a retry',
    kind: 'retrying',
    text: 'Retry 1 of 3 in (9 min \\d+ s|10 min); the last answer was 503\\.',
    make: () => {
      system.receiver.reply('/retrying', 503);
      return publish('/retrying', { 'Upstash-Retry-Delay': '600000' });
    },
    check: ({ where, attempts }) => expect(attempts[0]?.nextDeliveryTime).toBe(where.until),
  },
  {
    name: 'waiting for a retry without an answer',
    kind: 'retrying',
    text: 'Retry 1 of 2 in (9 min \\d+ s|10 min); the last attempt failed: .*(refused|REFUSED).*\\.',
    make: () =>
      system.api.publish('http://127.0.0.1:9/', {
        headers: { 'Upstash-Retry-Delay': '600000', 'Upstash-Retries': '2' },
      }),
  },
  {
    name: 'dead',
    kind: 'dead',
    text: `Dead letter since ${clock}: two attempts, the last: the destination answered 500\\.`,
    make: () => {
      system.receiver.reply('/dead', 500);
      return publish('/dead', { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '1' });
    },
    check: ({ related, message }) => {
      expect(related.dlqId).toMatch(/^\d+-\d+$/);
      expect(message.dlqId).toBe(related.dlqId);
    },
  },
  {
    name: 'retried from the dead letter queue',
    kind: 'dead',
    text: `Failed ${clock}: one attempt, the destination answered 500\\. It was retried as msg_\\w+\\.`,
    make: async () => {
      system.receiver.reply('/retried', 500, 200);
      const id = await publish('/retried', { 'Upstash-Retries': '0' });
      const { related } = await untilKind(id, 'dead');
      const response = await post(`/v2/dlq/retry/${related.dlqId ?? ''}`);
      const { messageId } = (await response.json()) as { messageId: string };
      expect((await untilKind(messageId, 'delivered')).related.retryOf).toBe(id);
      expect((await read(id)).related.retriedAs).toEqual([messageId]);
      return id;
    },
  },
  {
    name: 'deleted from the dead letter queue',
    kind: 'dead',
    text: `Failed ${clock}: one attempt, the destination answered 500\\. It is not in the dead letter queue any more\\.`,
    make: async () => {
      system.receiver.reply('/deleted', 500);
      const id = await publish('/deleted', { 'Upstash-Retries': '0' });
      const { related } = await untilKind(id, 'dead');
      await system.api.request('DELETE', `/v2/dlq/${related.dlqId ?? ''}`);
      return id;
    },
    check: ({ related, message }) => expect([related.dlqId, message.dlqId]).toEqual([undefined, undefined]),
  },
  {
    name: 'canceled before its first attempt',
    kind: 'canceled',
    text: `Canceled ${clock}, before the first attempt\\.`,
    make: async () => {
      const id = await publish('/canceled', { 'Upstash-Delay': '1h' });
      await system.api.request('DELETE', `/v2/messages/${id}`);
      return id;
    },
  },
  {
    name: 'canceled between attempts',
    kind: 'canceled',
    text: `Canceled ${clock}, after one attempt\\.`,
    make: async () => {
      system.receiver.reply('/canceled-later', 500);
      const id = await publish('/canceled-later', { 'Upstash-Retry-Delay': '600000' });
      await untilKind(id, 'retrying');
      await system.api.request('DELETE', `/v2/messages/${id}`);
      return id;
    },
  },
  {
    name: 'in flight',
    kind: 'in-flight',
    text: `In flight since ${clock}: first attempt\\.`,
    make: () => {
      system.receiver.reply('/slow', { status: 200, afterMs: 5000 });
      return publish('/slow');
    },
  },
  {
    name: 'canceled while its attempt runs',
    kind: 'in-flight',
    text: `In flight since ${clock}: first attempt\\. It was canceled; this attempt is its last\\.`,
    make: async () => {
      system.receiver.reply('/last', { status: 500, afterMs: 5000 });
      const id = await publish('/last');
      await untilKind(id, 'in-flight');
      await system.api.request('DELETE', `/v2/messages/${id}`);
      return id;
    },
  },
  {
    name: 'third in a queue, behind a message that waits for its retry',
    kind: 'queued',
    text: `Third in queue orders, behind msg_\\w+, which retries at (\\d{4}-\\d\\d-\\d\\d )?${clock}\\.`,
    make: async () => {
      system.receiver.reply('/first', 500);
      const first = await enqueue('orders', '/first', { 'Upstash-Retry-Delay': '600000' });
      await untilKind(first, 'retrying');
      await enqueue('orders', '/other');
      return enqueue('orders', '/other');
    },
    check: ({ where }) =>
      expect(where).toMatchObject({ name: 'orders', position: 3, behind: expect.any(String) as string }),
  },
  {
    name: 'second in a queue, behind a message in flight',
    kind: 'queued',
    text: 'Second in queue busy, behind msg_\\w+, which is in flight\\.',
    make: async () => {
      system.receiver.reply('/busy', { status: 200, afterMs: 5000 });
      await untilKind(await enqueue('busy', '/busy'), 'in-flight');
      return enqueue('busy', '/other');
    },
  },
  {
    name: 'in a paused queue',
    kind: 'paused',
    text: 'Waits for queue still, which is paused\\.',
    make: async () => {
      const body = JSON.stringify({ queueName: 'still', parallelism: 1 });
      await system.api.call('/v2/queues', { method: 'POST', body });
      await post('/v2/queues/still/pause');
      return enqueue('still', '/other');
    },
    check: ({ where }) => expect(where.name).toBe('still'),
  },
  {
    name: 'under a paused flow-control key',
    kind: 'paused',
    text: 'Waits for flow-control key stripe, which is paused\\.',
    make: async () => {
      await post('/v2/flowControl/stripe/pause');
      return publish('/other', { 'Upstash-Flow-Control-Key': 'stripe', 'Upstash-Flow-Control-Value': 'parallelism=1' });
    },
  },
  {
    name: 'for a slot of a flow-control key',
    kind: 'limited',
    text: 'Waits for flow-control key narrow: 1 of 1 attempts are in flight\\.',
    make: async () => {
      system.receiver.reply('/narrow', { status: 200, afterMs: 5000 });
      const headers = { 'Upstash-Flow-Control-Key': 'narrow', 'Upstash-Flow-Control-Value': 'parallelism=1' };
      await untilKind(await publish('/narrow', headers), 'in-flight');
      return publish('/other', headers);
    },
  },
  {
    name: 'for the next window of a rate',
    kind: 'limited',
    text: `Waits for flow-control key hourly: its rate is used up until (\\d{4}-\\d\\d-\\d\\d )?${clock}\\.`,
    make: async () => {
      const headers = { 'Upstash-Flow-Control-Key': 'hourly', 'Upstash-Flow-Control-Value': 'rate=1, period=1h' };
      await untilKind(await publish('/ok', headers), 'delivered');
      return publish('/ok', headers);
    },
    check: ({ where }) => expect(where.until).toBeGreaterThan(Date.now()),
  },
];

test.each(cases)('$name', async ({ kind, text, make, check }) => {
  const timeline = await untilKind(await make(), kind);
  expect(timeline.where.text).toMatch(says(text));
  check?.(timeline);
});

test('times are those of the zone that is asked for', async () => {
  const id = await publish('/ok');
  await untilKind(id, 'delivered');
  const { where } = await read(id, '?timeZone=Asia/Kolkata');
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Kolkata', timeStyle: 'medium' });
  expect(where.text).toContain(`Delivered ${format.format(where.since)}, first`);
  expect((await system.api.call(`/v2/messages/${id}/timeline?timeZone=Nowhere/No`)).status).toBe(400);
});

test('bodies are shown as far as is asked', async () => {
  system.receiver.reply('/trimmed', { status: 500, body: 'r'.repeat(3000) });
  const id = await publish('/trimmed', { 'Upstash-Retries': '0' }, 'b'.repeat(3000));
  await untilKind(id, 'dead');
  const sizes = ({ lines, attempts }: Timeline) =>
    [lines[0]?.body, attempts[0]?.responseBody].map((body) => Buffer.from(body ?? '', 'base64').length);
  expect(sizes(await read(id))).toEqual([3000, 3000]);
  expect(sizes(await read(id, '?trimBody=1000'))).toEqual([1000, 1000]);
  expect(sizes(await read(id, '?trimBody=0'))).toEqual([0, 0]);
  expect((await system.api.call(`/v2/messages/${id}/timeline?trimBody=some`)).status).toBe(400);
});

test('a callback and its source name each other', async () => {
  const id = await publish('/ok', { 'Upstash-Callback': urlOf('/callback') });
  await untilKind(id, 'delivered');
  const { related } = await eventually(async () => {
    const timeline = await read(id);
    return timeline.related.callbackIds.length > 0 ? timeline : undefined;
  });
  const [callback = ''] = related.callbackIds;
  expect((await read(callback)).related).toMatchObject({ sourceMessageId: id, callbackIds: [] });
});

test('a body that claims to be a callback of another message is not believed', async () => {
  const other = await publish('/ok');
  const id = await publish(
    '/ok',
    { 'Content-Type': 'application/json' },
    JSON.stringify({ retried: 0, sourceMessageId: other }),
  );
  expect((await read(id)).related.sourceMessageId).toBeUndefined();
});

test('without a dispatcher a message is due, and the sentence says why', async () => {
  await system.dispatcher.end('SIGTERM');
  const id = await publish('/ok');
  expect((await untilKind(id, 'due')).where.text).toMatch(says(`Due since ${clock}: no dispatcher is running\\.`));
});

test.each(['msg_', 'msg_01ARZ3NDEKTSV4RRFFQ69G5FAV', '<script>', '%00'])('%s is not found', async (id) => {
  expect((await system.api.call(`/v2/messages/${encodeURIComponent(id)}/timeline`)).status).toBe(404);
});
