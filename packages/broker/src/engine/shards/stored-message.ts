import type { Body, Message } from '@posthorn/shared';

/** What the text of a message leaves out. Texts that are stored depend on these values: they never change. */
const usual = { method: 'POST', maxRetries: 3, timeoutMs: 7_200_000 } satisfies Partial<Message>;

/** A message without what is usual. A small text is its body. */
type StoredMessage = Omit<Partial<Message>, 'body'> & { body?: Body | string };

/**
 * The text of a message in its job: a list of one object. Earlier versions store the object alone, with all fields; they
 * set a list aside as unreadable.
 */
export function formatMessage(message: Message): string {
  const { method, header, body, createdAt, notBefore, maxRetries, timeoutMs } = message;
  const stored: { [name in keyof StoredMessage]: StoredMessage[name] | undefined } = {
    ...message,
    method: method === usual.method ? undefined : method,
    header: Object.keys(header).length === 0 ? undefined : header,
    body: body.kind === 'text' ? body.text : body,
    notBefore: notBefore === createdAt ? undefined : notBefore,
    maxRetries: maxRetries === usual.maxRetries ? undefined : maxRetries,
    timeoutMs: timeoutMs === usual.timeoutMs ? undefined : timeoutMs,
  };
  return JSON.stringify([stored]);
}

/**
 * The message that a text holds, this or an earlier version's.
 *
 * @param data the text, parsed; it may hold anything else, which `isMessage` finds out
 */
export function restoreMessage(data: unknown): unknown {
  if (!Array.isArray(data)) return data;
  const [first] = data as unknown[];
  if (typeof first !== 'object' || first === null) return data;
  const stored = first as StoredMessage;
  // With `...stored` behind other fields, this would take five times as long as parsing the text.
  const message = Object.assign(
    {
      method: usual.method,
      header: {},
      notBefore: stored.createdAt,
      maxRetries: usual.maxRetries,
      timeoutMs: usual.timeoutMs,
    },
    stored,
  );
  if (typeof stored.body === 'string') message.body = { kind: 'text', text: stored.body };
  return message;
}
