import type { EventView } from '@posthorn/shared';
import { inlineBytes, type BodyStore } from '../../engine/shards/body.ts';
import type { EventLog } from '../../engine/log/event-log.ts';
import type { Event } from '../../engine/log/history.ts';
import { writeHeader, writeMessageFields } from '../../engine/log/message-fields.ts';

/** Writes entries of the log as a caller sees them, with as much of their bodies as one answer may carry. */
export interface EventWriter {
  /** What does not fit comes without bodies, unless it is the first. */
  write(event: Event): Promise<EventView>;
  /** Whether these fit, bodies included. */
  hasRoom(events: readonly Event[]): Promise<boolean>;
}

export interface EventWriterOptions {
  /** Bytes after which an answer is full, about. */
  maxBytes: number;
  /** Bytes of a body that are wanted, all by default. */
  trimBody?: number | undefined;
}

export function createEventWriter(
  log: EventLog,
  bodies: BodyStore,
  { maxBytes, trimBody = Infinity }: EventWriterOptions,
): EventWriter {
  let left = maxBytes;
  let isFirst = true;
  /** What is shown of bodies of their own, which are read once for all entries of their message. */
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
    const text = (bytes?.subarray(0, trimBody) ?? Buffer.alloc(0)).toString('base64');
    left -= text.length;
    return text;
  };

  const sizes = new Map<string, Promise<number>>();
  /** About the bytes of what may be large in an entry. */
  const readSize = async ({ message, messageId, answer }: Event): Promise<number> => {
    if (trimBody === 0) return 0;
    const size = sizes.get(messageId) ?? bodies.size(message.body);
    sizes.set(messageId, size);
    return (Math.min(await size, trimBody) * 4) / 3 + (answer?.body?.length ?? 0);
  };

  return {
    async write(event) {
      const { messageId, state, time, message, error, errorKind, nextDeliveryTime } = event;
      const { retryDelayExpression, callback, failureCallback, redaction } = message;
      const isShown = trimBody > 0 && (isFirst || (await readSize(event)) <= left);
      isFirst = false;
      const body = isShown ? (redaction?.bodyMarker ?? encode(await readBody(event))) : '';
      const isLeftOut = trimBody > 0 && !isShown && message.body.kind !== 'empty';
      const view = {
        time,
        messageId,
        state,
        ...writeMessageFields(message),
        timeout: message.timeoutMs,
        ...(error === undefined ? {} : { error }),
        ...(errorKind === undefined ? {} : { errorKind }),
        ...(nextDeliveryTime === undefined ? {} : { nextDeliveryTime }),
        ...(isLeftOut ? { bodyTruncated: true as const } : {}),
        ...writeHeader(message, 'callbackHeaders', callback?.header),
        ...writeHeader(message, 'failureCallbackHeaders', failureCallback?.header),
        ...(await writeAnswer(event, isShown)),
        ...(retryDelayExpression ? { retryDelayExpr: retryDelayExpression } : {}),
      };
      left -= Buffer.byteLength(JSON.stringify(view));
      return body ? { ...view, body } : view;
    },
    async hasRoom(events) {
      const all = await Promise.all(events.map(readSize));
      return all.reduce((sum, size) => sum + size, 0) <= left;
    },
  };

  async function writeAnswer(event: Event, isShown: boolean) {
    const { answer } = event;
    if (!answer) return {};
    const { status, header, body: begin = '', isElsewhere = false } = answer;
    const hasBody = begin !== '' || isElsewhere;
    const shown = isShown && hasBody ? await log.readResponse(event) : undefined;
    // With `trimBody=0`, a missing body does not count as cut.
    const isCut = shown ? shown.isCut : (answer.isCut ?? (trimBody > 0 && hasBody));
    const responseBody = shown?.body.subarray(0, trimBody).toString('base64');
    return {
      responseStatus: status,
      ...(responseBody ? { responseBody } : {}),
      ...(isCut ? { responseBodyTruncated: true as const } : {}),
      ...(Object.keys(header).length > 0 ? { responseHeaders: header, responseHeader: header } : {}),
    };
  }
}
