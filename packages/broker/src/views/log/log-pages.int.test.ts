import { newMessageId, readLogFilter, type LogFilter, type LogEntryView, type Message } from '@posthorn/shared';
import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import fc from 'fast-check';
import { pino } from 'pino';
import { connectForRequests, connectForWork, type RedisConnection } from '../../engine/redis/connect.ts';
import { createBodyStore, type BodyStore } from '../../engine/shards/body.ts';
import { openShards, type Shards } from '../../engine/shards/shards.ts';
import { createResponseStore, type ResponseStore } from '../../engine/log/responses.ts';
import { createLogStore, type LogStore } from '../../engine/log/log-store.ts';
import { createDigestTest, digestBytes, writeDigest } from '../../engine/log/digest.ts';
import { readRecord, recordBytes } from '../../engine/log/record.ts';
import { createLogPages, type LogPages } from './log-pages.ts';
import {
  activeEntry,
  createdEntry,
  deliveredEntry,
  failedEntries,
  retryEntries,
} from '../../engine/log/log-entries.ts';

const shardCount = 2;
const retentionMs = 600_000;
/** So few that a segment has seven entries. */
const maxEntries = 16 * 7;

let server: TestRedis;
let redis: RedisConnection;
/** Waits for large responses as long as it takes. */
let patient: RedisConnection;
let shards: Shards;
let bodies: BodyStore;
let logs: LogStore;
let pages: LogPages;
beforeAll(async () => {
  server = await startRedis({ durability: 'everysec' });
  redis = connectForRequests(server.url);
  patient = connectForWork(server.url);
  await eventually(() => redis.status === 'ready' && patient.status === 'ready');
  shards = openShards(redis, shardCount, pino({ level: 'fatal' }));
  bodies = createBodyStore(redis, shards.shardOf);
});
afterAll(async () => {
  await shards.close();
  redis.disconnect();
  patient.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
  logs = createLogStore(redis, shards, { retentionMs, maxEntries });
  pages = createLogPages(logs, bodies, retentionMs);
});

const response = { status: 500, header: { A: ['b'] }, body: Buffer.from('no'), isCut: false };
const failure = { error: 'no', response };
const message = (labels: string[] = [], rest: Partial<Message> = {}): Message => ({
  url: `https://a.example/${labels[0] ?? ''}`,
  method: 'POST',
  header: {},
  body: { kind: 'text', text: 'body' },
  createdAt: Date.now(),
  notBefore: 0,
  maxRetries: 1,
  timeoutMs: 1000,
  callerIp: '::1',
  ...(labels.length > 0 ? { labels } : {}),
  ...rest,
});
const newId = () => shards.newId(Date.now()).id;
const filter = (fields: Partial<LogFilter> = {}): LogFilter => ({ ...readLogFilter({}, 100), ...fields });
const nameEntry = ({ messageId, state }: LogEntryView) => `${messageId} ${state}`;

/** Publishes a message as far as the log is concerned. */
async function publish(label: string): Promise<{ id: string; message: Message }> {
  const id = newId();
  const each = message([label]);
  logs.list(id, [createdEntry(each)], each);
  await shards.at(shards.shardOf(id) ?? 0).add([{ id, message: each }]);
  return { id, message: each };
}

/** Publishes and delivers one. */
function deliver(labels: string[], now = Date.now()): string {
  const id = newId();
  const each = message(labels, { createdAt: now });
  logs.list(id, [createdEntry(each)], each);
  logs.ended(id, [activeEntry(0, now + 1), deliveredEntry(now + 2)], each);
  return id;
}

test('a message whose label has the digest of another one is left out before its log is read', async () => {
  const other = Array.from({ length: 20_000 }, (_, n) => `other-${n}`).find((label) => {
    const digest = Buffer.alloc(digestBytes);
    writeDigest(message([label]), digest, 0);
    return createDigestTest({ label: ['rare'] })?.(digest, 0);
  });
  const strange = 'a "quoted" / ä';
  for (const label of [other ?? '', 'rare', strange]) {
    await publish(label);
    deliver([label]);
  }
  const noted = newId();
  logs.list(noted, [createdEntry(message(['rare']))], message(['rare']));
  await logs.entries.flush();
  const records = [];
  for await (const slice of logs.entries.walk({ order: 'earliestFirst', from: 0, to: Infinity })) {
    for (let at = 0; at < slice.records.length; at += recordBytes) records.push(readRecord(slice.records, at));
  }
  const [pendingOther, endedOther, pendingRare, endedRare, pendingStrange, endedStrange] = new Set(
    records.map(({ messageId }) => messageId),
  );
  const all = [...new Set(records.map(({ messageId }) => messageId))].map((messageId) => ({ messageId }));
  const keep = async (...labels: string[]) => (await logs.keepLabeled(all, labels)).map(({ messageId }) => messageId);
  // What is not stored, or not yet, is for the reader of logs to judge.
  expect(await keep('rare')).toEqual([pendingRare, endedRare, noted]);
  expect(await keep(strange, other ?? '')).toEqual([pendingOther, endedOther, pendingStrange, endedStrange, noted]);
  const { events } = await pages.list(filter({ label: ['rare'] }));
  expect(new Set(events.map(({ messageId }) => messageId))).toEqual(new Set([pendingRare, endedRare]));
});

test('pages have no gap and no repeat, whatever is written while one reads', async () => {
  const label = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.record({ publish: fc.array(label, { minLength: 1, maxLength: 4 }) }),
    fc.record({ end: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }) }),
    { weight: 3, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 7 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(label, { minLength: 1, maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 10 }),
      fc.array(step, { maxLength: 30 }),
      fc.constantFrom<Partial<LogFilter>>(
        {},
        { label: ['a'] },
        { label: ['b', 'c'], state: ['ACTIVE', 'DELIVERED'] },
        { url: ['https://a.example/c'] },
        { host: ['a.example'], path: ['/a'], state: ['CREATED'] },
      ),
      fc.constantFrom<LogFilter['order']>('latestFirst', 'earliestFirst'),
      fc.boolean(),
      async (labels, ends, steps, asked, order, isGrouped) => {
        await redis.flushall();
        const open: { id: string; message: Message }[] = [];
        const start = async (some: string[]) => {
          for (const each of some) open.push(await publish(each));
          await logs.entries.flush();
        };
        const end = async (some: number[]) => {
          for (const n of some) {
            const [ended] = open.splice(n % Math.max(1, open.length), 1);
            if (ended) logs.ended(ended.id, [activeEntry(0, Date.now()), deliveredEntry(Date.now())], ended.message);
          }
          await logs.entries.flush();
        };
        await start(labels);
        await end(ends);

        const nameOf = isGrouped ? ({ messageId }: LogEntryView) => messageId : nameEntry;
        const listAll = async () => (await pages.list(filter({ ...asked, count: 1000 }))).events.map(nameOf);
        const there = await listAll();
        const seen: string[] = [];
        let cursor: string | undefined;
        const read = async (count: number) => {
          const given = filter({ ...asked, order, count, cursor });
          const page = isGrouped ? await pages.listGroups(given) : await pages.list(given);
          const found =
            'messages' in page ? page.messages.map(({ messageId }) => messageId) : page.events.map(nameEntry);
          expect(found.length).toBeLessThanOrEqual(count);
          seen.push(...found);
          cursor = page.cursor;
        };
        await read(2);
        for (const each of steps) {
          if ('publish' in each) await start(each.publish);
          else if ('end' in each) await end(each.end);
          else if (cursor !== undefined) await read(each.read);
        }
        while (cursor !== undefined) await read(3);

        expect(new Set(seen).size).toBe(seen.length);
        expect(there.filter((name) => !seen.includes(name))).toEqual([]);
        if (order === 'latestFirst') expect(seen.filter((name) => !there.includes(name))).toEqual([]);
        const all = await listAll();
        expect(seen.filter((name) => !all.includes(name))).toEqual([]);
      },
    ),
    { numRuns: 200 },
  );
}, 120_000);

test('entries that are in no log are not shown: of a message that was not stored, of an attempt made again', async () => {
  const ghost = message();
  logs.list(newId(), [createdEntry(ghost)], ghost);
  const id = newId();
  const now = Date.now();
  const each = message();
  logs.failed(id, each, [activeEntry(0, now)], 0);
  await logs.entries.flush();
  logs.ended(id, [activeEntry(0, now + 20), deliveredEntry(now + 30)], each);
  await logs.entries.flush();
  const { events } = await pages.list(filter());
  expect(events.map(nameEntry)).toEqual([`${id} DELIVERED`, `${id} ACTIVE`]);
});

test('an entry that was listed again, as by a schedule whose dispatcher died, is shown once', async () => {
  const { id, message: each } = await publish('a');
  logs.list(id, [createdEntry(each)], each);
  await logs.entries.flush();
  expect((await pages.list(filter())).events.map(nameEntry)).toEqual([`${id} CREATED`]);
  expect((await pages.listGroups(filter({ isGrouped: true }))).messages).toHaveLength(1);
});

test('a time as a cursor means what is older', async () => {
  const now = Date.now();
  for (const ago of [5000, 4000, 3000]) {
    deliver(['a'], now - ago);
    await logs.entries.flush();
  }
  const { events } = await pages.list(filter({ cursor: String(now - 4000), count: 2 }));
  expect(events.map(({ time }) => now - time)).toEqual([4998, 4999]);
  expect(await pages.list(filter({ cursor: '0' }))).toEqual({ events: [] });
});

test('dates bound the entries, both ends included', async () => {
  const now = Date.now();
  deliver(['a'], now - 1000);
  await logs.entries.flush();
  const states = async (fields: Partial<LogFilter>) =>
    (await pages.list(filter(fields))).events.map(({ state }) => state);
  expect(await states({ fromDate: now - 999 })).toEqual(['DELIVERED', 'ACTIVE']);
  expect(await states({ toDate: now - 999 })).toEqual(['ACTIVE', 'CREATED']);
  expect(await states({ fromDate: now - 998, toDate: now - 998 })).toEqual(['DELIVERED']);
});

test('the oldest entries go when there are too many, and with them the logs of messages that ended', async () => {
  const first = deliver(['a']);
  for (let n = 0; n < 60; n++) {
    deliver(['b']);
    await logs.entries.flush();
  }
  await logs.trim(maxEntries);
  const { events } = await pages.list(filter({ count: 1000 }));
  expect(events.length).toBeGreaterThanOrEqual(maxEntries);
  expect(events.length).toBeLessThan(maxEntries + 14);
  expect((await logs.read(first)).entries).toEqual([]);
  expect((await redis.keys('*history*')).length).toBeLessThan(60);
  expect((await redis.keys('{log}:segment:*')).length).toBeLessThanOrEqual(18);
});

test('a log that stays the same is looked through once, until a segment is added', async () => {
  const countLengths = async () =>
    Number(/cmdstat_strlen:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
  const countLookedAt = async () => {
    const before = await countLengths();
    await logs.trim(maxEntries);
    return (await countLengths()) - before;
  };
  deliver(['a']);
  await logs.entries.flush();
  expect(await countLookedAt()).toBe(1);
  expect(await countLookedAt()).toBe(0);
  for (let n = 0; n < 3; n++) {
    deliver(['b']);
    await logs.entries.flush();
  }
  expect(await countLookedAt()).toBe(2);
  expect(await countLookedAt()).toBe(0);
});

test('a segment lives a little longer than the retention, and takes no entries for longer than a part of it', async () => {
  deliver(['a']);
  await logs.entries.flush();
  expect(await redis.pttl('{log}:segment:1')).toBeGreaterThan(retentionMs);
  await redis.pexpire('{log}:segment:1', retentionMs - 1);
  deliver(['a']);
  await logs.entries.flush();
  expect(await redis.strlen('{log}:segment:2')).toBeGreaterThan(0);
  await redis.del('{log}:segment:1');
  expect((await pages.list(filter())).events).toHaveLength(3);
});

describe('bodies', () => {
  let responses: ResponseStore;
  beforeEach(() => {
    logs = createLogStore(patient, shards, { retentionMs, maxEntries });
    responses = createResponseStore(patient, shards);
    pages = createLogPages(logs, bodies, retentionMs);
  });
  /** A message with a body of so many bytes that has failed. */
  async function fail(bytes: number, sent = response.body, id = newId()): Promise<string> {
    await bodies.put(id, Buffer.alloc(bytes, 'x'), [id]);
    const each = message([], { body: { kind: 'stored', key: id } });
    const now = Date.now();
    // As the dead letter queue does.
    if (sent.length > 512) responses.put(id, 0, sent, retentionMs);
    logs.ended(
      id,
      [activeEntry(0, now), ...failedEntries(0, now, { ...failure, response: { ...response, body: sent } })],
      each,
    );
    await logs.entries.flush();
    return id;
  }

  test('a large body of a message and of a response are shown', async () => {
    await fail(5, Buffer.alloc(5000, 'y'));
    const { events } = await pages.list(filter({ state: ['ERROR'] }));
    expect(events[0]?.body).toBe(Buffer.from('xxxxx').toString('base64'));
    expect(events[0]?.responseBody).toBe(Buffer.alloc(5000, 'y').toString('base64'));
    const trimmed = await pages.list(filter({ state: ['ERROR'], trimBody: 2 }));
    expect(trimmed.events[0]).toMatchObject({ body: 'eHg=', responseBody: 'eXk=' });
    const none = await pages.list(filter({ state: ['ERROR'], trimBody: 0 }));
    expect(none.events[0]).not.toHaveProperty('body');
    expect(none.events[0]).not.toHaveProperty('responseBody');
    expect(none.events[0]).not.toHaveProperty('bodyTruncated');
    expect(none.events[0]).not.toHaveProperty('responseBodyTruncated');
  });

  test('of several failed attempts the last response is kept whole, of the others the beginning', async () => {
    const id = newId();
    const each = message([], { maxRetries: 2 });
    const bodyOf = (text: string) => Buffer.alloc(5000, text);
    for (const [retried, text] of ['a', 'b'].entries()) {
      const kept = { ...failure, response: { ...response, body: bodyOf(text) } };
      logs.failed(id, each, retryEntries(retried, Date.now(), kept, 1000), 1000);
    }
    logs.ended(id, [], each);
    await logs.entries.flush();
    const read = async () => (await pages.list(filter({ messageIds: [id], state: ['ERROR'] }))).events.reverse();
    const shown = (await read()).map(({ responseBody = '', responseBodyTruncated }) => [
      Buffer.from(responseBody, 'base64').toString(),
      responseBodyTruncated,
    ]);
    expect(shown).toEqual([
      ['a'.repeat(4096), true],
      ['b'.repeat(5000), undefined],
    ]);
    // The response that Redis had no room for.
    await redis.del(`{d${shards.shardOf(id) ?? 0}}:answer:${id}`);
    expect((await read()).map(({ responseBodyTruncated }) => responseBodyTruncated)).toEqual([true, true]);
  });

  test('a page ends when its bodies are a megabyte, and its cursor goes on', async () => {
    for (let n = 0; n < 4; n++) await fail(300_000);
    const state = ['ERROR' as const];
    const first = await pages.list(filter({ state }));
    expect(first.events).toHaveLength(2);
    const second = await pages.list(filter({ state, cursor: first.cursor }));
    expect(second.events).toHaveLength(2);
    expect(second.cursor).toBeUndefined();
    expect((await pages.list(filter({ state, maxBytes: 16 * 1024 * 1024 }))).events).toHaveLength(4);
    expect((await pages.list(filter({ state, trimBody: 10 }))).events).toHaveLength(4);
  }, 60_000);

  test('an entry that is too large for a page has one of its own, whole', async () => {
    await fail(10);
    await fail(2_000_000);
    await fail(10);
    const sizes: (number | undefined)[] = [];
    let cursor: string | undefined;
    do {
      const page = await pages.list(filter({ state: ['ERROR'], cursor }));
      sizes.push(...page.events.map(({ body }) => Buffer.from(body ?? '', 'base64').length));
      expect(page.events).toHaveLength(1);
      cursor = page.cursor;
    } while (cursor);
    expect(sizes).toEqual([10, 2_000_000, 10]);
  }, 60_000);

  test('bodies that are not shown do not end a page', async () => {
    for (let n = 0; n < 150; n++) {
      const each = message([], { body: { kind: 'text', text: 'x'.repeat(10_000) } });
      logs.ended(newId(), [activeEntry(0, Date.now()), deliveredEntry(Date.now())], each);
    }
    await logs.entries.flush();
    const page = await pages.list(filter({ count: 1000, trimBody: 0 }));
    expect(page.events.length).toBeGreaterThan(250);
    expect(page.cursor).toBeUndefined();
  });

  test('the last page has no cursor, also if it is full', async () => {
    const count = 3;
    for (let n = 0; n < count; n++) {
      const each = message([], { body: { kind: 'text', text: 'x'.repeat(10_000) } });
      logs.ended(newId(), [deliveredEntry(Date.now())], each);
    }
    await logs.entries.flush();
    const pageOf = async (fields: Partial<LogFilter>) => {
      const { events, cursor } = await pages.list(filter(fields));
      return [events.length, cursor !== undefined];
    };
    // Beyond the limit is one entry, two entries, three entries.
    for (const maxBytes of [5_000, 20_000, 35_000]) {
      let cursor: string | undefined;
      let seen = 0;
      do {
        const page = await pages.list(filter({ maxBytes, cursor }));
        expect(page.events).not.toEqual([]);
        seen += page.events.length;
        cursor = page.cursor;
      } while (cursor);
      expect(seen).toBe(count);
    }
    expect(await pageOf({ maxBytes: 20_000, trimBody: 1 })).toEqual([count, false]);
    expect(await pageOf({ count })).toEqual([count, false]);
    expect(await pageOf({ count: count - 1 })).toEqual([count - 1, true]);
  });

  test('everything else counts, too: a page of long headers ends after a megabyte', async () => {
    const each = message([], { header: { Long: ['x'.repeat(30_000)] } });
    for (let n = 0; n < 50; n++) logs.ended(newId(), [deliveredEntry(Date.now())], each);
    await logs.entries.flush();
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await pages.list(filter({ count: 1000, cursor }));
      expect(JSON.stringify(page).length).toBeLessThan(1.1 * 1024 * 1024);
      found.push(...page.events.map(({ messageId }) => messageId));
      cursor = page.cursor;
    } while (cursor);
    expect(new Set(found).size).toBe(50);
    expect(found).toHaveLength(50);
  }, 60_000);

  test('of messages that are named, what is too much comes without its body, and says so', async () => {
    const ids = [await fail(600_000), await fail(600_000), await fail(600_000)];
    const { events } = await pages.list(filter({ messageIds: ids, state: ['ERROR'], count: undefined }));
    expect(events.map(({ body, bodyTruncated }) => [body !== undefined, bodyTruncated])).toEqual([
      [true, undefined],
      [false, true],
      [false, true],
    ]);
  }, 60_000);

  test('a log that is trimmed takes its responses along, but for those that a dead letter shows', async () => {
    const gone = await fail(0, Buffer.alloc(999, 'y'));
    const buried = await fail(0, Buffer.alloc(999, 'y'));
    await redis.hset(`{d${shards.shardOf(buried) ?? 0}}:dlq:ids`, buried, '1-0');
    await logs.shorten();
    expect((await logs.read(gone)).entries).toEqual([]);
    expect(await redis.keys('*:answer:*')).toEqual([`{d${shards.shardOf(buried) ?? 0}}:answer:${buried}`]);
  });
});

test('a log whose last entry was lost goes, too', async () => {
  const id = newId();
  logs.started(id, message(), activeEntry(0, Date.now()));
  const key = `{d${shards.shardOf(id) ?? 0}}:history:${id}`;
  await eventually(async () => (await redis.exists(key)) === 1);
  await eventually(async () => (await redis.pttl(key)) > 0);
});

test('what cannot be written is counted, and only that', async () => {
  const id = newId();
  const each = message();
  const write = async () => {
    logs.failed(id, each, retryEntries(0, Date.now(), failure, 1000), 1000);
    await logs.entries.flush();
  };
  await write();
  expect(logs.lost()).toBe(0);
  await redis.del('{log}:head');
  await redis.lpush('{log}:head', 'x');
  await write();
  expect(logs.lost()).toBe(2);
  expect((await logs.read(newMessageId(0, 0))).entries).toEqual([]);
});

test('what ends while Redis is away is written by a worker when it is back', async () => {
  const working = createLogStore(patient, shards, { retentionMs, maxEntries });
  const { id, message: each } = await publish('away');
  await server.kill();
  await eventually(() => patient.status !== 'ready');
  working.started(id, each, activeEntry(0, Date.now()));
  working.ended(id, [deliveredEntry(Date.now())], each);
  await server.start();
  await eventually(async () => {
    const { entries } = await logs.read(id);
    return entries.length === 3;
  });
  await eventually(async () => (await pages.list(filter())).events.length >= 2);
  expect(working.lost()).toBe(0);
});
