import { failWithoutAttempt, type Begun, type Delivery } from '@posthorn/broker';
import type { DestinationResponse, Outcome } from '@posthorn/shared';
import type { DeliveryRequest } from '../transport/send.ts';
import type { Content } from './prepare.ts';

/** The steps of an attempt. */
export interface Steps {
  /** Whether the message has taken its dispatchers down too often to be tried again. */
  isPoisoned(delivery: Delivery): Promise<boolean>;
  /** Milliseconds for which the message must step aside; 0 when it may go. */
  admit(delivery: Delivery): Promise<number>;
  /** Takes the slots that the message needs in its queue and for its flow-control key, and reads its body. */
  begin(delivery: Delivery): Promise<Begun>;
  prepare(delivery: Delivery, content: Content): DeliveryRequest;
  send(delivery: Delivery, request: DeliveryRequest): Promise<DestinationResponse>;
  judge(delivery: Delivery, response: DestinationResponse): Outcome;
  /** Everything that must survive a crash is done when this resolves: it happens before the message ends. */
  finish(delivery: Delivery, outcome: Outcome): Promise<Outcome>;
  /** The same for a message to which no attempt can be made. */
  giveUp(delivery: Delivery, error: string): Promise<Outcome>;
  /** The attempt is over, however it went. */
  leave(delivery: Delivery): void;
}

/** One attempt at one message. Every branch of an attempt is here; the steps only work. */
export async function deliver(delivery: Delivery, steps: Steps): Promise<Outcome> {
  if (delivery.isUnreadable) return steps.giveUp(delivery, cannotBeRead);
  if (delivery.crashes > 0 && (await steps.isPoisoned(delivery))) return steps.giveUp(delivery, isPoison(delivery));
  const deferMs = await steps.admit(delivery);
  if (deferMs > 0) return { kind: 'deferred', delayMs: deferMs };
  try {
    const begun = await steps.begin(delivery);
    if (!begun.has) return { kind: 'deferred', delayMs: begun.waitMs, inLane: true };
    // Its run has ended, or has gone on without it.
    if ('dropped' in begun) {
      return await steps.finish(delivery, { ...failWithoutAttempt(begun.dropped), kind: 'canceled' });
    }
    return await steps.finish(delivery, await attempt(delivery, begun, steps));
  } finally {
    steps.leave(delivery);
  }
}

/** The outcome of an attempt. A fault of our own gives back what `begin` took, and costs no retry. */
async function attempt(
  delivery: Delivery,
  { header, body }: Extract<Begun, { header: unknown }>,
  steps: Steps,
): Promise<Outcome> {
  if (body === undefined) return failWithoutAttempt(bodyIsGone);
  try {
    return steps.judge(delivery, await steps.send(delivery, steps.prepare(delivery, { header, body })));
  } catch (error) {
    await steps.finish(delivery, { kind: 'deferred', delayMs: 0 });
    throw error;
  }
}

const isPoison = ({ crashes }: Delivery) =>
  `not tried again: ${crashes} dispatchers ended while they delivered this message`;

/** It was written by another version, or its data was damaged. */
const cannotBeRead = 'this version cannot read the message; its body is what was stored';

/** It was there before its message was; no later attempt would find it. */
const bodyIsGone = 'the body is not there any more';
