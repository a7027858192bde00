import type { HeaderMap, Outcome, RunMessage } from '@posthorn/shared';
import type { Delivery } from '../engine/shards/shard.ts';

/** A message of a run of a workflow. */
export type RunDelivery = Delivery & { message: { workflow: RunMessage } };

export function isRunDelivery(delivery: Delivery): delivery is RunDelivery {
  return delivery.message.workflow !== undefined;
}

/** What is sent for a message of a run; or why nothing is sent, which is no fault of the message. */
export type Composed = { header: HeaderMap; body: Buffer | string } | { dropped: string };

/** What is different in an attempt at a message of a run. `workflows/` implements it, which comes after this folder. */
export interface RunAttempts {
  /** Headers and body from the log of the run. */
  compose(delivery: RunDelivery): Promise<Composed>;
  /** Changes an outcome to what it means for the run. */
  judge(delivery: RunDelivery, outcome: Outcome): Promise<Outcome>;
}
