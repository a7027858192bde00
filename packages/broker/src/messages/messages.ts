import type { MessageView } from '@posthorn/shared';
import type { Shards } from '../shards/shards.ts';
import { inlineBytes, type BodyStore } from '../shards/body.ts';
import { writeMessageView } from './message-view.ts';

/** Messages that have not ended, or ended a short time ago. */
export interface Messages {
  get(messageId: string): Promise<MessageView | undefined>;
}

export function createMessages(shards: Shards, bodies: BodyStore, graceMs: number): Messages {
  return {
    async get(messageId) {
      const shard = shards.shardOf(messageId);
      if (shard === undefined) return undefined;
      const job = await shards.at(shard).get(messageId);
      // BullMQ forgets ended jobs only when other jobs end, so their age is looked at here too.
      if (!job || (job.endedAt && job.endedAt + graceMs < Date.now())) return undefined;
      const { body } = job.message;
      const bytes = inlineBytes(body) ?? (body.kind === 'stored' ? await readStored(body.key) : undefined);
      return writeMessageView(messageId, job.message, bytes ?? Buffer.alloc(0));
    },
  };

  async function readStored(key: string): Promise<Buffer | undefined> {
    const shard = shards.shardOf(key);
    return shard === undefined ? undefined : bodies.get(shard, key);
  }
}
