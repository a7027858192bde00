import type { Message, MessageView } from '@posthorn/shared';
import type { LogStore } from '../../engine/log/log-store.ts';
import type { LogEntry } from '../../engine/log/log-entries.ts';
import type { BodyStore } from '../../engine/shards/body.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import { formatMessageView, formatProgress } from './message-view.ts';

/** Messages that have not ended, or ended a short time ago. */
export interface Messages {
  get(messageId: string): Promise<MessageView | undefined>;
}

export interface MessagesParts {
  shards: Shards;
  bodies: BodyStore;
  logs: LogStore;
  /** How long a message that has ended can be read. */
  graceMs: number;
}

export function createMessages({ shards, bodies, logs, graceMs }: MessagesParts): Messages {
  return {
    async get(messageId) {
      const shard = shards.find(messageId);
      if (!shard) return undefined;
      const [delivery, log] = await Promise.all([shard.get(messageId), logs.read(messageId)]);
      const message = delivery?.message ?? readEnded(log.entries);
      if (!message || message.workflow) return undefined;
      const body = (await bodies.read(message.body)) ?? Buffer.alloc(0);
      return { ...formatMessageView(messageId, message, body), ...formatProgress(delivery, log.entries) };
    },
  };

  /** A message that has ended is in the log alone, where it may be found for a grace time. */
  function readEnded(entries: readonly LogEntry[]): Message | undefined {
    const last = entries.at(-1);
    const hasEnded = last?.state === 'DELIVERED' || last?.state === 'FAILED';
    return hasEnded && last.time + graceMs >= Date.now() ? last.message : undefined;
  }
}
