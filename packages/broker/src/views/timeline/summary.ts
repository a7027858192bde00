import { hidePassword, type MessageSummary } from '@posthorn/shared';
import type { Event } from '../../engine/log/history.ts';
import { listAttempts } from './attempts.ts';

/**
 * A message in a list.
 *
 * @param events its log, oldest entry first; `undefined` is given for an empty one
 */
export function formatSummary(events: readonly Event[], dlqId?: string): MessageSummary | undefined {
  const last = events.at(-1);
  if (!last) return undefined;
  const { message, messageId, state, time } = last;
  const { method, topicName, endpointName, queueName, scheduleId, flowControl, labels, createdAt, maxRetries } =
    message;
  const attempts = listAttempts(events);
  const attempt = attempts.at(-1);
  const error = state === 'DELIVERED' ? undefined : events.findLast((event) => event.error !== undefined)?.error;
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
