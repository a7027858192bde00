import {
  cutAnswer,
  failedLines,
  isRunJob,
  retryLines,
  type Broker,
  type KeptFailure,
  type Log,
} from '@posthorn/broker';
import type { Failure } from '@posthorn/shared';
import type { SettleOptions, Settlement } from './settle.ts';

/**
 * Carries outcomes of messages of runs out, and leaves all others to the settlement of messages: a run has its own dead
 * letters, callbacks and log.
 */
export function settleRuns(settlement: Settlement, options: SettleOptions): Settlement {
  const { broker, log, maxStoredResponseBytes } = options;
  return {
    async settle(job, outcome) {
      if (!isRunJob(job)) return settlement.settle(job, outcome);
      if (outcome.kind === 'held') return;
      const maxBytes = broker.isFull() ? 0 : maxStoredResponseBytes;
      await broker.workflows.settle(job, outcome, maxBytes);
      const { id, message, retried } = job;
      if (outcome.kind === 'retry') {
        const lines = retryLines(retried, Date.now(), keep(outcome, maxBytes), outcome.delayMs);
        broker.events.failed(id, message, lines, outcome.delayMs);
      } else if (outcome.kind === 'failed') {
        broker.events.ended(id, failedLines(retried, Date.now(), keep(outcome, maxBytes)), message);
      }
      logOutcome(log, job.id, retried, outcome);
    },
    async ended(job, outcome) {
      if (!isRunJob(job)) await settlement.ended(job, outcome);
    },
  };
}

function keep({ error, errorKind, answer }: Failure, maxBytes: number): KeptFailure {
  return { error, errorKind, answer: cutAnswer(answer, maxBytes) };
}

function logOutcome(
  log: Log,
  messageId: string,
  retried: number,
  outcome: Exclude<Parameters<Broker['workflows']['settle']>[1], undefined>,
): void {
  const { status } = outcome.answer;
  const reason = 'error' in outcome ? outcome.error : undefined;
  log.debug({ messageId, attempt: retried + 1, status, reason }, `workflow.attempt-${outcome.kind}`);
}
