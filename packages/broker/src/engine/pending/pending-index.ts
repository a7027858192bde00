import { packedIdBytes, unpackMessageId, type MessageFilter } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import {
  createRowTest,
  findRows,
  locateCompared,
  locateIds,
  passesRow,
  readRowId,
  rowBytes,
  toRows,
  type RowTest,
  type Segment,
} from './pending-rows.ts';
import { claimTidying, parseLabelColumns, type PendingMessages } from './tidy-pending.ts';

/**
 * The index of the messages of a shard that have not ended: for each a row of 45 bytes, with hashes of what
 * filters compare and its id. A search reads rows, and then only the messages that may match.
 *
 * `add-messages.lua` appends the row of a message when it stores it, in the same step. Nothing is done when a message
 * ends. Instead the newest rows become a segment every ten seconds, and rows of messages that have ended are removed from
 * segments: soon from a new one, and from each at intervals that are as long as it is old. So most rows are looked at
 * once, in a list with many others; a row stays about as long again as its message, 43 minutes at most; and what a
 * search finds must be looked up in any case.
 *
 * BullMQ counts the messages that are added, and the index those that it has. If they differ, a version without the index
 * has added messages. Then there is no search, until `tidy-pending.ts` has added what is missing.
 */
export interface PendingIndex {
  /** The keys that `add-messages.lua` takes. */
  keys: [head: string, rows: string];
  /**
   * Pages of the ids of messages that have not ended: all that match the filter, and few others. Some may come twice.
   *
   * @returns `undefined` if the index does not know all messages, or nothing that the filter compares
   */
  search(filter: MessageFilter): Promise<AsyncGenerator<string[]> | undefined>;
  /** Claims what is to be tidied, and gives the work if there is any. */
  claimTidying(): Promise<(() => Promise<void>) | undefined>;
}

/** Ids of a page. */
const pageSize = 500;
/** Segments that are read at once. */
const segmentsAtOnce = 8;
/** Up to this number of ids in a segment are read one by one. */
const maxSingleIds = 50;

/** @param jobPrefix what BullMQ puts before the ids of the jobs of the shard */
export function openPendingIndex(
  redis: RedisConnection,
  shard: number,
  jobPrefix: string,
  messages: PendingMessages,
): PendingIndex {
  const head = keyspace.pendingHead(shard);
  const rowsKey = keyspace.pendingRows(shard);
  const segmentKey = (number: number) => `${head}:${number}`;

  const readHead = async () => {
    const [missing, rows, ...fields] = await redis.readPendingBuffer(head, rowsKey, `${jobPrefix}id`);
    const texts = fields.map(String);
    const segments = Array.from({ length: texts.length / 3 }, (_, index): Segment => {
      const [number, rows, labelColumns] = texts.slice(index * 3);
      return { number: Number(number), rows: Number(rows), labelColumns: parseLabelColumns(labelColumns) };
    });
    return { isComplete: missing?.toString() === '0', rows: rows ?? Buffer.alloc(0), segments };
  };

  /** Ids of a segment whose rows pass; `undefined` if it is gone: it was tidied, and its rows are in a new one. */
  const searchSegment = async (segment: Segment, test: RowTest | undefined): Promise<string[] | undefined> => {
    const { number, rows, labelColumns } = segment;
    const key = segmentKey(number);
    if (rows === 0 || labelColumns === undefined || !test) {
      const content = await redis.getBuffer(key);
      return content ? searchRows(rows === 0 ? content : toRows(content, labelColumns), test) : undefined;
    }
    const places = locateCompared(segment, test);
    const read = ({ from, to }: { from: number; to: number }) => redis.getrangeBuffer(key, from, to - 1);
    const [fields, labels] = await Promise.all([
      Promise.all(places.fields.map(read)),
      Promise.all(places.labels.map(read)),
    ]);
    if ([...fields, ...labels].some(({ length }) => length === 0)) return undefined;
    const hits = findRows(test, { fields, labels });
    const idsAt = locateIds(segment);
    if (hits.length > maxSingleIds) {
      const ids = await read({ from: idsAt, to: idsAt + rows * packedIdBytes });
      return ids.length === 0 ? undefined : hits.map((row) => unpackMessageId(ids, row * packedIdBytes));
    }
    const ids = await Promise.all(
      hits.map((row) => read({ from: idsAt + row * packedIdBytes, to: idsAt + (row + 1) * packedIdBytes })),
    );
    if (ids.some(({ length }) => length === 0)) return undefined;
    return ids.map((id) => unpackMessageId(id, 0));
  };

  /** @param first what was read first: its rows are in segments later on, which are then read twice */
  async function* searchAll(first: Awaited<ReturnType<typeof readHead>>, test?: RowTest) {
    yield* splitPages(searchRows(first.rows, test));
    const done = new Set<number>();
    let { segments } = first;
    for (;;) {
      let isOutdated = false;
      for (let from = 0; from < segments.length; from += segmentsAtOnce) {
        const some = segments.slice(from, from + segmentsAtOnce);
        const found = await Promise.all(some.map((segment) => searchSegment(segment, test)));
        for (const { number } of some) done.add(number);
        for (const ids of found) {
          if (ids) yield* splitPages(ids);
          else isOutdated = true;
        }
      }
      if (!isOutdated) return;
      segments = (await readHead()).segments.filter(({ number }) => !done.has(number));
    }
  }

  return {
    keys: [head, rowsKey],
    async search(filter) {
      const test = createRowTest(filter);
      if (!test) return undefined;
      const first = await readHead();
      return first.isComplete ? searchAll(first, test) : undefined;
    },
    claimTidying: () =>
      claimTidying({
        redis,
        head,
        rowsKey,
        segmentKey,
        jobPrefix,
        messages,
        readIds: async function* () {
          yield* searchAll(await readHead());
        },
      }),
  };
}

/** Ids of the rows that pass, or of all without a test. */
function searchRows(rows: Buffer, test: RowTest | undefined): string[] {
  const ids: string[] = [];
  for (let at = 0; at + rowBytes <= rows.length; at += rowBytes) {
    if (!test || passesRow(test, rows, at)) ids.push(readRowId(rows, at));
  }
  return ids;
}

function* splitPages(ids: readonly string[]): Generator<string[]> {
  for (let from = 0; from < ids.length; from += pageSize) yield ids.slice(from, from + pageSize);
}
