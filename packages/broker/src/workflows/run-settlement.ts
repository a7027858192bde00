import type { Log } from '@posthorn/process';
import type { Failure, Outcome } from '@posthorn/shared';
import { isRunDelivery, type RunDelivery } from '../delivery/run-attempts.ts';
import type { Settlement } from '../delivery/settle.ts';
import { cutResponse } from '../engine/log/responses.ts';
import type { LogStore } from '../engine/log/log-store.ts';
import { failedEntries, retryEntries, type KeptFailure } from '../engine/log/log-entries.ts';

export interface RunSettlementParts {
  logs: LogStore;
  log: Log;
  /** Whether Redis is full. */
  isFull: () => boolean;
  /** Bytes of the body of a failed attempt's answer that are kept. */
  maxStoredResponseBytes: number;
  /** Carries an outcome out for the run of the message. */
  settleRun: (
    delivery: RunDelivery,
    outcome: Exclude<Outcome, { kind: 'deferred' }>,
    maxStoredBytes: number,
    maxResultBytes: number,
  ) => Promise<void>;
}

/**
 * Carries outcomes of messages of runs out, and leaves all others to the settlement of messages: a run has its own dead
 * letters, callbacks and log.
 */
export function createRunSettlement(others: Settlement, parts: RunSettlementParts): Settlement {
  const { logs, log, isFull, maxStoredResponseBytes, settleRun } = parts;
  return {
    async settle(delivery, outcome) {
      if (!isRunDelivery(delivery)) return others.settle(delivery, outcome);
      if (outcome.kind === 'deferred') return;
      // The result of a call carries the whole response, as callbacks do, unless Redis is full.
      const [maxBytes, maxResultBytes] = isFull() ? [0, maxStoredResponseBytes] : [maxStoredResponseBytes, Infinity];
      await settleRun(delivery, outcome, maxBytes, maxResultBytes);
      const { id, message, retried } = delivery;
      const now = Date.now();
      if (outcome.kind === 'retry') {
        logs.failed(id, message, retryEntries(retried, now, keep(outcome, maxBytes), outcome.delayMs), outcome.delayMs);
      } else if (outcome.kind === 'failed') {
        logs.ended(id, failedEntries(retried, now, keep(outcome, maxBytes)), message);
      }
      const { status } = outcome.response;
      const reason = 'error' in outcome ? outcome.error : undefined;
      log.debug({ messageId: id, attempt: retried + 1, status, reason }, `workflow.attempt-${outcome.kind}`);
    },
    async ended(delivery, outcome) {
      if (!isRunDelivery(delivery)) await others.ended(delivery, outcome);
    },
  };
}

function keep({ error, errorKind, response }: Failure, maxBytes: number): KeptFailure {
  return { error, errorKind, response: cutResponse(response, maxBytes) };
}
