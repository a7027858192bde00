import type { Answer, Message, State } from '@posthorn/shared';

/** One line in the history of a message. */
export interface Event {
  messageId: string;
  state: State;
  /** Retries before the attempt that the line is about; 0 for a line about the whole message. */
  retried: number;
  time: number;
  /** The time that was written, by a clock that may be behind that of the line before. */
  writtenAt: number;
  message: Message;
  error?: string;
  answer?: Pick<Answer, 'status' | 'header'> & {
    /** `undefined` for a large one, which lies elsewhere. */
    bodyBase64: string | undefined;
  };
  nextDeliveryTime?: number;
}

/** What is known of one message. */
export interface History {
  /** Its lines, oldest first; none when the log knows nothing of it (any more). */
  events: Event[];
  /** Bytes that had to be read for them, about. */
  bytes: number;
}

/** A line to be written: where it belongs, and what the history of the message holds under which name. */
export interface Line {
  state: State;
  retried: number;
  time: number;
  field: string;
  value: string | number;
  /** The body of an answer that is too large to lie in the line. */
  body?: Buffer;
}

interface StoredError {
  time: number;
  error: string;
  status: number;
  header: Record<string, string[]>;
  /** Base64; missing when it lies elsewhere. */
  body?: string;
}

interface StoredRetry {
  time: number;
  next: number;
}

/** A larger body of an answer lies beside the history, which has to stay light: lists read many. */
const maxInlineBytes = 4096;

/** The message was stored; its job says the same until it ends, so this line is only listed. */
export function createdLine({ createdAt }: Message): Line {
  return { state: 'CREATED', retried: 0, time: createdAt, field: 'created', value: '' };
}

/** The start of the attempt that follows `retried` retries. */
export function activeLine(retried: number, now: number): Line {
  return { state: 'ACTIVE', retried, time: now, field: `${retried}:active`, value: now };
}

export function deliveredLine(now: number): Line {
  return { state: 'DELIVERED', retried: 0, time: now, field: 'delivered', value: now };
}

export function retryLines(retried: number, now: number, error: string, answer: Answer, delayMs: number): Line[] {
  const value = JSON.stringify({ time: now, next: now + delayMs } satisfies StoredRetry);
  return [
    errorLine(retried, now, error, answer),
    { state: 'RETRY', retried, time: now, field: `${retried}:retry`, value },
  ];
}

export function failedLines(retried: number, now: number, error: string, answer: Answer): Line[] {
  const value = JSON.stringify({ time: now, error });
  return [errorLine(retried, now, error, answer), { state: 'FAILED', retried: 0, time: now, field: 'failed', value }];
}

/** The end of an attempt that failed after its message had been canceled. */
export function canceledLines(retried: number, now: number, error: string, answer: Answer): Line[] {
  return [errorLine(retried, now, error, answer), canceledLine(now)];
}

export function cancelRequestedLine(now: number): Line {
  return { state: 'CANCEL_REQUESTED', retried: 0, time: now, field: 'cancel-requested', value: now };
}

export function canceledLine(now: number): Line {
  return { state: 'CANCELED', retried: 0, time: now, field: 'canceled', value: now };
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
  const add = (state: State, writtenAt: number, retried = 0, rest: Partial<Event> = {}) => {
    // Lines are written by several machines; within a message time never runs backwards (delivery.md section 12).
    last = Math.max(last, writtenAt);
    events.push({ messageId, state, retried, time: last, writtenAt, message, ...rest });
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
  add('CREATED', message.createdAt, 0, isDelayed ? { nextDeliveryTime: message.notBefore } : {});
  for (let retried = 0; retried <= message.maxRetries; retried++) {
    const active = fields[`${retried}:active`];
    const failure = fields[`${retried}:error`];
    const retry = fields[`${retried}:retry`];
    if (active !== undefined) {
      addRequest(Number(active));
      add('ACTIVE', Number(active), retried);
    }
    if (failure !== undefined) {
      const { time, error, status, header, body } = JSON.parse(failure) as StoredError;
      addRequest(time);
      add('ERROR', time, retried, { error, answer: { status, header, bodyBase64: body } });
    }
    if (retry !== undefined) {
      const { time, next } = JSON.parse(retry) as StoredRetry;
      add('RETRY', time, retried, { nextDeliveryTime: next });
    }
  }
  if (requested !== undefined) addRequest(Infinity);
  if (fields['delivered'] !== undefined) add('DELIVERED', Number(fields['delivered']));
  if (fields['failed'] !== undefined) {
    const { time, error } = JSON.parse(fields['failed']) as { time: number; error: string };
    add('FAILED', time, 0, { error });
  }
  const hasEnded = fields['delivered'] !== undefined || fields['failed'] !== undefined;
  if (fields['canceled'] !== undefined && !hasEnded) add('CANCELED', Number(fields['canceled']));
  return events;
}

function errorLine(retried: number, time: number, error: string, { status, header, body }: Answer): Line {
  const bytes = Buffer.from(body);
  const isLarge = bytes.length > maxInlineBytes;
  const stored: StoredError = { time, error, status, header, ...(isLarge ? {} : { body: bytes.toString('base64') }) };
  return {
    state: 'ERROR',
    retried,
    time,
    field: `${retried}:error`,
    value: JSON.stringify(stored),
    ...(isLarge ? { body: bytes } : {}),
  };
}
