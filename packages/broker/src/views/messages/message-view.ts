import { isUtf8 } from 'node:buffer';
import type { Message, MessageView } from '@posthorn/shared';
import type { LogEntry } from '../../engine/log/log-entries.ts';
import { formatHeader, formatMessageFields } from '../../engine/log/message-fields.ts';
import type { Delivery } from '../../engine/shards/shard.ts';

/** A message as a caller sees it (contract O1, O2): empty fields are left out. */
export function formatMessageView(messageId: string, message: Message, bytes: Buffer): MessageView {
  const marker = message.redaction?.bodyMarker;
  return {
    messageId,
    ...formatMessageFields(message),
    ...(marker === undefined ? formatBytes(bytes, 'body', 'bodyBase64') : { body: marker }),
    notBefore: message.notBefore,
    createdAt: message.createdAt,
    ...formatHeader(message, 'callbackHeader', message.callback?.header),
    ...formatHeader(message, 'failureCallbackHeader', message.failureCallback?.header),
  };
}

/**
 * How far a message is: what happened to it last, the attempts that were begun, and why the last one failed.
 *
 * @param entries its log, oldest entry first; of what happened while Redis was full there is none
 * @param delivery `undefined` for a message that has ended
 */
export function formatProgress(delivery: Delivery | undefined, entries: readonly LogEntry[]) {
  const retried = delivery?.retried ?? 0;
  const last = entries.at(-1);
  const isLogged = last !== undefined && (last.state !== 'CREATED' || retried === 0);
  const attempts = Math.max(retried, entries.filter(({ state }) => state === 'ACTIVE').length);
  const failure = last?.state === 'DELIVERED' ? undefined : entries.findLast(({ error }) => error !== undefined);
  const error = failure?.error ?? delivery?.lastError;
  return {
    state: isLogged ? last.state : retried === 0 ? ('CREATED' as const) : ('RETRY' as const),
    attempts,
    ...(last?.nextDeliveryTime === undefined ? {} : { nextDeliveryTime: last.nextDeliveryTime }),
    ...(error === undefined ? {} : { error }),
    ...(failure?.errorKind === undefined ? {} : { errorKind: failure.errorKind }),
  };
}

/** Text as it is, other bytes in base64 under another name, nothing for no bytes (contract O3). */
export function formatBytes<T extends string, B extends string>(
  bytes: Buffer,
  textField: T,
  base64Field: B,
): Partial<Record<T | B, string>> {
  if (bytes.length === 0) return {};
  const field = isUtf8(bytes) ? { [textField]: bytes.toString('utf8') } : { [base64Field]: bytes.toString('base64') };
  return field as Partial<Record<T | B, string>>;
}
