import { hidePassword, type MessageSummary } from '@posthorn/shared';
import type { LogEntry } from '../../engine/log/log-entries.ts';
import { listAttempts } from './attempts.ts';

/**
 * A message in a list.
 *
 * @param entries its log, oldest entry first; `undefined` is given for an empty one
 */
export function formatSummary(entries: readonly LogEntry[], dlqId?: string): MessageSummary | undefined {
  const last = entries.at(-1);
  if (!last) return undefined;
  const { message, messageId, state, time } = last;
  const { method, topicName, endpointName, queueName, scheduleId, flowControl, labels, createdAt, maxRetries } =
    message;
  const attempts = listAttempts(entries);
  const attempt = attempts.at(-1);
  const error = state === 'DELIVERED' ? undefined : entries.findLast((entry) => entry.error !== undefined)?.error;
  return {
    messageId,
    state,
    url: hidePassword(message.url),
    method,
    ...(topicName ? { topicName } : {}),
    ...(endpointName ? { endpointName } : {}),
    ...(queueName === undefined ? {} : { queueName }),
    ...(scheduleId ? { scheduleId } : {}),
    ...(flowControl ? { flowControlKey: flowControl.key } : {}),
    ...(labels && labels.length > 0 ? { labels } : {}),
    createdAt,
    updatedAt: time,
    attempts: attempts.length,
    maxRetries,
    ...(attempt?.responseStatus === undefined ? {} : { responseStatus: attempt.responseStatus }),
    ...(error === undefined ? {} : { error }),
    ...(attempt?.durationMs === undefined ? {} : { durationMs: attempt.durationMs }),
    ...(last.nextDeliveryTime === undefined ? {} : { nextDeliveryTime: last.nextDeliveryTime }),
    ...(dlqId === undefined ? {} : { dlqId }),
  };
}
