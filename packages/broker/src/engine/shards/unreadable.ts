import { methods, type Message } from '@posthorn/shared';
import { z } from 'zod';
import { restoreMessage } from './stored-message.ts';

// A job may have data that another version has written, or that is damaged. Deliveries do not check for that: the
// attempt fails, and then the data is examined.

const text = z.string();
const body = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('empty') }),
  z.object({ kind: z.literal('text'), text }),
  z.object({ kind: z.literal('base64'), base64: text }),
  z.object({ kind: z.literal('stored'), key: text }),
]);
/** What every message has. */
const format = z.object({
  url: z.url(),
  method: z.enum(methods),
  header: z.record(text, z.array(text)),
  body,
  createdAt: z.number(),
  notBefore: z.number(),
  maxRetries: z.number(),
  timeoutMs: z.number(),
  callerIp: text,
});

/** Whether this version can deliver what a job holds. */
export function isMessage(data: unknown): data is Message {
  return format.safeParse(data).success;
}

/** A message from the text of its job; `undefined` for any other text. */
export function parseMessage(json: string | null): Message | undefined {
  try {
    const message = restoreMessage(JSON.parse(json ?? 'null'));
    return isMessage(message) ? message : undefined;
  } catch {
    return undefined;
  }
}

/** Text of a job that is not JSON, in a form that BullMQ can take. */
export function wrapText(json: string): string {
  return JSON.stringify({ unreadable: json });
}

/** What was stored, of the data that BullMQ gives. */
export function unwrapText(data: unknown): string {
  const { unreadable } = (data ?? {}) as { unreadable?: unknown };
  return typeof unreadable === 'string' ? unreadable : JSON.stringify(data);
}

/** Stands for a message that cannot be read. Its body is the stored text. It cannot be delivered. */
export function createStandIn(stored: string, createdAt: number): Message {
  return {
    url: 'https://unreadable.invalid/',
    method: 'POST',
    header: {},
    body: { kind: 'text', text: stored },
    createdAt,
    notBefore: createdAt,
    maxRetries: 0,
    timeoutMs: 1000,
    callerIp: '',
    // If a part of the message was redacted, the whole text is.
    ...(stored.includes('redaction') ? { redaction: { body: true, headers: [], bodyMarker: 'REDACTED' } } : {}),
  };
}
