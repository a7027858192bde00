import { flowLane, leaseMs, queueLane, type Broker, type Job, type Turn } from '@posthorn/broker';

/** A message's turn in its queue and under its flow-control key (contract D32, D37). */
export interface Turns {
  /** Resolves at once for a message without both. */
  takeTurn(job: Job): Promise<Turn>;
  endTurn(job: Job): Promise<void>;
  /** After the message went to sleep for want of a slot: wakes it if it got one while it was on its way. */
  parked(job: Job): Promise<void>;
  /** After the message has ended: the next one of its queue may start. */
  ended(job: Job): Promise<void>;
  close(): void;
}

export function createTurns({ lanes, shards }: Broker): Turns {
  const running = new Map<string, Job>();
  const timer = setInterval(() => {
    for (const { id, message } of running.values()) {
      // What cannot be renewed now may be in time.
      if (message.flowControl) lanes.renew(flowLane(message.flowControl), id).catch(() => undefined);
    }
  }, leaseMs / 3);

  async function take(step: 'start' | 'join', { id, message }: Job): Promise<Turn> {
    if (message.queueName !== undefined) {
      const turn = await lanes[step](queueLane(message.queueName), id);
      if (!turn.has) return turn;
    }
    return message.flowControl ? lanes[step](flowLane(message.flowControl), id) : { has: true };
  }

  return {
    async takeTurn(job) {
      const turn = await take('start', job);
      if (turn.has && job.message.flowControl) running.set(job.id, job);
      return turn;
    },
    async endTurn({ id, message }) {
      running.delete(id);
      if (message.flowControl) await lanes.end(flowLane(message.flowControl), id);
    },
    async parked(job) {
      if ((await take('join', job)).has) await shards.at(shards.shardOf(job.id) ?? 0).wake([job.id]);
    },
    async ended({ id, message }) {
      const { queueName, holds } = message;
      if (queueName !== undefined) await lanes.leave(queueLane(queueName), id);
      if (holds) await lanes.leave(queueLane(holds.queueName), holds.messageId, id);
    },
    close: () => clearInterval(timer),
  };
}
