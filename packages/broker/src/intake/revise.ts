import {
  parseForwardedHeaders,
  parsePublishOptions,
  type Callback,
  type CallbackKind,
  type CallbackOptions,
  type Message,
  type PublishOptions,
} from '@posthorn/shared';
import { refuseForbidden } from '../destinations/destination-guard.ts';
import { createCallback, createTemplate, type AcceptParts, type PublishLimits, type Template } from './accept.ts';

/** What the headers of a retry say of the messages that it makes. */
export interface Revision {
  options: PublishOptions;
  forwarded: ReturnType<typeof parseForwardedHeaders>;
}

/** @throws {PublishOptionsError | ForwardError} that name what is wrong */
export function parseRevision(headers: readonly string[]): Revision {
  return { options: parsePublishOptions(headers), forwarded: parseForwardedHeaders(headers, false, false) };
}

/**
 * A message that is published once more: as it was, but for what the headers say now (contract L15).
 *
 * @throws as `accept` does
 */
export function revise(
  { guard, limits }: AcceptParts,
  message: Omit<Message, 'body'>,
  { options, forwarded }: Revision,
): Omit<Message, 'body'> {
  const request = { body: Buffer.alloc(0), callerIp: message.callerIp };
  // What is not said stays as it was, also beyond a limit that was lowered since; a delay was about the first time only.
  const said = createTemplate(request, { retries: 0, method: message.method, ...options }, {}, limits);
  const { body: _, header: _header, redaction: _redaction, timeoutMs, maxRetries, ...fields } = said;
  const revised: Omit<Message, 'body'> = {
    ...message,
    ...fields,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs }),
    ...(options.retries === undefined ? {} : { maxRetries }),
  };
  for (const kind of ['callback', 'failureCallback'] as const) {
    const callback = options[kind];
    if (!callback) continue;
    if (callback.url === undefined) {
      const stored = message[kind];
      if (stored) revised[kind] = reviseCallback(stored, callback, revised, limits, kind);
      continue;
    }
    refuseForbidden(guard, callback.url, kind === 'callback' ? 'callback' : 'failure callback');
    const header = kind === 'callback' ? forwarded.callbackHeader : forwarded.failureCallbackHeader;
    revised[kind] = createCallback(callback.url, callback, header, revised, limits, kind);
  }
  return revised;
}

/** A stored callback with those options that are given now. */
function reviseCallback(
  stored: Callback,
  options: CallbackOptions,
  message: Template,
  limits: PublishLimits,
  kind: CallbackKind,
): Callback {
  const said = createCallback(stored.url, options, stored.header, message, limits, kind);
  const { method, maxRetries, retryDelayExpression, timeoutMs, delayMs, flowControl } = said;
  return {
    ...stored,
    ...(options.method === undefined ? {} : { method }),
    ...(options.retries === undefined ? {} : { maxRetries }),
    ...(options.retryDelay === undefined || retryDelayExpression === undefined ? {} : { retryDelayExpression }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs }),
    ...(options.delayMs === undefined ? {} : { delayMs }),
    ...(flowControl ? { flowControl } : {}),
  };
}
