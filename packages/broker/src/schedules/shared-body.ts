import type { Body } from '@posthorn/shared';
import { endingMs, type BodyStore } from '../engine/shards/body.ts';
import type { Shards } from '../engine/shards/shards.ts';

/**
 * A large body lies in Redis once, for its schedule and for all messages of it. Of these messages, those that have ended
 * or never came to be no longer need it; resolves to the others. Doing it twice changes nothing.
 */
export async function releaseEnded(
  { shards, bodies }: { shards: Shards; bodies: BodyStore },
  body: Body,
  messageIds: readonly string[],
): Promise<string[]> {
  if (body.kind !== 'stored') return [];
  // Not `exists`: something of a canceled message exists for a while.
  const pending = await Promise.all(messageIds.map(async (id) => shards.find(id)?.get(id)));
  await Promise.all(messageIds.filter((_, index) => !pending[index]).map((id) => bodies.release(body, id, endingMs)));
  return messageIds.filter((_, index) => pending[index]);
}

/**
 * Keeps a body for messages that did not exist yet when their schedule was removed and released it for them; those that
 * have ended in the meantime do not need it.
 */
export async function keepForPending(
  parts: { shards: Shards; bodies: BodyStore },
  body: Body,
  messageIds: readonly string[],
): Promise<void> {
  await parts.bodies.hold(body, messageIds);
  await parts.bodies.confirm(body, messageIds);
  await releaseEnded(parts, body, messageIds);
}
