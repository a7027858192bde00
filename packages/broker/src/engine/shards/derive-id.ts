import { createHash } from 'node:crypto';
import { deriveMessageId } from '@posthorn/shared';

/** The id of a message that another message causes, in the same shard. Made again after a crash, it is the same. */
export function deriveId(sourceId: string, cause: string): string {
  return deriveMessageId(sourceId, createHash('sha256').update(cause).digest());
}

/**
 * The id of a callback of a message.
 *
 * @param cause `<retried>:<outcome>` for the callback of an attempt, `failure` for the failure callback
 */
export function deriveCallbackId(sourceId: string, cause: string): string {
  return deriveId(sourceId, `${sourceId}:${cause}`);
}
