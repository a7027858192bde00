import type { DestinationResponse, DlqFilter, DlqMessage, ErrorKind, Message } from '@posthorn/shared';
import type { ResponseStore } from '../../engine/log/responses.ts';
import { matches } from '../filter.ts';
import { maxInlineFinalBytes, type KeptFailure } from '../../engine/log/log-entries.ts';
import { formatBytes, formatMessageView } from '../messages/message-view.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { BodyStore } from '../../engine/shards/body.ts';
import type { Delivery } from '../../engine/shards/shard.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import { createDlqRemover, formatOwner } from './dlq-removal.ts';
import { listCauses, listDlqIds, needsEntries, parseDlqId, createEntryDigest } from './dlq-list.ts';

/** What lies in the dead letter queue: the message as it was, and why its last attempt failed. */
export interface DeadLetter {
  messageId: string;
  message: Message;
  /** Status and headers of the last response, and its body if that is small. */
  status: number;
  header: DestinationResponse['header'];
  bodyBase64: string;
  /** Retries before the last attempt. This and what follows is missing in entries of earlier versions. */
  retried?: number;
  /** The body of the response lies in the store of responses. */
  isElsewhere?: true;
  /** The destination sent a longer body than was kept. */
  isCut?: true;
  error?: string;
  errorKind?: ErrorKind;
}

/** Messages that have finally failed (contract L10). */
export interface Dlq {
  /** Puts a message there and gives the id of the entry; doing it twice gives the same id. */
  bury(delivery: Pick<Delivery, 'id' | 'shard' | 'message' | 'retried'>, failure: KeptFailure): Promise<string>;
  /** A page of entries that match, and where to go on if there may be more. */
  list(filter: DlqFilter): Promise<{ messages: DlqMessage[]; cursor?: string }>;
  /**
   * The ids of the entries that match, however large these are; no body is read. Explicit ids as they are, whether there
   * are such entries or not.
   */
  find(filter: DlqFilter): Promise<{ ids: string[]; cursor?: string }>;
  read(dlqId: string): Promise<DeadLetter | undefined>;
  /** The shard of an entry and of its message. */
  shardOf(dlqId: string): number;
  /** Removes entries and gives how many there were. Works in a Redis without memory. */
  remove(dlqIds: readonly string[]): Promise<number>;
  get(dlqId: string): Promise<DlqMessage | undefined>;
  /** Removes entries that are past their retention, and gives how many. */
  expire(): Promise<number>;
  /** Without any of these keys, `expire` finds nothing. */
  keys: string[];
}

export interface DlqParts {
  redis: RedisConnection;
  shards: Shards;
  bodies: BodyStore;
  responses: ResponseStore;
  retentionMs: number;
  /** The log shows the same response. */
  logRetentionMs: number;
}

export function createDlq({ redis, shards, bodies, responses, retentionMs, logRetentionMs }: DlqParts): Dlq {
  const shardOf = (dlqId: string) => (parseDlqId(dlqId)?.n ?? 0) % shards.count;
  const responseMs = Math.max(retentionMs, logRetentionMs);

  const readSize = (dlqId: string) => redis.hstrlen(keyspace.dlqEntries(shardOf(dlqId)), dlqId);
  const readText = (dlqId: string) => redis.hget(keyspace.dlqEntries(shardOf(dlqId)), dlqId);

  async function read(dlqId: string): Promise<DeadLetter | undefined> {
    const parsed = parseDlqId(dlqId);
    if (!parsed || parsed.ms < Date.now() - retentionMs) return undefined;
    const text = await readText(dlqId);
    return text ? (JSON.parse(text) as DeadLetter) : undefined;
  }

  const remover = createDlqRemover({ redis, shards, bodies, retentionMs });
  const listIds = (filter: DlqFilter) => listDlqIds(redis, shards, filter, Date.now() - retentionMs);

  /** The entries that match, in order. Few bytes of them are in memory at a time. */
  async function* search(filter: DlqFilter): AsyncGenerator<[id: string, letter: DeadLetter]> {
    for await (const ids of takePieces(listIds(filter), Math.min(readAtOnce, filter.count + 1))) {
      const sizes = await Promise.all(ids.map(readSize));
      for (let from = 0, to = 0; from < ids.length; from = to) {
        let bytes = 0;
        // One may be larger.
        do bytes += sizes[to++] ?? 0;
        while (to < ids.length && bytes + (sizes[to] ?? 0) <= readBytesAtOnce);
        const some = ids.slice(from, to);
        const texts = await Promise.all(some.map(readText));
        for (const [index, id] of some.entries()) {
          const text = texts[index];
          if (!text) continue;
          const letter = JSON.parse(text) as DeadLetter;
          if (isMeant(filter, id, letter)) yield [id, letter];
        }
      }
    }
  }

  /** The entries with these ids. They have no page to come: what is too much for one response goes without bodies. */
  async function listNamed(dlqIds: readonly string[], maxBytes: number): Promise<DlqMessage[]> {
    const messages: DlqMessage[] = [];
    let bytes = 0;
    for (const id of new Set(dlqIds)) {
      const letter = await read(id);
      if (!letter) continue;
      const isShown = messages.length === 0 || bytes + (await readViewSize(letter)) <= maxBytes;
      const view = await formatView(id, letter, isShown);
      bytes += countBytes(view);
      messages.push(view);
    }
    return messages;
  }

  /** About the bytes that an entry takes in a response. */
  async function readViewSize({ message, header, bodyBase64 }: DeadLetter): Promise<number> {
    return (await bodies.size(message.body)) + bodyBase64.length + JSON.stringify([message.header, header]).length;
  }

  async function formatView(dlqId: string, letter: DeadLetter, isShown = true): Promise<DlqMessage> {
    const { messageId, message, status, header, retried, error, errorKind } = letter;
    const bytes = isShown ? await bodies.read(message.body) : undefined;
    const isBodyLeftOut = !isShown && message.body.kind !== 'empty';
    const response = await readResponse(letter, isShown);
    return {
      ...formatMessageView(messageId, message, bytes ?? Buffer.alloc(0)),
      ...(isBodyLeftOut ? { bodyTruncated: true } : {}),
      dlqId,
      responseStatus: status,
      ...(Object.keys(header).length > 0 ? { responseHeader: header } : {}),
      ...formatBytes(response.body, 'responseBody', 'responseBodyBase64'),
      ...(response.isCut ? { responseBodyTruncated: true } : {}),
      state: 'FAILED',
      ...(retried === undefined ? {} : { attempts: retried + 1 }),
      ...(error === undefined ? {} : { error }),
      ...(errorKind === undefined ? {} : { errorKind }),
    };
  }

  async function readResponse(letter: DeadLetter, isShown: boolean): Promise<{ body: Buffer; isCut: boolean }> {
    const { messageId, retried = 0, bodyBase64, isElsewhere = false, isCut = false } = letter;
    if (!isShown) return { body: Buffer.alloc(0), isCut: isCut || isElsewhere || bodyBase64 !== '' };
    if (!isElsewhere) return { body: Buffer.from(bodyBase64, 'base64'), isCut };
    const body = await responses.read(messageId, retried);
    return { body: body ?? Buffer.alloc(0), isCut: isCut || !body };
  }

  return {
    bury({ id, shard, message, retried }, { error, errorKind, response }) {
      const { status, header, body, isCut } = response;
      const isElsewhere = body.length > maxInlineFinalBytes;
      // Ahead of the entry, over the same connection. Redis refuses it when it has no memory, unlike the entry.
      if (isElsewhere) responses.put(id, retried, body, responseMs);
      const letter: DeadLetter = {
        messageId: id,
        message,
        status,
        header,
        bodyBase64: isElsewhere ? '' : body.toString('base64'),
        retried,
        ...(isElsewhere ? { isElsewhere } : {}),
        ...(isCut ? { isCut } : {}),
        error,
        ...(errorKind ? { errorKind } : {}),
      };
      return redis.buryMessage(
        keyspace.dlq(shard),
        keyspace.dlqEntries(shard),
        keyspace.dlqIds(shard),
        id,
        JSON.stringify(letter),
        formatOwner(id, message.body),
        createEntryDigest(message, status, error),
        shard,
        shards.count,
      );
    },

    async list(filter) {
      if (filter.dlqIds) return { messages: await listNamed(filter.dlqIds, filter.maxBytes) };
      const messages: DlqMessage[] = [];
      let bytes = 0;
      for await (const [id, letter] of search(filter)) {
        const cursor = messages.at(-1)?.dlqId;
        // An entry that is too large for a page has one of its own.
        const isFull = messages.length === filter.count || bytes + (await readViewSize(letter)) > filter.maxBytes;
        if (cursor !== undefined && isFull) return { messages, cursor };
        const view = await formatView(id, letter);
        bytes += countBytes(view);
        messages.push(view);
      }
      return { messages };
    },

    async find(filter) {
      if (filter.dlqIds) return { ids: [...new Set(filter.dlqIds)] };
      const ids: string[] = [];
      for await (const id of needsEntries(filter) ? takeIds(search(filter)) : listIds(filter)) {
        const cursor = ids.at(-1);
        if (cursor !== undefined && ids.length === filter.count) return { ids, cursor };
        ids.push(id);
      }
      return { ids };
    },

    read,
    shardOf,
    remove: remover.remove,

    async get(dlqId) {
      const letter = await read(dlqId);
      return letter && formatView(dlqId, letter);
    },

    expire: remover.expire,
    keys: remover.keys,
  };
}

/** Entries that are read at once, and their bytes; a single one may be larger. */
const readAtOnce = 50;
const readBytesAtOnce = 128 * 1024;

async function* takePieces(ids: AsyncGenerator<string>, size: number): AsyncGenerator<string[]> {
  let piece: string[] = [];
  for await (const id of ids) {
    piece.push(id);
    if (piece.length < size) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

async function* takeIds(entries: AsyncGenerator<[id: string, letter: DeadLetter]>): AsyncGenerator<string> {
  for await (const [id] of entries) yield id;
}

/** As the response has it: text may take several times its length there. */
function countBytes(view: DlqMessage): number {
  return Buffer.byteLength(JSON.stringify(view));
}

/** The dates of a filter are about the time of entering the dead letter queue (contract P44). */
function isMeant(
  { messageId, responseStatus, cause, ...filter }: DlqFilter,
  dlqId: string,
  letter: DeadLetter,
): boolean {
  if (messageId && !messageId.includes(letter.messageId)) return false;
  if (responseStatus && !responseStatus.includes(letter.status)) return false;
  const { message, status, error = '' } = letter;
  if (cause && !listCauses(message.url, status, error).some((one) => cause.includes(one))) return false;
  return matches(filter, letter.message, parseDlqId(dlqId)?.ms);
}
