import type { Answer, DlqFilter, DlqMessage, Message } from '@posthorn/shared';
import { matches } from '../events/filter.ts';
import { writeBytes, writeMessageView } from '../messages/message-view.ts';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { BodyStore } from '../shards/body.ts';
import type { Shards } from '../shards/shards.ts';
import { listDlqIds, readDlqId, writeEntryDigest } from './dlq-list.ts';

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

  const readSize = (dlqId: string) => redis.hstrlen(keyspace.dlqEntries(shardOf(dlqId)), dlqId);
  const readText = (dlqId: string) => redis.hget(keyspace.dlqEntries(shardOf(dlqId)), dlqId);

  async function read(dlqId: string): Promise<DeadLetter | undefined> {
    const parsed = readDlqId(dlqId);
    if (!parsed || parsed.ms < Date.now() - retentionMs) return undefined;
    const text = await readText(dlqId);
    return text ? (JSON.parse(text) as DeadLetter) : undefined;
  }

  /** Reads entries in their order until so many match, or there are no more, or they are too much for one answer. */
  async function search(filter: DlqFilter): Promise<{ found: [id: string, letter: DeadLetter][]; cursor?: string }> {
    const found: [string, DeadLetter][] = [];
    let bytes = 0;
    let some: string[] = [];
    let looked = '';
    /** Gives the id behind which to go on, if that was enough. */
    const check = async (): Promise<string | undefined> => {
      const sizes = await Promise.all(some.map(readSize));
      // Their sizes first, in order: what does not fit is not read.
      const fitting = some.filter((_, index) => (bytes += sizes[index] ?? 0) <= mostBytes || bytes === sizes[index]);
      const texts = await Promise.all(fitting.map(readText));
      for (const [index, id] of fitting.entries()) {
        looked = id;
        const text = texts[index];
        if (!text) continue;
        const letter = JSON.parse(text) as DeadLetter;
        if (!isMeant(filter, id, letter)) continue;
        if (found.length === filter.count) return found.at(-1)?.[0];
        found.push([id, letter]);
      }
      const isFull = fitting.length < some.length;
      some = [];
      return isFull ? looked : undefined;
    };

    for await (const id of listDlqIds(redis, shards, filter, Date.now() - retentionMs)) {
      some.push(id);
      if (some.length < readAtOnce && found.length + some.length <= filter.count) continue;
      const cursor = await check();
      if (cursor !== undefined) return { found, cursor };
    }
    const cursor = await check();
    return cursor === undefined ? { found } : { found, cursor };
  }

  /** The entries with these ids. They have no page to come: what is too much for one answer goes without bodies. */
  async function listNamed(dlqIds: readonly string[]): Promise<DlqMessage[]> {
    const messages: DlqMessage[] = [];
    let bytes = 0;
    for (const id of new Set(dlqIds)) {
      const letter = await read(id);
      if (!letter) continue;
      const view = await writeView(id, letter, bytes <= mostBytes);
      bytes += countBytes(view);
      messages.push(view);
    }
    return messages;
  }

  async function writeView(dlqId: string, letter: DeadLetter, hasBodies = true): Promise<DlqMessage> {
    const bytes = hasBodies ? await bodies.read(letter.message.body) : undefined;
    const answer = Buffer.from(hasBodies ? letter.bodyBase64 : '', 'base64');
    return {
      ...writeMessageView(letter.messageId, letter.message, bytes ?? Buffer.alloc(0)),
      dlqId,
      responseStatus: letter.status,
      ...(Object.keys(letter.header).length > 0 ? { responseHeader: letter.header } : {}),
      ...writeBytes(answer, 'responseBody', 'responseBodyBase64'),
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
        writeEntryDigest(message, answer.status),
        shard,
        shards.count,
        retentionMs,
      );
    },

    async list(filter) {
      if (filter.dlqIds) return { messages: await listNamed(filter.dlqIds) };
      const { found, cursor } = await search(filter);
      const messages: DlqMessage[] = [];
      let bytes = 0;
      for (const [id, letter] of found) {
        // Large bodies of messages are no part of their entries.
        if (bytes > mostBytes) return { messages, cursor: messages.at(-1)?.dlqId ?? id };
        const view = await writeView(id, letter);
        bytes += countBytes(view);
        messages.push(view);
      }
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
      await Promise.all(
        removed
          .flat()
          .filter(([, key]) => key !== '')
          .map(([messageId, key]) => bodies.release({ kind: 'stored', key }, messageId, 0)),
      );
      return removed.flat().length;
    },

    async get(dlqId) {
      const letter = await read(dlqId);
      return letter && writeView(dlqId, letter);
    },
  };
}

/** Entries that are read at once. */
const readAtOnce = 50;
/** Bytes of the entries that are read for a page; a single one may be larger. */
const mostBytes = 16 * 1024 * 1024;

/** Of the bodies in a view, which are all that may be large. */
function countBytes({ body, bodyBase64, responseBody, responseBodyBase64 }: DlqMessage): number {
  return [body, bodyBase64, responseBody, responseBodyBase64].reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

/** The dates of a filter are about the time of entering the dead letter queue (contract, http-api.md section 4.2). */
function isMeant({ messageId, responseStatus, ...filter }: DlqFilter, dlqId: string, letter: DeadLetter): boolean {
  if (messageId && !messageId.includes(letter.messageId)) return false;
  if (responseStatus && !responseStatus.includes(letter.status)) return false;
  return matches(filter, letter.message, readDlqId(dlqId)?.ms);
}
