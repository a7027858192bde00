import type { EventView } from '@posthorn/shared';
import { inlineBytes } from '../shards/body.ts';
import type { Event } from './history.ts';

/** A line of the log as a caller sees it (contract, http-api.md section 3.3): bodies in base64, both spellings. */
export function writeEventView({ messageId, state, time, message, error, answer, nextDeliveryTime }: Event): EventView {
  const body = inlineBytes(message.body);
  const { topicName, endpointName, retryDelayExpression, labels } = message;
  return {
    time,
    messageId,
    state,
    url: message.url,
    method: message.method,
    maxRetries: message.maxRetries,
    timeout: message.timeoutMs,
    callerIP: message.callerIp,
    callerIp: message.callerIp,
    ...(error === undefined ? {} : { error }),
    ...(nextDeliveryTime === undefined ? {} : { nextDeliveryTime }),
    ...(topicName ? { topicName } : {}),
    ...(endpointName ? { endpointName } : {}),
    ...(Object.keys(message.header).length > 0 ? { header: message.header } : {}),
    ...(body && body.length > 0 ? { body: body.toString('base64') } : {}),
    ...(answer ? writeAnswer(answer) : {}),
    ...(retryDelayExpression ? { retryDelayExpression, retryDelayExpr: retryDelayExpression } : {}),
    ...(labels?.[0] ? { label: labels[0], labels } : {}),
  };
}

function writeAnswer({ status, header, bodyBase64 }: NonNullable<Event['answer']>) {
  return {
    responseStatus: status,
    ...(bodyBase64 ? { responseBody: bodyBase64 } : {}),
    ...(Object.keys(header).length > 0 ? { responseHeaders: header, responseHeader: header } : {}),
  };
}
