import { hasMoreValues, parseShard } from '@posthorn/shared';

/** The callback of a message with the largest body that is allowed by default, which it contains in base64. */
export const maxCallbackBytes = 16 * 1024 * 1024;

/** Such a body has a few values, and those of two lists of headers. */
const maxValues = 10_000;

/** What the body of a callback says of the attempt that it reports. */
export interface CallbackSource {
  messageId: string;
  retried: number;
}

/** Parses what may be the body of a callback. Gives `undefined` for any other body, and for one that is too large. */
export function parseCallbackSource(body: Buffer): CallbackSource | undefined {
  // Looked for first, so that JSON of other kinds costs no parsing.
  if (body.length > maxCallbackBytes || !body.includes('"sourceMessageId"')) return undefined;
  if (hasMoreValues(body, maxValues)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { sourceMessageId, retried = 0 } = value as Record<string, unknown>;
  if (typeof sourceMessageId !== 'string' || parseShard(sourceMessageId) === undefined) return undefined;
  return typeof retried === 'number' ? { messageId: sourceMessageId, retried } : undefined;
}
