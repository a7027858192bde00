import type { Message, MessageView } from '@posthorn/shared';
import type { EventLog } from '../events/event-log.ts';
import type { Shards } from '../shards/shards.ts';
import { inlineBytes, type BodyStore } from '../shards/body.ts';
import { writeMessageView } from './message-view.ts';

/** Messages that have not ended, or ended a short time ago. */
export interface Messages {
  get(messageId: string): Promise<MessageView | undefined>;
}

export function createMessages(shards: Shards, bodies: BodyStore, events: EventLog, graceMs: number): Messages {
  return {
    async get(messageId) {
      const shard = shards.shardOf(messageId);
      if (shard === undefined) return undefined;
      const job = await shards.at(shard).get(messageId);
      const message = job?.message ?? (await readEnded(shard, messageId));
      if (!message) return undefined;
      const { body } = message;
      const bytes = inlineBytes(body) ?? (body.kind === 'stored' ? await readStored(body.key) : undefined);
      return writeMessageView(messageId, message, bytes ?? Buffer.alloc(0));
    },
  };

  /** A message that has ended is in the log alone, where it may be found for a grace time. */
  async function readEnded(shard: number, messageId: string): Promise<Message | undefined> {
    const last = (await events.read(shard, messageId)).at(-1);
    const hasEnded = last?.state === 'DELIVERED' || last?.state === 'FAILED';
    return hasEnded && last.time + graceMs >= Date.now() ? last.message : undefined;
  }

  async function readStored(key: string): Promise<Buffer | undefined> {
    const shard = shards.shardOf(key);
    return shard === undefined ? undefined : bodies.get(shard, key);
  }
}
