import type { EventView } from '@posthorn/shared';
import { inlineBytes, type BodyStore } from '../shards/body.ts';
import type { EventLog } from './event-log.ts';
import type { Event } from './history.ts';
import { writeHeader, writeMessageFields } from './message-fields.ts';

/** Writes lines of the log as a caller sees them, with as much of their bodies as one answer may carry. */
export interface EventWriter {
  write(event: Event): Promise<EventView>;
  /** The answer carries enough: what is still written comes without bodies. */
  isFull(): boolean;
}

/** Bytes of bodies after which an answer is full. */
const mostBytes = 16 * 1024 * 1024;

/** @param trimBody bytes of a body that are wanted, all by default */
export function createEventWriter(log: EventLog, bodies: BodyStore, trimBody = Infinity): EventWriter {
  let left = mostBytes;
  /** What is shown of bodies of their own, which are read once for all lines of their message. */
  const known = new Map<string, Promise<Buffer | undefined>>();

  const readBody = ({ message, messageId }: Event): Promise<Buffer | undefined> => {
    if (message.body.kind !== 'stored') return Promise.resolve(inlineBytes(message.body));
    const read = known.get(messageId) ?? bodies.read(message.body).then(trim);
    known.set(messageId, read);
    return read;
  };

  /** A copy: a piece of a buffer holds all of it, and a page of trimmed bodies may be about a thousand large ones. */
  const trim = (bytes: Buffer | undefined) =>
    bytes && bytes.length > trimBody ? Buffer.from(bytes.subarray(0, trimBody)) : bytes;

  const encode = (bytes: Buffer | undefined): string => {
    const shown = bytes?.subarray(0, trimBody) ?? Buffer.alloc(0);
    left -= shown.length;
    return shown.toString('base64');
  };

  return {
    async write(event) {
      const { messageId, state, time, message, error, answer, nextDeliveryTime } = event;
      const { retryDelayExpression, callback, failureCallback, redaction } = message;
      const isShown = trimBody > 0 && left > 0;
      const body = isShown ? (redaction?.bodyMarker ?? encode(await readBody(event))) : '';
      return {
        time,
        messageId,
        state,
        ...writeMessageFields(message),
        timeout: message.timeoutMs,
        ...(error === undefined ? {} : { error }),
        ...(nextDeliveryTime === undefined ? {} : { nextDeliveryTime }),
        ...(body ? { body } : {}),
        ...writeHeader(message, 'callbackHeaders', callback?.header),
        ...writeHeader(message, 'failureCallbackHeaders', failureCallback?.header),
        ...(answer ? writeAnswer(answer, isShown ? encode(await readAnswer(event)) : '') : {}),
        ...(retryDelayExpression ? { retryDelayExpr: retryDelayExpression } : {}),
      };
    },
    isFull: () => left <= 0,
  };

  async function readAnswer(event: Event): Promise<Buffer | undefined> {
    const inline = event.answer?.bodyBase64;
    return inline === undefined ? log.readResponse(event) : Buffer.from(inline, 'base64');
  }
}

function writeAnswer({ status, header }: NonNullable<Event['answer']>, bodyBase64: string) {
  return {
    responseStatus: status,
    ...(bodyBase64 ? { responseBody: bodyBase64 } : {}),
    ...(Object.keys(header).length > 0 ? { responseHeaders: header, responseHeader: header } : {}),
  };
}
