import type { Answer, DlqMessage, Message } from '@posthorn/shared';
import { writeBytes, writeMessageView } from '../messages/message-view.ts';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { inlineBytes, type BodyStore } from '../shards/body.ts';
import type { Shards } from '../shards/shards.ts';

/** What lies in the dead letter queue: the message as it was, and the last answer of its destination. */
interface DeadLetter {
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
  /** Entries in the order of their failure, and where to go on if there are more. */
  list(cursor: string | undefined, count: number): Promise<{ messages: DlqMessage[]; cursor?: string }>;
  get(dlqId: string): Promise<DlqMessage | undefined>;
}

export function createDlq(redis: RedisConnection, shards: Shards, bodies: BodyStore, retentionMs: number): Dlq {
  const shardOf = (dlqId: string) => (readDlqId(dlqId)?.n ?? 0) % shards.count;

  async function read(dlqId: string): Promise<DlqMessage | undefined> {
    const text = await redis.hget(keyspace.dlqEntries(shardOf(dlqId)), dlqId);
    return text ? writeView(dlqId, JSON.parse(text) as DeadLetter) : undefined;
  }

  async function writeView(dlqId: string, letter: DeadLetter): Promise<DlqMessage> {
    const { body } = letter.message;
    const stored = body.kind === 'stored' ? await bodies.get(shards.shardOf(body.key) ?? 0, body.key) : undefined;
    return {
      ...writeMessageView(letter.messageId, letter.message, inlineBytes(body) ?? stored ?? Buffer.alloc(0)),
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

    async list(cursor, count) {
      const after = cursor === undefined ? undefined : readDlqId(cursor);
      const oldest = Math.max(Date.now() - retentionMs, after?.ms ?? 0);
      const perShard = await Promise.all(
        Array.from({ length: shards.count }, (_, shard) =>
          // One more than asked for tells whether there are more; entries of the cursor's own millisecond may be behind it.
          redis.zrangebyscore(keyspace.dlq(shard), oldest, '+inf', 'LIMIT', 0, count + 1 + (after ? 10 : 0)),
        ),
      );
      const ids = perShard
        .flat()
        .filter((id) => !after || compareDlqIds(id, cursor ?? '') > 0)
        .sort(compareDlqIds);
      const page = ids.slice(0, count);
      const messages = (await Promise.all(page.map(read))).filter((entry) => entry !== undefined);
      const last = page.at(-1);
      return ids.length > page.length && last ? { messages, cursor: last } : { messages };
    },

    async get(dlqId) {
      const parsed = readDlqId(dlqId);
      return parsed && parsed.ms >= Date.now() - retentionMs ? read(dlqId) : undefined;
    },
  };
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
