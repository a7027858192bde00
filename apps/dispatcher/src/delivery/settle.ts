import {
  canceledLines,
  deliveredLine,
  endingMs,
  failedLines,
  retryLines,
  type Broker,
  type Job,
  type Log,
} from '@posthorn/broker';
import type { Outcome } from '@posthorn/shared';

export interface SettleOptions {
  broker: Broker;
  log: Log;
  graceMs: number;
  dlqRetentionMs: number;
}

export interface Settlement {
  /**
   * Carries an outcome out, before the job ends and under ids that are the same if it is done again: callbacks and the
   * dead letter are awaited, the lines of the log are sent ahead of the job's end on the same connection.
   */
  settle(job: Job, outcome: Outcome): Promise<void>;
  /** After the job has ended, so that nobody will deliver it again: frees its body. */
  ended(job: Job, outcome: Outcome): Promise<void>;
}

export function createSettlement({ broker, log, graceMs, dlqRetentionMs }: SettleOptions): Settlement {
  const settle: Settlement['settle'] = async (job, outcome) => {
    const { id, message, retried } = job;
    if (outcome.kind !== 'held') await broker.callbacks.tellAttempt(job, outcome);
    const now = Date.now();
    const keepBody = (keepMs: number) => broker.bodies.release(message.body, id, Math.max(keepMs, endingMs));
    const tellSchedule = (state: 'SUCCESS' | 'FAIL') => broker.schedules.tellEnd(id, message, state);

    switch (outcome.kind) {
      case 'delivered':
        await tellSchedule('SUCCESS');
        broker.events.ended(id, [deliveredLine(now)], message);
        await keepBody(graceMs);
        log.debug({ messageId: id, attempt: retried + 1, status: outcome.answer.status }, 'attempt.delivered');
        return;
      case 'retry': {
        const { answer, error, delayMs } = outcome;
        broker.events.failed(id, message, retryLines(retried, now, error, answer, delayMs), delayMs);
        log.debug({ messageId: id, attempt: retried + 1, status: answer.status, error, delayMs }, 'attempt.retried');
        return;
      }
      case 'failed': {
        const { answer, error } = outcome;
        const dlqId = await broker.dlq.bury(id, message, answer);
        await broker.callbacks.tellFailure(job, answer, dlqId);
        await tellSchedule('FAIL');
        broker.events.ended(id, failedLines(retried, now, error, answer), message);
        await keepBody(dlqRetentionMs);
        log.info({ messageId: id, attempt: retried + 1, status: answer.status, error, dlqId }, 'message.failed');
        return;
      }
      case 'canceled':
        await tellSchedule('FAIL');
        broker.events.ended(id, canceledLines(retried, now, outcome.error, outcome.answer), message);
        await keepBody(0);
        log.debug({ messageId: id, attempt: retried + 1, status: outcome.answer.status }, 'attempt.canceled');
        return;
      case 'held':
        return;
    }
  };
  return {
    settle,
    async ended({ id, message }, { kind }) {
      if (kind === 'failed') return;
      await broker.bodies.release(message.body, id, kind === 'delivered' && !broker.isFull() ? graceMs : 0);
    },
  };
}
