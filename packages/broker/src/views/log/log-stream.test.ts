import type { Message } from '@posthorn/shared';
import { pino } from 'pino';
import { digestBytes } from '../../engine/log/digest.ts';
import type { LogStore } from '../../engine/log/log-store.ts';
import type { LogOffset } from '../../engine/log/entry-list.ts';
import type { LogTail } from '../../engine/log/log-tail.ts';
import type { BodyStore } from '../../engine/shards/body.ts';
import { createLogStream, type StreamReader } from './log-stream.ts';

/** How often a stream looks at the log. */
const everyMs = 250;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** A stream of a log of one segment, and what was read for it. */
function createTestStream(entries: number, message: Partial<Message> = {}, logBytes = 100) {
  const log = { entries, records: 0, starts: new Set<number>(), logs: 0, bodies: 0 };
  const tail: LogTail = {
    findEnd: async () => ({ segment: 1, number: log.entries }),
    async readFrom({ segment, number }: LogOffset, max: number) {
      log.starts.add(number);
      const count = Math.max(0, Math.min(max, log.entries - number));
      log.records += count;
      const records = Array.from({ length: count }, (_, index) => ({
        messageId: `msg_${number + index}`,
        state: 'CREATED' as const,
        retried: 0,
        time: 1,
        segment,
        number: number + index,
        records: Buffer.alloc(digestBytes),
        at: 0,
      }));
      return { records, next: { segment, number: number + count } };
    },
  };
  const logs = {
    async read(messageId: string) {
      log.logs += 1;
      const entry = {
        messageId,
        state: 'CREATED',
        retried: 0,
        time: 1,
        writtenAt: 1,
        message: { url: 'https://a.example', header: {}, body: { kind: 'empty' }, ...message },
      };
      return { entries: [entry], bytes: logBytes, retriedAs: [] };
    },
  } as unknown as LogStore;
  const bodies = {
    size: async () => 10_000_000,
    read: async () => ((log.bodies += 1), Buffer.alloc(10_000_000)),
  } as unknown as BodyStore;
  return { log, stream: createLogStream({ tail, logs, bodies, log: pino({ level: 'silent' }) }) };
}

function createReader(isFull = false) {
  const taken = { entries: [] as { messageId: string; body?: string; bodyTruncated?: true }[], skipped: 0 };
  const reader: StreamReader = {
    isFull: () => isFull,
    entry: (_cursor, json) => taken.entries.push(JSON.parse(json) as (typeof taken.entries)[number]) > 0,
    skipped(count) {
      taken.skipped += count;
      return true;
    },
  };
  return { taken, reader };
}

const look = () => jest.advanceTimersByTimeAsync(everyMs);

describe('many readers that are behind', () => {
  const starts = Array.from({ length: 50 }, (_, n) => n * 1000 + 500);
  const openAll = (stream: ReturnType<typeof createTestStream>['stream']) =>
    // No entry has this label, and none is before its own start.
    starts.map((start) => stream.open({ label: ['none'] }, `1-${start - 1}`, createReader().reader));

  test('share what one look reads, and all of them go on in turn', async () => {
    const { log, stream } = createTestStream(100_000);
    const closes = openAll(stream);
    await look();
    expect(log.records).toBeGreaterThan(0);
    expect(log.records).toBeLessThanOrEqual(11_000);
    for (let n = 0; n < 5; n++) await look();
    expect(starts.filter((start) => !log.starts.has(start))).toEqual([]);
    for (const close of closes) close();
  });

  test('share the entries that they look at together; not all of 200 have their turn in one look', async () => {
    const { log, stream } = createTestStream(1000);
    const served = new Set<number>();
    const closes = Array.from({ length: 200 }, (_, n) => {
      const isFull = () => served.add(n).size > 0;
      return stream.open({}, '1-0', { ...createReader().reader, isFull });
    });
    await look();
    expect(log.records).toBe(999);
    expect(served.size).toBeLessThan(100);
    await look();
    await look();
    expect(served.size).toBe(200);
    for (const close of closes) close();
  });

  test('do not keep what is new from a reader that is not', async () => {
    const { log, stream } = createTestStream(100_000);
    const { taken, reader } = createReader();
    const closes = [stream.open({}, undefined, reader), ...openAll(stream)];
    await look();
    log.entries += 3;
    // The end of the log is delivered one look later: what is before it was written completely by then.
    await look();
    await look();
    expect(taken.entries.map(({ messageId }) => messageId)).toEqual(['msg_100000', 'msg_100001', 'msg_100002']);
    for (const close of closes) close();
  });
});

test('nothing is read for a reader that is too slow to take it, and it learns how much it has missed', async () => {
  const { log, stream } = createTestStream(10);
  const { taken, reader } = createReader(true);
  const close = stream.open({}, '1-2', reader);
  for (let n = 0; n < 8; n++) await look();
  expect(log.logs).toBe(0);
  expect(taken).toEqual({ entries: [], skipped: 7 });
  close();
});

test('a body that lies beside its message is not read, and a body in the message is trimmed', async () => {
  for (const [body, expected] of [
    [{ kind: 'stored', key: 'msg_1', sizeBytes: 10_000_000 }, { bodyTruncated: true }],
    [{ kind: 'text', text: 'abcdef' }, { body: Buffer.from('abc').toString('base64') }],
  ] as const) {
    const { log, stream } = createTestStream(1, { body });
    const { taken, reader } = createReader();
    const close = stream.open({ trimBody: 3 }, '1-0', reader);
    log.entries = 2;
    for (let n = 0; n < 3; n++) await look();
    expect(taken.entries).toEqual([expect.objectContaining(expected)]);
    expect(log.bodies).toBe(0);
    close();
  }
});

test('what readers share in one look has a limit: beyond it, logs of messages are read again', async () => {
  const read = async (logBytes: number) => {
    const { log, stream } = createTestStream(21, {}, logBytes);
    const readers = [createReader(), createReader()];
    const closes = readers.map(({ reader }) => stream.open({}, '1-0', reader));
    for (let n = 0; n < 3; n++) await look();
    for (const { taken } of readers) expect(taken.entries).toHaveLength(20);
    for (const close of closes) close();
    return log.logs;
  };
  expect(await read(1000)).toBe(20);
  expect(await read(1024 * 1024)).toBeGreaterThan(20);
});

test('what was left out is told as soon as the reader can take it', async () => {
  const { stream } = createTestStream(10);
  const state = { isFull: true };
  const told: number[] = [];
  const close = stream.open({}, '1-2', {
    isFull: () => state.isFull,
    entry: () => true,
    skipped: (count) => !state.isFull && told.push(count) > 0,
  });
  for (let n = 0; n < 12; n++) await look();
  expect(told).toEqual([]);
  state.isFull = false;
  for (let n = 0; n < 8; n++) await look();
  expect(told).toEqual([7]);
  close();
});

describe('after Redis was emptied or restored', () => {
  test.each<[string, string | undefined, number]>([
    ['a stream', undefined, 1],
    ['a stream that goes on after an entry', '1-99', 1],
    // At its start, and when the log becomes shorter again.
    ['a stream that goes on after an entry which is no longer there', '7-5', 2],
  ])('%s reports a gap and goes on', async (_, cursor, skipped) => {
    const { log, stream } = createTestStream(100);
    const { taken, reader } = createReader();
    const close = stream.open({}, cursor, reader);
    for (let n = 0; n < 3; n++) await look();
    log.entries = 5;
    for (let n = 0; n < 5; n++) await look();
    expect(taken).toEqual({ entries: [], skipped });
    log.entries = 7;
    for (let n = 0; n < 3; n++) await look();
    expect(taken.entries.map(({ messageId }) => messageId)).toEqual(['msg_5', 'msg_6']);
    close();
  });
});

test('a reader that comes while the end is read may know a later one', async () => {
  const { log, stream } = createTestStream(10);
  const { taken, reader } = createReader();
  const closeFirst = stream.open({}, undefined, createReader().reader);
  const close = stream.open({}, '1-12', reader);
  log.entries = 14;
  for (let n = 0; n < 3; n++) await look();
  expect(taken).toEqual({ entries: [expect.objectContaining({ messageId: 'msg_13' })], skipped: 0 });
  close();
  closeFirst();
});
