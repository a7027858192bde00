import type { Answer, Message, State } from '@posthorn/shared';
import type { HistoryFields } from './event-log.ts';

/** One line in the history of a message. */
export interface Event {
  messageId: string;
  state: State;
  time: number;
  message: Message;
  error?: string;
  answer?: Pick<Answer, 'status' | 'header'> & { bodyBase64: string };
  nextDeliveryTime?: number;
}

interface StoredError {
  time: number;
  error: string;
  status: number;
  header: Record<string, string[]>;
  body: string;
}

interface StoredRetry {
  time: number;
  next: number;
}

/** The start of the attempt that follows `retried` retries. */
export function activeLine(retried: number, now: number): HistoryFields {
  return { [`${retried}:active`]: now };
}

export function deliveredLine(now: number): HistoryFields {
  return { delivered: now };
}

export function retryLines(
  retried: number,
  now: number,
  error: string,
  answer: Answer,
  delayMs: number,
): HistoryFields {
  return {
    [`${retried}:error`]: writeError(now, error, answer),
    [`${retried}:retry`]: JSON.stringify({ time: now, next: now + delayMs } satisfies StoredRetry),
  };
}

export function failedLines(retried: number, now: number, error: string, answer: Answer): HistoryFields {
  return { [`${retried}:error`]: writeError(now, error, answer), failed: JSON.stringify({ time: now, error }) };
}

/** The end of an attempt that failed after its message had been canceled. */
export function canceledLines(retried: number, now: number, error: string, answer: Answer): HistoryFields {
  return { [`${retried}:error`]: writeError(now, error, answer), ...canceledLine(now) };
}

export function canceledLine(now: number): HistoryFields {
  return { canceled: now };
}

/**
 * The lines of one message, oldest first; none when the log knows nothing of it (any more).
 *
 * @param pending the message if it has not ended
 */
export function readHistory(messageId: string, pending: Message | undefined, fields: Record<string, string>): Event[] {
  const created = fields['created'];
  const message = created === undefined ? pending : (JSON.parse(created) as Message);
  if (!message) return [];
  const events: Event[] = [];
  let last = 0;
  const add = (state: State, time: number, rest: Partial<Event> = {}) => {
    // Lines are written by several machines; within a message time never runs backwards (delivery.md section 12).
    last = Math.max(last, time);
    events.push({ messageId, state, time: last, message, ...rest });
  };

  const requested = fields['cancel-requested'];
  const requestedAt = requested === undefined ? Infinity : Number(requested);
  let isRequested = false;
  /** The request stands before what came after it, and before the end in any case. */
  const addRequest = (nextTime: number) => {
    if (isRequested || requestedAt >= nextTime) return;
    isRequested = true;
    add('CANCEL_REQUESTED', requestedAt);
  };

  const isDelayed = message.notBefore > message.createdAt;
  add('CREATED', message.createdAt, isDelayed ? { nextDeliveryTime: message.notBefore } : {});
  for (let retried = 0; retried <= message.maxRetries; retried++) {
    const active = fields[`${retried}:active`];
    const failure = fields[`${retried}:error`];
    const retry = fields[`${retried}:retry`];
    if (active !== undefined) {
      addRequest(Number(active));
      add('ACTIVE', Number(active));
    }
    if (failure !== undefined) {
      const { time, error, status, header, body } = JSON.parse(failure) as StoredError;
      addRequest(time);
      add('ERROR', time, { error, answer: { status, header, bodyBase64: body } });
    }
    if (retry !== undefined) {
      const { time, next } = JSON.parse(retry) as StoredRetry;
      add('RETRY', time, { nextDeliveryTime: next });
    }
  }
  if (requested !== undefined) addRequest(Infinity);
  if (fields['delivered'] !== undefined) add('DELIVERED', Number(fields['delivered']));
  if (fields['failed'] !== undefined) {
    const { time, error } = JSON.parse(fields['failed']) as { time: number; error: string };
    add('FAILED', time, { error });
  }
  const hasEnded = fields['delivered'] !== undefined || fields['failed'] !== undefined;
  if (fields['canceled'] !== undefined && !hasEnded) add('CANCELED', Number(fields['canceled']));
  return events;
}

function writeError(time: number, error: string, { status, header, body }: Answer): string {
  return JSON.stringify({
    time,
    error,
    status,
    header,
    body: Buffer.from(body).toString('base64'),
  } satisfies StoredError);
}
