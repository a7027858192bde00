import { createHash } from 'node:crypto';
import { deriveMessageId, PosthornError, type Published } from '@posthorn/shared';
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
  const drafts: Draft[] = [];
  for (const dlqId of dlqIds) {
    const letter = await parts.dlq.read(dlqId);
    if (!letter) return undefined;
    drafts.push(await draft(parts, dlqId, letter, headers));
  }
  for (const { messages } of drafts) {
    const queue = messages[0]?.message.queueName;
    if (queue !== undefined) await parts.queues.ensure(queue);
  }
  const results = (await store(parts, drafts)).flat();
  for (const result of results) if ('error' in result) throw result.error;
  await parts.dlq.remove(dlqIds);
  return drafts.flatMap(({ messages }) => messages.map(({ id, message }) => ({ messageId: id, url: message.url })));
}

async function draft(
  parts: RetryParts,
  dlqId: string,
  { messageId, message }: DeadLetter,
  headers: readonly string[],
): Promise<Draft> {
  const { shards, bodies } = parts;
  const { body, ...rest } = message;
  const id = deriveMessageId(messageId, createHash('sha256').update(`retry:${dlqId}`).digest());
  const bytes = await bodies.read(body);
  if (!bytes) throw new PosthornError('not_found', `the body of dlq message ${dlqId} is not there (any more)`);
  return {
    isGroup: false,
    bytes,
    messages: [
      {
        id,
        shard: shards.shardOf(id) ?? 0,
        once: { key: id, forMs: rememberedMs },
        message: { ...revise(parts, rest, headers), ...(body.kind === 'stored' ? {} : { body }) },
      },
    ],
  };
}
