import { flowLane, leaseMs, queueLane, type Lanes, type Slot } from '../engine/lanes/lanes.ts';
import type { Delivery } from '../engine/shards/shard.ts';
import type { Shards } from '../engine/shards/shards.ts';

/** The slots that an attempt needs: in the queue of its message, and for its flow-control key. */
export interface Slots {
  /** Takes both; resolves at once for a message without queue and key. */
  acquire(delivery: Delivery): Promise<Slot>;
  /** The attempt is over: gives back the slot of the key. That of the queue is for the life of the message. */
  release(delivery: Delivery): Promise<void>;
  /** To be called after the message was put to sleep without a slot: wakes it if it was granted one in the meantime. */
  recheck(delivery: Delivery): Promise<void>;
  close(): void;
}

/** Leases are renewed as long as an attempt has its slots. */
export function createSlots(lanes: Lanes, shards: Shards): Slots {
  const running = new Map<string, Delivery>();
  const timer = setInterval(() => {
    for (const { id, message } of running.values()) {
      // A renewal that fails now may succeed the next time, before the lease is over.
      if (message.flowControl) lanes.renew(flowLane(message.flowControl), id).catch(() => undefined);
    }
  }, leaseMs / 3);

  async function take(step: 'acquire' | 'enter', { id, message }: Delivery): Promise<Slot> {
    if (message.queueName !== undefined) {
      const slot = await lanes[step](queueLane(message.queueName), id);
      if (!slot.has) return slot;
    }
    const { flowControl } = message;
    if (!flowControl) return { has: true };
    const lane = flowLane(flowControl);
    return step === 'acquire' ? lanes.acquire(lane, id, flowControl) : lanes.enter(lane, id);
  }

  return {
    async acquire(delivery) {
      const slot = await take('acquire', delivery);
      if (slot.has && delivery.message.flowControl) running.set(delivery.id, delivery);
      return slot;
    },
    async release({ id, message }) {
      running.delete(id);
      if (message.flowControl) await lanes.release(flowLane(message.flowControl), id);
    },
    async recheck(delivery) {
      if ((await take('enter', delivery)).has) await shards.find(delivery.id)?.wake([delivery.id]);
    },
    close: () => clearInterval(timer),
  };
}
