import { failWithoutAttempt, type Begun, type Job } from '@posthorn/broker';
import type { DestinationResponse, Outcome } from '@posthorn/shared';
import type { DeliveryRequest } from '../transport/send.ts';
import type { Content } from './prepare.ts';

/** The steps of an attempt. */
export interface Steps {
  /** Whether the message has taken its dispatchers down too often to be tried again. */
  isPoisoned(job: Job): Promise<boolean>;
  /** Milliseconds for which the message must step aside; 0 when it may go. */
  admit(job: Job): Promise<number>;
  /** Takes the slots that the message needs in its queue and for its flow-control key, and reads its body. */
  begin(job: Job): Promise<Begun>;
  prepare(job: Job, content: Content): DeliveryRequest;
  send(job: Job, request: DeliveryRequest): Promise<DestinationResponse>;
  judge(job: Job, answer: DestinationResponse): Outcome;
  /** Everything that must survive a crash is done when this resolves: it happens before the job ends. */
  finish(job: Job, outcome: Outcome): Promise<Outcome>;
  /** The same for a message to which no attempt can be made. */
  giveUp(job: Job, error: string): Promise<Outcome>;
  /** The attempt is over, however it went. */
  leave(job: Job): void;
}

/** One attempt at one message. Every branch of an attempt is here; the steps only work. */
export async function deliver(job: Job, steps: Steps): Promise<Outcome> {
  if (job.isUnreadable) return steps.giveUp(job, cannotBeRead);
  if (job.crashes > 0 && (await steps.isPoisoned(job))) return steps.giveUp(job, isPoison(job));
  const deferMs = await steps.admit(job);
  if (deferMs > 0) return { kind: 'deferred', delayMs: deferMs };
  try {
    const begun = await steps.begin(job);
    if (!begun.has) return { kind: 'deferred', delayMs: begun.waitMs, inLane: true };
    // Its run has ended, or has gone on without it.
    if ('dropped' in begun) return await steps.finish(job, { ...failWithoutAttempt(begun.dropped), kind: 'canceled' });
    return await steps.finish(job, await attempt(job, begun, steps));
  } finally {
    steps.leave(job);
  }
}

/** The outcome of an attempt. A fault of our own gives back what `begin` took, and costs no retry. */
async function attempt(
  job: Job,
  { header, body }: Extract<Begun, { header: unknown }>,
  steps: Steps,
): Promise<Outcome> {
  if (body === undefined) return failWithoutAttempt(bodyIsGone);
  try {
    return steps.judge(job, await steps.send(job, steps.prepare(job, { header, body })));
  } catch (error) {
    await steps.finish(job, { kind: 'deferred', delayMs: 0 });
    throw error;
  }
}

const isPoison = ({ crashes }: Job) =>
  `not tried again: ${crashes} dispatchers ended while they delivered this message`;

/** It was written by another version, or its data was damaged. */
const cannotBeRead = 'this version cannot read the message; its body is what was stored';

/** It was there before its message was; no later attempt would find it. */
const bodyIsGone = 'the body is not there any more';
