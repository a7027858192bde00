import type { Answer, DlqFilter, DlqMessage, Message } from '@posthorn/shared';
import { matches } from '../messages/filter.ts';
import { writeBytes, writeMessageView } from '../messages/message-view.ts';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { BodyStore } from '../shards/body.ts';
import type { Shards } from '../shards/shards.ts';

/** What lies in the dead letter queue: the message as it was, and the last answer of its destination. */
export interface DeadLetter {
  messageId: string;
  message: Message;
  status: number;
  header: Record<string, string[]>;
  bodyBase64: string;
}

/** Messages that have finally failed (contract, delivery.md section 13). */
export interface Dlq {
  /** Puts a message there and gives the id of the entry; doing it twice gives the same id. */
  bury(messageId: string, message: Message, answer: Answer): Promise<string>;
  /** Entries that match, in the order of their failure, and where to go on if there may be more. */
  list(filter: DlqFilter): Promise<{ messages: DlqMessage[]; cursor?: string }>;
  /** The ids of the entries that match; explicit ids as they are, whether there are such entries or not. */
  find(filter: DlqFilter): Promise<{ ids: string[]; cursor?: string }>;
  read(dlqId: string): Promise<DeadLetter | undefined>;
  /** Removes entries and gives how many there were. */
  remove(dlqIds: readonly string[]): Promise<number>;
  get(dlqId: string): Promise<DlqMessage | undefined>;
}

export function createDlq(redis: RedisConnection, shards: Shards, bodies: BodyStore, retentionMs: number): Dlq {
  const shardOf = (dlqId: string) => (readDlqId(dlqId)?.n ?? 0) % shards.count;

  async function read(dlqId: string): Promise<DeadLetter | undefined> {
    const parsed = readDlqId(dlqId);
    if (!parsed || parsed.ms < Date.now() - retentionMs) return undefined;
    const text = await redis.hget(keyspace.dlqEntries(shardOf(dlqId)), dlqId);
    return text ? (JSON.parse(text) as DeadLetter) : undefined;
  }

  /** The ids behind a cursor, oldest first, at most so many. */
  async function listIds(cursor: string | undefined, count: number): Promise<string[]> {
    const after = cursor === undefined ? undefined : readDlqId(cursor);
    const oldest = Math.max(Date.now() - retentionMs, after?.ms ?? 0);
    const perShard = await Promise.all(
      Array.from({ length: shards.count }, (_, shard) =>
        // Entries of the cursor's own millisecond may be behind it.
        redis.zrangebyscore(keyspace.dlq(shard), oldest, '+inf', 'LIMIT', 0, count + (after ? 10 : 0)),
      ),
    );
    const ids = perShard.flat().filter((id) => !after || compareDlqIds(id, cursor ?? '') > 0);
    return ids.sort(compareDlqIds).slice(0, count);
  }

  /** Looks at entries in their order until so many match, or there are no more. */
  async function search(filter: DlqFilter): Promise<{ found: [id: string, letter: DeadLetter][]; cursor?: string }> {
    const found: [string, DeadLetter][] = [];
    if (filter.dlqIds) {
      for (const id of new Set(filter.dlqIds)) {
        const letter = await read(id);
        if (letter) found.push([id, letter]);
      }
      return { found };
    }
    for (let cursor = filter.cursor; ;) {
      const ids = await listIds(cursor, scanAtOnce);
      const letters = await Promise.all(ids.map(read));
      for (const [index, id] of ids.entries()) {
        const letter = letters[index];
        if (!letter || !isMeant(filter, id, letter)) continue;
        if (found.length >= filter.count) return { found, cursor: found.at(-1)?.[0] ?? '' };
        found.push([id, letter]);
      }
      if (ids.length < scanAtOnce) return { found };
      cursor = ids.at(-1);
    }
  }

  async function writeView(dlqId: string, letter: DeadLetter): Promise<DlqMessage> {
    const bytes = await bodies.read(letter.message.body);
    return {
      ...writeMessageView(letter.messageId, letter.message, bytes ?? Buffer.alloc(0)),
      dlqId,
      responseStatus: letter.status,
      ...(Object.keys(letter.header).length > 0 ? { responseHeader: letter.header } : {}),
      ...writeBytes(Buffer.from(letter.bodyBase64, 'base64'), 'responseBody', 'responseBodyBase64'),
    };
  }

  return {
    bury(messageId, message, answer) {
      const shard = shards.shardOf(messageId) ?? 0;
      // The script finds the message id at the start of an entry.
      const letter: DeadLetter = {
        messageId,
        message,
        status: answer.status,
        header: answer.header,
        bodyBase64: Buffer.from(answer.body).toString('base64'),
      };
      return redis.buryMessage(
        keyspace.dlq(shard),
        keyspace.dlqEntries(shard),
        keyspace.dlqIds(shard),
        messageId,
        JSON.stringify(letter),
        shard,
        shards.count,
        retentionMs,
      );
    },

    async list(filter) {
      const { found, cursor } = await search(filter);
      const messages = await Promise.all(found.map(([id, letter]) => writeView(id, letter)));
      return cursor === undefined ? { messages } : { messages, cursor };
    },

    async find(filter) {
      if (filter.dlqIds) return { ids: [...new Set(filter.dlqIds)] };
      const { found, cursor } = await search(filter);
      const ids = found.map(([id]) => id);
      return cursor === undefined ? { ids } : { ids, cursor };
    },

    read,
    async remove(dlqIds) {
      const byShard = new Map<number, string[]>();
      for (const id of dlqIds) {
        if (readDlqId(id)) byShard.set(shardOf(id), [...(byShard.get(shardOf(id)) ?? []), id]);
      }
      const removed = await Promise.all(
        Array.from(byShard, ([shard, ids]) =>
          redis.removeDeadLetters(keyspace.dlq(shard), keyspace.dlqEntries(shard), keyspace.dlqIds(shard), ...ids),
        ),
      );
      return removed.reduce((sum, count) => sum + count, 0);
    },

    async get(dlqId) {
      const letter = await read(dlqId);
      return letter && writeView(dlqId, letter);
    },
  };
}

/** Entries that are read at once while those that match are looked for. */
const scanAtOnce = 200;

/** The dates of a filter are about the time of entering the dead letter queue (contract, http-api.md section 4.2). */
function isMeant({ messageId, responseStatus, ...filter }: DlqFilter, dlqId: string, letter: DeadLetter): boolean {
  if (messageId && !messageId.includes(letter.messageId)) return false;
  if (responseStatus && !responseStatus.includes(letter.status)) return false;
  return matches(filter, letter.message, readDlqId(dlqId)?.ms);
}

/** `<unix-ms>-<n>`; `undefined` for any other text. */
export function readDlqId(text: string): { ms: number; n: number } | undefined {
  const match = /^(\d{1,15})-(\d{1,9})$/.exec(text);
  return match ? { ms: Number(match[1]), n: Number(match[2]) } : undefined;
}

function compareDlqIds(a: string, b: string): number {
  const first = readDlqId(a);
  const second = readDlqId(b);
  return (first?.ms ?? 0) - (second?.ms ?? 0) || (first?.n ?? 0) - (second?.n ?? 0);
}
