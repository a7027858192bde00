import { createHash } from 'node:crypto';
import {
  decodeHeaderMap,
  decodeHeaderText,
  hidePassword,
  type HeaderMap,
  type Message,
  type Redaction,
} from '@posthorn/shared';

/** What the message view and the log view of a message have in common (contract O2). */
export function formatMessageFields(message: Message) {
  const { topicName, endpointName, queueName, scheduleId, callback, failureCallback, retryDelayExpression, labels } =
    message;
  return {
    url: hidePassword(message.url),
    method: message.method,
    ...(topicName ? { topicName } : {}),
    ...(endpointName ? { endpointName } : {}),
    ...(queueName ? { queueName } : {}),
    ...(scheduleId ? { scheduleId } : {}),
    ...formatHeader(message, 'header', message.header),
    maxRetries: message.maxRetries,
    callerIP: message.callerIp,
    callerIp: message.callerIp,
    ...(callback ? { callback: hidePassword(callback.url) } : {}),
    ...(failureCallback ? { failureCallback: hidePassword(failureCallback.url) } : {}),
    ...formatFlowControl(message),
    ...(retryDelayExpression ? { retryDelayExpression } : {}),
    ...(labels?.[0] ? { label: labels[0], labels } : {}),
  };
}

/** A header map under a name, as text and redacted as the message wants it; nothing for an empty one. */
export function formatHeader<N extends string>(
  { redaction }: Message,
  name: N,
  header: HeaderMap | undefined,
): Partial<Record<N, HeaderMap>> {
  if (!header || Object.keys(header).length === 0) return {};
  const shown = redaction && redaction.headers.length > 0 ? redact(header, redaction) : header;
  return { [name]: decodeHeaderMap(shown) } as Partial<Record<N, HeaderMap>>;
}

/** Names stay, values become their hash (contract H18). */
function redact(header: HeaderMap, { headers }: Redaction): HeaderMap {
  return Object.fromEntries(
    Object.entries(header).map(([name, values]) => [
      name,
      headers === 'all' || headers.includes(name.toLowerCase()) ? values.map(hashValue) : values,
    ]),
  );
}

/**
 * The message without what it wants redacted. Its log is kept longer than its delivery needs the text, and shows the
 * same of it (contract H19).
 */
export function redactMessage(message: Message): Message {
  const { redaction, callback, failureCallback } = message;
  if (!redaction) return message;
  const hide = (header: HeaderMap) => (redaction.headers.length > 0 ? redact(header, redaction) : header);
  return {
    ...message,
    // What is a hash already must not be hashed again when it is shown.
    redaction: { ...redaction, headers: [] },
    header: hide(message.header),
    ...(redaction.bodyMarker === undefined ? {} : { body: { kind: 'empty' } }),
    ...(callback ? { callback: { ...callback, header: hide(callback.header) } } : {}),
    ...(failureCallback ? { failureCallback: { ...failureCallback, header: hide(failureCallback.header) } } : {}),
  };
}

function hashValue(value: string): string {
  return `REDACTED:${createHash('sha256').update(decodeHeaderText(value)).digest('hex')}`;
}

function formatFlowControl({ flowControl }: Message) {
  if (!flowControl) return {};
  const { key, parallelism, rate, periodSeconds } = flowControl;
  return {
    flowControlKey: key,
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(rate === undefined ? {} : { rate }),
    period: periodSeconds,
  };
}
