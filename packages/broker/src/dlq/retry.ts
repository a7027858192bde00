import { createHash } from 'node:crypto';
import { deriveMessageId, PosthornError, type Body, type Message, type Published } from '@posthorn/shared';
import { revise, type AcceptParts } from '../publish/accept.ts';
import { store, type Draft, type StoreParts } from '../publish/store.ts';
import type { Queues } from '../queues/queues.ts';
import type { DeadLetter, Dlq } from './dlq.ts';

export interface RetryParts extends AcceptParts, StoreParts {
  dlq: Dlq;
  queues: Queues;
}

/** A retry that is done again after a crash makes the same message; it is not stored twice within this time. */
const rememberedMs = 600_000;
/** Bytes of large bodies after which those that were read are stored before others are read. */
const mostBytes = 8 * 1024 * 1024;

/**
 * Publishes dead letters again as new messages, and removes them: first the one, then the other, so that no message is
 * lost (contract, delivery.md section 13). `undefined`, and nothing is done, if one of them does not exist.
 *
 * @param headers options for the new messages; what they do not say stays as it was
 * @throws what is wrong with the options, and Redis' own errors
 */
export async function retryDeadLetters(
  parts: RetryParts,
  dlqIds: readonly string[],
  headers: readonly string[],
): Promise<Published[] | undefined> {
  const revised: Revised[] = [];
  for (const dlqId of dlqIds) {
    const letter = await parts.dlq.read(dlqId);
    if (!letter) return undefined;
    if (!(await parts.bodies.exists(letter.message.body))) throw bodyIsGone(dlqId);
    revised.push(reviseLetter(parts, dlqId, letter, headers));
  }
  for (const { message } of revised) if (message.queueName !== undefined) await parts.queues.ensure(message.queueName);
  for (let from = 0; from < revised.length;) {
    const drafts = await readDrafts(parts, revised.slice(from));
    for (const result of (await store(parts, drafts)).flat()) if ('error' in result) throw result.error;
    from += drafts.length;
  }
  await parts.dlq.remove(dlqIds);
  return revised.map(({ id, message }) => ({ messageId: id, url: message.url }));
}

/** A dead letter as the message that it becomes; large bytes are not read yet. */
interface Revised {
  dlqId: string;
  id: string;
  message: Omit<Message, 'body'>;
  body: Body;
}

function reviseLetter(
  parts: RetryParts,
  dlqId: string,
  { messageId, message }: DeadLetter,
  headers: readonly string[],
): Revised {
  const { body, ...rest } = message;
  const id = deriveMessageId(messageId, createHash('sha256').update(`retry:${dlqId}`).digest());
  return { dlqId, id, message: revise(parts, rest, headers), body };
}

/** The first of these with their bytes, as many as may be in memory and on their way to Redis at once. */
async function readDrafts({ shards, bodies }: RetryParts, revised: readonly Revised[]): Promise<Draft[]> {
  const drafts: Draft[] = [];
  let size = 0;
  for (const { dlqId, id, message, body } of revised) {
    const isStored = body.kind === 'stored';
    const bytes = isStored ? await bodies.read(body) : Buffer.alloc(0);
    if (!bytes) throw bodyIsGone(dlqId);
    const once = { key: id, forMs: rememberedMs };
    const messages = [{ id, shard: shards.shardOf(id) ?? 0, once, message: isStored ? message : { ...message, body } }];
    drafts.push({ isGroup: false, bytes, messages });
    size += bytes.length;
    if (size >= mostBytes) break;
  }
  return drafts;
}

function bodyIsGone(dlqId: string): PosthornError {
  return new PosthornError('not_found', `the body of dlq message ${dlqId} is not there (any more)`);
}
