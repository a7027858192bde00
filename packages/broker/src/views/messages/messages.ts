import type { Message, MessageView } from '@posthorn/shared';
import type { EventLog } from '../../engine/log/event-log.ts';
import type { Event } from '../../engine/log/history.ts';
import type { BodyStore } from '../../engine/shards/body.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import { writeMessageView, writeProgress } from './message-view.ts';

/** Messages that have not ended, or ended a short time ago. */
export interface Messages {
  get(messageId: string): Promise<MessageView | undefined>;
}

export interface MessagesParts {
  shards: Shards;
  bodies: BodyStore;
  events: EventLog;
  /** How long a message that has ended can be read. */
  graceMs: number;
}

export function createMessages({ shards, bodies, events, graceMs }: MessagesParts): Messages {
  return {
    async get(messageId) {
      const shard = shards.find(messageId);
      if (!shard) return undefined;
      const [job, history] = await Promise.all([shard.get(messageId), events.read(messageId)]);
      const message = job?.message ?? readEnded(history.events);
      if (!message || message.workflow) return undefined;
      const body = (await bodies.read(message.body)) ?? Buffer.alloc(0);
      return { ...writeMessageView(messageId, message, body), ...writeProgress(job, history.events) };
    },
  };

  /** A message that has ended is in the log alone, where it may be found for a grace time. */
  function readEnded(history: readonly Event[]): Message | undefined {
    const last = history.at(-1);
    const hasEnded = last?.state === 'DELIVERED' || last?.state === 'FAILED';
    return hasEnded && last.time + graceMs >= Date.now() ? last.message : undefined;
  }
}
