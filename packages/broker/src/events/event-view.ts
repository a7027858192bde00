import type { EventView } from '@posthorn/shared';
import { inlineBytes } from '../shards/body.ts';
import type { Event } from './history.ts';
import { writeHeader, writeMessageFields } from './message-fields.ts';

/** A line of the log as a caller sees it (contract, http-api.md section 3.3): bodies in base64, both spellings. */
export function writeEventView({ messageId, state, time, message, error, answer, nextDeliveryTime }: Event): EventView {
  const { retryDelayExpression, callback, failureCallback } = message;
  const body = message.redaction?.bodyMarker ?? inlineBytes(message.body)?.toString('base64');
  return {
    time,
    messageId,
    state,
    ...writeMessageFields(message),
    timeout: message.timeoutMs,
    ...(error === undefined ? {} : { error }),
    ...(nextDeliveryTime === undefined ? {} : { nextDeliveryTime }),
    ...(body ? { body } : {}),
    ...writeHeader(message, 'callbackHeaders', callback?.header),
    ...writeHeader(message, 'failureCallbackHeaders', failureCallback?.header),
    ...(answer ? writeAnswer(answer) : {}),
    ...(retryDelayExpression ? { retryDelayExpr: retryDelayExpression } : {}),
  };
}

function writeAnswer({ status, header, bodyBase64 }: NonNullable<Event['answer']>) {
  return {
    responseStatus: status,
    ...(bodyBase64 ? { responseBody: bodyBase64 } : {}),
    ...(Object.keys(header).length > 0 ? { responseHeaders: header, responseHeader: header } : {}),
  };
}
