import type { Message } from '@posthorn/shared';
import { flowLane, queueLane, type Lanes } from '../engine/lanes/lanes.ts';
import type { BodyStore } from '../engine/shards/body.ts';

/** What a message holds until its end: the bytes of its body, its slots, and its part in the slot of another message. */
export interface Holdings {
  /** Frees all of it, for a message that no worker has: it was canceled. */
  freeAll(id: string, message: Message): Promise<void>;
  /** Frees what a message keeps until it has ended in its shard, so that the next one of its queue may start. */
  freeAfterEnd(id: string, message: Message): Promise<void>;
}

/** Whether the end of the message frees anything. Most messages hold nothing. */
export function holdsAnything({ queueName, holds, body }: Message): boolean {
  return queueName !== undefined || holds !== undefined || body.kind === 'stored';
}

export function createHoldings(lanes: Lanes, bodies: BodyStore): Holdings {
  async function freeAfterEnd(id: string, { queueName, holds }: Message): Promise<void> {
    if (queueName !== undefined) await lanes.leave(queueLane(queueName), id);
    if (holds) await lanes.leave(queueLane(holds.queueName), holds.messageId, id);
  }
  return {
    freeAfterEnd,
    async freeAll(id, message) {
      await bodies.release(message.body, id, 0);
      if (message.flowControl) await lanes.leave(flowLane(message.flowControl), id);
      await freeAfterEnd(id, message);
    },
  };
}
