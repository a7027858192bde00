import type { Log } from '@posthorn/process';
import type { DestinationResponse, Failure, Message, Outcome } from '@posthorn/shared';
import { cutResponse, shortenResponse } from '../engine/log/responses.ts';
import type { LogStore } from '../engine/log/log-store.ts';
import {
  canceledEntries,
  deliveredEntry,
  failedEntries,
  retryEntries,
  type KeptFailure,
} from '../engine/log/log-entries.ts';
import { endingMs, type BodyStore } from '../engine/shards/body.ts';
import type { Delivery } from '../engine/shards/shard.ts';
import type { StatsCounter } from '../views/stats/counter.ts';
import type { Callbacks } from './callbacks.ts';

export interface SettleParts {
  bodies: BodyStore;
  logs: LogStore;
  stats: Pick<StatsCounter, 'settled'>;
  callbacks: Callbacks;
  /** Puts a message into the dead letter queue and gives the id of the entry; doing it twice gives the same id. */
  bury: (delivery: Delivery, failure: KeptFailure) => Promise<string>;
  /** Tells the schedule that made a message, if one did, how it ended. */
  recordScheduleOutcome: (id: string, message: Message, state: 'SUCCESS' | 'FAIL') => Promise<void>;
  /** Whether Redis is full. */
  isFull: () => boolean;
  log: Log;
  graceMs: number;
  dlqRetentionMs: number;
  /** Bytes of the body of a failed attempt's answer that its log and its dead letter keep. */
  maxStoredResponseBytes: number;
}

export interface Settlement {
  /**
   * Carries an outcome out before the message ends in its shard, under ids that are the same if it is repeated. Waits for
   * callbacks and the dead letter. Log entries are sent ahead of that end on the same connection.
   */
  settle(delivery: Delivery, outcome: Outcome): Promise<void>;
  /** Releases the body of a message that has ended in its shard and cannot be delivered again. */
  ended(delivery: Delivery, outcome: Outcome): Promise<void>;
}

export function createSettlement(parts: SettleParts): Settlement {
  const { bodies, logs, stats, callbacks, isFull, log, graceMs, dlqRetentionMs, maxStoredResponseBytes } = parts;

  /** The part of a failure that is kept. While Redis is full, only the status of its response is kept. */
  const keep = ({ error, errorKind, response }: Failure): KeptFailure => ({
    error,
    errorKind,
    response: cutResponse(response, isFull() ? 0 : maxStoredResponseBytes),
  });
  /** A callback carries the whole response, unless Redis is full: it is stored as a message, of each attempt. */
  const limit = (response: DestinationResponse) =>
    isFull() ? shortenResponse(response, maxStoredResponseBytes) : response;

  const settle: Settlement['settle'] = async (delivery, outcome) => {
    if (outcome.kind === 'deferred') return;
    const { id, message, retried } = delivery;
    const response = limit(outcome.response);
    await callbacks.storeCallback(delivery, { ...outcome, response });
    const now = Date.now();
    const keepBody = (keepMs: number) => bodies.release(message.body, id, Math.max(keepMs, endingMs));
    const recordScheduleOutcome = (state: 'SUCCESS' | 'FAIL') => parts.recordScheduleOutcome(id, message, state);
    const { status } = response;

    switch (outcome.kind) {
      case 'delivered':
        await recordScheduleOutcome('SUCCESS');
        logs.ended(id, [deliveredEntry(now, status)], message);
        await keepBody(graceMs);
        log.debug({ messageId: id, attempt: retried + 1, status }, 'attempt.delivered');
        return;
      case 'retry': {
        const { error, delayMs } = outcome;
        logs.failed(id, message, retryEntries(retried, now, keep(outcome), delayMs), delayMs);
        log.debug({ messageId: id, attempt: retried + 1, status, error, delayMs }, 'attempt.retried');
        return;
      }
      case 'failed': {
        const { error: reason, errorKind } = outcome;
        const kept = keep(outcome);
        const dlqId = await parts.bury(delivery, kept);
        await callbacks.storeFailureCallback(delivery, { ...outcome, response }, dlqId);
        await recordScheduleOutcome('FAIL');
        logs.ended(id, failedEntries(retried, now, kept), message);
        await keepBody(dlqRetentionMs);
        log.info(
          { messageId: id, attempt: retried + 1, status, errorKind, ...findOrigin(message.url), dlqId, reason },
          'message.failed',
        );
        return;
      }
      case 'canceled':
        await recordScheduleOutcome('FAIL');
        logs.ended(id, canceledEntries(retried, now, keep(outcome)), message);
        await keepBody(0);
        log.debug({ messageId: id, attempt: retried + 1, status }, 'attempt.canceled');
        return;
    }
  };
  return {
    async settle(delivery, outcome) {
      await settle(delivery, outcome);
      stats.settled(delivery.id, delivery.message, outcome);
    },
    async ended({ id, message }, { kind }) {
      if (kind === 'failed') return;
      await bodies.release(message.body, id, kind === 'delivered' && !isFull() ? graceMs : 0);
    },
  };
}

/** Scheme, host and port: a path, a query or a password may hold secrets. */
function findOrigin(url: string): { origin?: string } {
  return URL.canParse(url) ? { origin: new URL(url).origin } : {};
}
