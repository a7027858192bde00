import {
  canceledLines,
  deliveredLine,
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

/**
 * Carries an outcome out, before the job ends and under ids that are the same if it is done again: callbacks and the
 * dead letter are awaited, the lines of the log are sent ahead of the job's end on the same connection.
 */
export function createSettle({ broker, log, graceMs, dlqRetentionMs }: SettleOptions) {
  return async (job: Job, outcome: Outcome): Promise<void> => {
    const { id, message, retried } = job;
    if (outcome.kind !== 'held') await broker.callbacks.tellAttempt(job, outcome);
    const now = Date.now();
    const release = (keepMs: number) => broker.bodies.release(message.body, id, keepMs);
    const tellSchedule = (state: 'SUCCESS' | 'FAIL') => broker.schedules.tellEnd(id, message, state);

    switch (outcome.kind) {
      case 'delivered':
        await tellSchedule('SUCCESS');
        broker.events.ended(id, [deliveredLine(now)], message);
        await release(graceMs);
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
        await release(dlqRetentionMs);
        log.info({ messageId: id, attempt: retried + 1, status: answer.status, error, dlqId }, 'message.failed');
        return;
      }
      case 'canceled':
        await tellSchedule('FAIL');
        broker.events.ended(id, canceledLines(retried, now, outcome.error, outcome.answer), message);
        await release(0);
        log.debug({ messageId: id, attempt: retried + 1, status: outcome.answer.status }, 'attempt.canceled');
        return;
      case 'held':
        return;
    }
  };
}
