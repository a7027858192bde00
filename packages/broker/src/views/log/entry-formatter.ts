import type { LogEntryView } from '@posthorn/shared';
import { inlineBytes, type BodyStore } from '../../engine/shards/body.ts';
import type { LogStore } from '../../engine/log/log-store.ts';
import type { LogEntry } from '../../engine/log/log-entries.ts';
import { formatHeader, formatMessageFields } from '../../engine/log/message-fields.ts';

/** Formats entries of the log as a caller sees them, with as much of their bodies as one response may carry. */
export interface EntryFormatter {
  /** What does not fit comes without bodies, unless it is the first. */
  format(entry: LogEntry): Promise<LogEntryView>;
  /** Whether these fit, bodies included. */
  hasRoom(entries: readonly LogEntry[]): Promise<boolean>;
}

export interface EntryFormatterOptions {
  /** About how many bytes make a response full. */
  maxBytes: number;
  /** Bytes of a body that are wanted, all by default. */
  trimBody?: number | undefined;
  /** Whether a body that lies beside its message is read, as a whole; by default it is. */
  readsStored?: boolean;
}

export function createEntryFormatter(
  logs: LogStore,
  bodies: BodyStore,
  { maxBytes, trimBody = Infinity, readsStored = true }: EntryFormatterOptions,
): EntryFormatter {
  let left = maxBytes;
  let isFirst = true;
  /** What is shown of bodies of their own, which are read once for all entries of their message. */
  const known = new Map<string, Promise<Buffer | undefined>>();

  const readBody = ({ message, messageId }: LogEntry): Promise<Buffer | undefined> => {
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
  const readSize = async ({ message, messageId, response }: LogEntry): Promise<number> => {
    if (trimBody === 0) return 0;
    const size = sizes.get(messageId) ?? bodies.size(message.body);
    sizes.set(messageId, size);
    return (Math.min(await size, trimBody) * 4) / 3 + (response?.body?.length ?? 0);
  };

  return {
    async format(entry) {
      const { messageId, state, time, message, error, errorKind, nextDeliveryTime } = entry;
      const { retryDelayExpression, callback, failureCallback, redaction } = message;
      const isShown = trimBody > 0 && (isFirst || (await readSize(entry)) <= left);
      isFirst = false;
      const isRead = isShown && (readsStored || message.body.kind !== 'stored');
      const shown =
        (isShown ? redaction?.bodyMarker : undefined) ?? (isRead ? encode(await readBody(entry)) : undefined);
      const body = shown ?? '';
      const isLeftOut = trimBody > 0 && shown === undefined && message.body.kind !== 'empty';
      const view = {
        time,
        messageId,
        state,
        ...formatMessageFields(message),
        timeout: message.timeoutMs,
        ...(error === undefined ? {} : { error }),
        ...(errorKind === undefined ? {} : { errorKind }),
        ...(nextDeliveryTime === undefined ? {} : { nextDeliveryTime }),
        ...(isLeftOut ? { bodyTruncated: true as const } : {}),
        ...formatHeader(message, 'callbackHeaders', callback?.header),
        ...formatHeader(message, 'failureCallbackHeaders', failureCallback?.header),
        ...(await formatResponse(entry, isShown)),
        ...(retryDelayExpression ? { retryDelayExpr: retryDelayExpression } : {}),
      };
      left -= Buffer.byteLength(JSON.stringify(view));
      return body ? { ...view, body } : view;
    },
    async hasRoom(entries) {
      const all = await Promise.all(entries.map(readSize));
      return all.reduce((sum, size) => sum + size, 0) <= left;
    },
  };

  async function formatResponse(entry: LogEntry, isShown: boolean) {
    const { response } = entry;
    if (!response) return {};
    const { status, header, body: begin = '', isElsewhere = false } = response;
    const hasBody = begin !== '' || isElsewhere;
    const shown = isShown && hasBody ? await logs.readResponse(entry) : undefined;
    // With `trimBody=0`, a missing body does not count as cut.
    const isCut = shown ? shown.isCut : (response.isCut ?? (trimBody > 0 && hasBody));
    const responseBody = shown?.body.subarray(0, trimBody).toString('base64');
    return {
      responseStatus: status,
      ...(responseBody ? { responseBody } : {}),
      ...(isCut ? { responseBodyTruncated: true as const } : {}),
      ...(Object.keys(header).length > 0 ? { responseHeaders: header, responseHeader: header } : {}),
    };
  }
}
