import type { DestinationResponse, ErrorKind, Message, State } from '@posthorn/shared';
import { cutBody, type KeptResponse } from './responses.ts';
import { logFields } from './log-fields.ts';

/** One log entry of a message. */
export interface LogEntry {
  messageId: string;
  state: State;
  /** Retries before the attempt of the entry; 0 for an entry about the whole message. */
  retried: number;
  time: number;
  /** The time that was written, by a clock that may be behind that of the entry before. */
  writtenAt: number;
  message: Message;
  error?: string;
  errorKind?: ErrorKind;
  response?: StoredResponse;
  nextDeliveryTime?: number;
}

/** The log of one message. */
export interface MessageLog {
  /** Its entries, oldest first; none if the log does not contain it (any more). */
  entries: LogEntry[];
  /** About how many bytes were read for them. */
  bytes: number;
  /** Ids of the messages as which it was retried from the dead letter queue. */
  retriedAs: string[];
}

/** An entry to be written: what the list of all entries has of it, and its field in the log of its message. */
export interface NewLogEntry {
  state: State;
  retried: number;
  time: number;
  field: string;
  value: string | number;
  /** Status of the response to a successful attempt. */
  status?: number;
  /** The body of a response that is too large to be stored in the entry alone. */
  body?: Buffer;
}

/** A response as an entry of the log contains it. */
export interface StoredResponse {
  status: number;
  header: DestinationResponse['header'];
  /** The body in base64, or only its beginning when `isElsewhere`. */
  body?: string;
  /** The body is in the response store, unless a later attempt has replaced it. */
  isElsewhere?: true;
  /** The destination sent a longer body than was kept. */
  isCut?: true;
}

interface StoredError extends StoredResponse {
  time: number;
  error: string;
  errorKind?: ErrorKind;
}

/** Why an attempt failed, and the part of the response that is kept. */
export interface KeptFailure {
  error: string;
  errorKind?: ErrorKind | undefined;
  response: KeptResponse;
}

interface StoredEnd {
  time: number;
  error: string;
  errorKind?: ErrorKind | undefined;
}

interface StoredRetry {
  time: number;
  next: number;
}

/** Only the beginning of a larger response body is in the log: a page reads many logs. The whole is stored beside it. */
const maxInlineBytes = 4096;
/** The dead letter of a failed message also has its last response. A larger body is stored beside both. */
export const maxInlineFinalBytes = 512;

/** The field of a log that holds the status of a successful attempt. */
export const statusField = 'status';
/** The field of a log that holds the ids of messages as which it was retried, separated by commas. */
export const retriedAsField = 'retried-as';

/** The message was stored. Its job says the same until it ends, so this entry is only listed. */
export function createdEntry({ createdAt }: Message): NewLogEntry {
  return { state: 'CREATED', retried: 0, time: createdAt, field: logFields.created, value: '' };
}

/** The start of the attempt that follows `retried` retries. */
export function activeEntry(retried: number, now: number): NewLogEntry {
  return { state: 'ACTIVE', retried, time: now, field: `${retried}:active`, value: now };
}

export function deliveredEntry(now: number, status?: number): NewLogEntry {
  const entry: NewLogEntry = { state: 'DELIVERED', retried: 0, time: now, field: 'delivered', value: now };
  if (status !== undefined) entry.status = status;
  return entry;
}

export function retryEntries(retried: number, now: number, failure: KeptFailure, delayMs: number): NewLogEntry[] {
  const value = JSON.stringify({ time: now, next: now + delayMs } satisfies StoredRetry);
  return [errorEntry(retried, now, failure), { state: 'RETRY', retried, time: now, field: `${retried}:retry`, value }];
}

/** The body of the response, if it is not small, is stored with the dead letter. */
export function failedEntries(retried: number, now: number, failure: KeptFailure): NewLogEntry[] {
  const { error, errorKind } = failure;
  const value = JSON.stringify({ time: now, error, errorKind } satisfies StoredEnd);
  const { body: _, ...entry } = errorEntry(retried, now, failure, maxInlineFinalBytes, 0);
  return [entry, { state: 'FAILED', retried: 0, time: now, field: 'failed', value }];
}

/** The end of an attempt that failed after its message had been canceled. */
export function canceledEntries(retried: number, now: number, failure: KeptFailure): NewLogEntry[] {
  return [errorEntry(retried, now, failure), canceledEntry(now)];
}

export function cancelRequestedEntry(now: number): NewLogEntry {
  return { state: 'CANCEL_REQUESTED', retried: 0, time: now, field: logFields.cancelRequested, value: now };
}

export function canceledEntry(now: number): NewLogEntry {
  return { state: 'CANCELED', retried: 0, time: now, field: logFields.canceled, value: now };
}

/**
 * The entries of one message, oldest first; none if the log does not contain it (any more).
 *
 * @param pending the message if it has not ended
 */
export function parseLog(messageId: string, pending: Message | undefined, fields: Record<string, string>): LogEntry[] {
  const created = fields[logFields.created];
  const message = created === undefined ? pending : (JSON.parse(created) as Message);
  if (!message) return [];
  const entries: LogEntry[] = [];
  let last = 0;
  const add = (state: State, writtenAt: number, retried = 0, rest: Partial<LogEntry> = {}) => {
    // Several machines write entries; within a message time never runs backwards (contract L5).
    last = Math.max(last, writtenAt);
    entries.push({ messageId, state, retried, time: last, writtenAt, message, ...rest });
  };

  const requested = fields[logFields.cancelRequested];
  const requestedAt = requested === undefined ? Infinity : Number(requested);
  let isRequested = false;
  /** The request comes before entries with a later time, and before the end in any case. */
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
      const { time, error, errorKind, ...response } = JSON.parse(failure) as StoredError;
      addRequest(time);
      add('ERROR', time, retried, { error, ...(errorKind ? { errorKind } : {}), response });
    }
    if (retry !== undefined) {
      const { time, next } = JSON.parse(retry) as StoredRetry;
      add('RETRY', time, retried, { nextDeliveryTime: next });
    }
  }
  if (requested !== undefined) addRequest(Infinity);
  if (fields['delivered'] !== undefined) {
    const status = fields[statusField];
    const delivered = status === undefined ? {} : { response: { status: Number(status), header: {} } };
    add('DELIVERED', Number(fields['delivered']), 0, delivered);
  }
  if (fields['failed'] !== undefined) {
    const { time, error, errorKind } = JSON.parse(fields['failed']) as StoredEnd;
    add('FAILED', time, 0, { error, ...(errorKind ? { errorKind } : {}) });
  }
  const hasEnded = fields['delivered'] !== undefined || fields['failed'] !== undefined;
  if (fields[logFields.canceled] !== undefined && !hasEnded) add('CANCELED', Number(fields[logFields.canceled]));
  return entries;
}

/**
 * @param maxBytes a larger body is stored elsewhere
 * @param beginBytes bytes of such a body that are in the entry nevertheless
 */
function errorEntry(
  retried: number,
  time: number,
  { error, errorKind, response }: KeptFailure,
  maxBytes = maxInlineBytes,
  beginBytes = maxBytes,
): NewLogEntry {
  const { status, header, body, isCut } = response;
  const isLarge = body.length > maxBytes;
  const begin = isLarge ? cutBody(body, beginBytes) : body;
  const stored: StoredError = {
    time,
    error,
    ...(errorKind ? { errorKind } : {}),
    status,
    header,
    ...(begin.length > 0 ? { body: begin.toString('base64') } : {}),
    ...(isLarge ? { isElsewhere: true } : {}),
    ...(isCut ? { isCut } : {}),
  };
  return {
    state: 'ERROR',
    retried,
    time,
    field: `${retried}:error`,
    value: JSON.stringify(stored),
    ...(isLarge ? { body } : {}),
  };
}
