import { hidePassword, PosthornError, type Message, type Published } from '@posthorn/shared';
import { deriveId } from '../engine/shards/derive-id.ts';
import type { AcceptParts } from './accept.ts';
import { parseRevision, revise, type Revision } from './revise.ts';
import { startDeadline } from './deadline.ts';
import { ensureQueues } from './publish.ts';
import { requireStored, store, type Draft, type StoreParts } from './store.ts';
import type { Queues } from '../views/queues/queues.ts';
import type { DeadLetter, Dlq } from '../views/dlq/dlq.ts';

export interface RetryParts extends AcceptParts, StoreParts {
  dlq: Dlq;
  queues: Queues;
}

/** A retry that is done again after a crash makes the same message; it is not stored twice within this time. */
const rememberedMs = 600_000;

/**
 * Publishes dead letters again as new messages, and removes them: first the one, then the other, so that no message is
 * lost (contract L14). `undefined`, and nothing is done, if one of them does not exist. A large body
 * is neither read nor copied: the new message shares it with the old one, whose entry is then removed.
 *
 * @param headers options for the new messages; what they do not say stays as it was
 * @throws what is wrong with the options, and Redis' own errors
 */
export async function retryDeadLetters(
  parts: RetryParts,
  dlqIds: readonly string[],
  headers: readonly string[],
): Promise<Published[] | undefined> {
  const { bodies, dlq, queues, shards } = parts;
  const letters = await readLetters(parts, dlqIds);
  if (!letters) return undefined;
  if (letters.length === 0) return [];
  const revision = parseRevision(headers);
  const messages = letters.map((letter, index) => {
    const dlqId = dlqIds[index] ?? '';
    return { ...reviseLetter(parts, dlqId, letter, revision), shard: dlq.shardOf(dlqId) };
  });
  await inTime(
    ensureQueues(
      queues,
      messages.map(({ message }) => message.queueName),
    ),
  );
  await inPieces(messages, async ({ id, message }, index) => {
    if (!(await bodies.hold(message.body, [id]))) throw bodyIsGone(dlqIds[index] ?? '');
  });

  const drafts: Draft[] = messages.map(({ id, shard, message }) => ({
    isGroup: false,
    bytes: noBytes,
    messages: [{ id, shard, once: { key: id, forMs: rememberedMs }, message }],
  }));
  requireStored((await inTime(store(parts, drafts))).flat());
  await inPieces(messages, async ({ id, shard, message }) => {
    // This call may be a repetition, and the message may have ended since: it must not hold its body for ever.
    const hasEnded = message.body.kind === 'stored' && !(await shards.at(shard).exists(id));
    if (hasEnded) await bodies.release(message.body, id, 0);
  });
  await inTime(noteRetries(parts, messages));
  await inTime(dlq.remove(dlqIds));
  return messages.map(({ id, message }) => ({ messageId: id, url: hidePassword(message.url) }));
}

/** The entries with these ids; `undefined` if one of them does not exist. */
async function readLetters(
  { bodies, dlq }: Pick<RetryParts, 'bodies' | 'dlq'>,
  dlqIds: readonly string[],
): Promise<DeadLetter[] | undefined> {
  const letters = await inPieces(dlqIds, async (dlqId) => {
    const letter = await dlq.read(dlqId);
    return letter && { letter, hasBody: await bodies.exists(letter.message.body) };
  });
  const found: DeadLetter[] = [];
  for (const [index, one] of letters.entries()) {
    if (!one) return undefined;
    if (!one.hasBody) throw bodyIsGone(dlqIds[index] ?? '');
    found.push(one.letter);
  }
  return found;
}

/** Entries that are worked on at once; each may be large. */
const atOnce = 50;

/** Results in the order of the items. Each piece has its time: many take longer than a single one may. */
async function inPieces<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += atOnce) {
    const piece = items.slice(from, from + atOnce).map((item, index) => work(item, from + index));
    results.push(...(await inTime(Promise.all(piece))));
  }
  return results;
}

/** @throws {PosthornError} `unavailable` when Redis is late for this part of a retry */
function inTime<T>(work: Promise<T>): Promise<T> {
  return startDeadline().limit(work);
}

/** The log of a dead message names the message that a retry has made of it; without a log there is nothing to note. */
async function noteRetries({ logs }: RetryParts, messages: readonly { id: string; message: Message }[]): Promise<void> {
  await Promise.all(messages.map(({ id, message }) => logs.noteRetry(message.retryOf ?? '', id)));
}

/** All bytes of these messages are stored already. */
const noBytes = Buffer.alloc(0);

/** A dead letter as the message that it becomes. */
function reviseLetter(
  parts: RetryParts,
  dlqId: string,
  { messageId, message: { body, ...message } }: DeadLetter,
  revision: Revision,
): { id: string; message: Message } {
  const id = deriveId(messageId, `retry:${dlqId}`);
  return { id, message: { ...revise(parts, message, revision), body, retryOf: messageId } };
}

function bodyIsGone(dlqId: string): PosthornError {
  return new PosthornError('not_found', `the body of dlq message ${dlqId} is not there (any more)`);
}
