import { isUtf8 } from 'node:buffer';
import type { Message, MessageView } from '@posthorn/shared';

/** A message as a caller sees it (contract, http-api.md section 3.1): empty fields are left out. */
export function writeMessageView(messageId: string, message: Message, bytes: Buffer): MessageView {
  const { topicName, endpointName, retryDelayExpression, labels } = message;
  return {
    messageId,
    url: message.url,
    ...(topicName ? { topicName } : {}),
    ...(endpointName ? { endpointName } : {}),
    method: message.method,
    ...(Object.keys(message.header).length > 0 ? { header: message.header } : {}),
    ...writeBytes(bytes, 'body', 'bodyBase64'),
    maxRetries: message.maxRetries,
    notBefore: message.notBefore,
    createdAt: message.createdAt,
    callerIP: message.callerIp,
    callerIp: message.callerIp,
    ...(labels?.[0] ? { label: labels[0], labels } : {}),
    ...(retryDelayExpression ? { retryDelayExpression } : {}),
  };
}

/** Text as it is, other bytes in base64 under another name, nothing for no bytes (http-api.md sections 3.1 and 3.2). */
export function writeBytes<T extends string, B extends string>(
  bytes: Buffer,
  textField: T,
  base64Field: B,
): Partial<Record<T | B, string>> {
  if (bytes.length === 0) return {};
  const field = isUtf8(bytes) ? { [textField]: bytes.toString('utf8') } : { [base64Field]: bytes.toString('base64') };
  return field as Partial<Record<T | B, string>>;
}
