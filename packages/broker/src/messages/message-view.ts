import { isUtf8 } from 'node:buffer';
import type { Message, MessageView } from '@posthorn/shared';
import { writeHeader, writeMessageFields } from '../events/message-fields.ts';

/** A message as a caller sees it (contract, http-api.md section 3.1): empty fields are left out. */
export function writeMessageView(messageId: string, message: Message, bytes: Buffer): MessageView {
  const marker = message.redaction?.bodyMarker;
  return {
    messageId,
    ...writeMessageFields(message),
    ...(marker === undefined ? writeBytes(bytes, 'body', 'bodyBase64') : { body: marker }),
    notBefore: message.notBefore,
    createdAt: message.createdAt,
    ...writeHeader(message, 'callbackHeader', message.callback?.header),
    ...writeHeader(message, 'failureCallbackHeader', message.failureCallback?.header),
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
