import type { Job, Standing, Turn } from '@posthorn/broker';
import type { Answer, Outcome } from '@posthorn/shared';
import type { DeliveryRequest } from '../transport/send.ts';
import type { Dropped } from './prepare.ts';

/** What an attempt is made of. */
export interface Steps {
  /** Whether the message has taken its dispatchers down too often to be tried again. */
  isPoisoned(job: Job): boolean;
  /** Milliseconds for which the message must step aside; 0 when it may go. */
  admit(job: Job): Promise<number>;
  /** Takes the slots that the message needs in its queue and for its flow-control key. */
  takeTurn(job: Job): Promise<Turn>;
  /** Gives back the slot of the flow-control key. */
  endTurn(job: Job): Promise<void>;
  /** `undefined` when the stored body is not there. */
  prepare(job: Job): Promise<DeliveryRequest | Dropped | undefined>;
  send(job: Job, request: DeliveryRequest): Promise<Answer>;
  judge(job: Job, answer: Answer): Outcome | Promise<Outcome>;
  standing(job: Job): Promise<Standing>;
  /** Everything that must survive a crash is done when this resolves: it happens before the job ends. */
  settle(job: Job, outcome: Outcome): Promise<void>;
  /** The attempt is over, however it went. */
  leave(job: Job): void;
}

/** One attempt at one message. Every branch of an attempt is here; the steps only work. */
export async function deliver(job: Job, steps: Steps): Promise<Outcome> {
  if (job.isUnreadable) return giveUp(job, steps, cannotBeRead);
  if (steps.isPoisoned(job)) return giveUp(job, steps, isPoison(job));
  const heldMs = await steps.admit(job);
  if (heldMs > 0) return { kind: 'held', delayMs: heldMs };
  try {
    const turn = await steps.takeTurn(job);
    if (!turn.has) return { kind: 'held', delayMs: turn.waitMs, inLane: true };
    return await attempt(job, steps);
  } finally {
    steps.leave(job);
  }
}

async function attempt(job: Job, steps: Steps): Promise<Outcome> {
  try {
    const request = await steps.prepare(job);
    if (request && 'dropped' in request) return { ...withoutAttempt(request.dropped), kind: 'canceled' };
    const judged = request ? await steps.judge(job, await steps.send(job, request)) : withoutAttempt(bodyIsGone);
    const outcome = judged.kind === 'retry' || judged.kind === 'failed' ? await reconsider(job, judged, steps) : judged;
    await steps.settle(job, outcome);
    return outcome;
  } finally {
    await steps.endTurn(job);
  }
}

/** A failure counts only for a message that is still wanted, and still ours. */
async function reconsider(
  job: Job,
  judged: Extract<Outcome, { kind: 'retry' | 'failed' }>,
  steps: Steps,
): Promise<Outcome> {
  switch (await steps.standing(job)) {
    case 'ours':
      return judged;
    case 'canceled':
      return { ...judged, kind: 'canceled' };
    case 'lost':
      // This process stood still for longer than its lock. Whoever has the message tells its end, or has told it.
      return { kind: 'held', delayMs: 0 };
  }
}

async function giveUp(job: Job, steps: Steps, error: string): Promise<Outcome> {
  const outcome = withoutAttempt(error);
  try {
    await steps.settle(job, outcome);
    return outcome;
  } finally {
    await steps.endTurn(job);
  }
}

const isPoison = ({ crashes }: Job) =>
  `not tried again: ${crashes} dispatchers ended while they delivered this message`;

/** Whoever wrote it was of another version, or its data was damaged. */
const cannotBeRead = 'this version cannot read the message; its body is what was stored';

/** It was there before its message was; no later attempt would find it. */
const bodyIsGone = 'the body is not there any more';

/** The end of a message to which no request can be made. */
function withoutAttempt(error: string): Extract<Outcome, { kind: 'failed' }> {
  return { kind: 'failed', error, answer: { status: 0, header: {}, body: new Uint8Array(), error } };
}
