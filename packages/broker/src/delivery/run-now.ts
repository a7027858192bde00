import { PosthornError } from '@posthorn/shared';
import type { Shards } from '../engine/shards/shards.ts';

export interface RunNow {
  /**
   * Delivers at once a message that waits for its time or for a retry. `false` if it does not exist or has ended.
   *
   * @throws {PosthornError} `invalid_request` for a message of a queue, and for the deadline of a step that waits
   */
  runNow(messageId: string): Promise<boolean>;
}

export function createRunNow(shards: Shards): RunNow {
  return {
    async runNow(messageId) {
      const shard = shards.find(messageId);
      const message = (await shard?.get(messageId))?.message;
      if (!shard || !message) return false;
      if (message.queueName !== undefined) {
        throw new PosthornError('invalid_request', `message ${messageId} is in a queue, which delivers in order`);
      }
      if (message.workflow?.kind === 'wait') {
        throw new PosthornError('invalid_request', `message ${messageId} is the deadline of a step that waits`);
      }
      await shard.wake([messageId]);
      return true;
    },
  };
}
