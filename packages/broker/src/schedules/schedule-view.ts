import type { Message, Schedule } from '@posthorn/shared';
import { formatHeader, formatMessageFields } from '../engine/log/message-fields.ts';
import { formatBytes } from '../views/messages/message-view.ts';
import type { ScheduleState } from './schedule.ts';

/**
 * A schedule as a caller sees it (contract O8): empty fields are left out.
 *
 * @param bytes the body; `undefined` when there is one that is not shown
 */
export function formatScheduleView(scheduleId: string, schedule: ScheduleState, bytes: Buffer | undefined): Schedule {
  const { cron, destination, timeoutMs, ...definition } = schedule.definition;
  const { lastAt, error } = schedule;
  const message: Message = {
    ...definition.message,
    url: destination.kind === 'url' ? destination.url : destination.name,
  };
  const { url, maxRetries, ...fields } = formatMessageFields(message);
  const delayMs = message.notBefore - message.createdAt;
  return {
    ...fields,
    scheduleId,
    cron,
    destination: url,
    createdAt: message.createdAt,
    retries: maxRetries,
    isPaused: schedule.isPaused,
    ...formatBody(bytes, message.redaction?.bodyMarker),
    ...(delayMs > 0 ? { delay: Math.ceil(delayMs / 1000) } : {}),
    ...(timeoutMs === undefined ? {} : { timeout: Math.ceil(timeoutMs / 1000) }),
    ...formatHeader(message, 'callbackHeader', message.callback?.header),
    ...formatHeader(message, 'failureCallbackHeader', message.failureCallback?.header),
    nextScheduleTime: schedule.nextAt,
    ...(lastAt === undefined ? {} : { lastScheduleTime: lastAt, lastScheduleStates: formatStates(schedule) }),
    ...(error === undefined ? {} : { error }),
  };
}

function formatBody(bytes: Buffer | undefined, marker: string | undefined) {
  if (marker !== undefined) return { body: marker };
  return bytes ? formatBytes(bytes, 'body', 'bodyBase64') : { bodyTruncated: true as const };
}

function formatStates({ lastAt, messages }: ScheduleState): Schedule['lastScheduleStates'] {
  return Object.fromEntries(
    messages.filter(({ tickAt }) => tickAt === lastAt).map(({ messageId, state }) => [messageId, state]),
  );
}
