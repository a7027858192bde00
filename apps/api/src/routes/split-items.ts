import { PosthornError } from '@posthorn/shared';
import { append } from '../middleware/read-body.ts';

export interface ItemLimits {
  maxItems: number;
  /** Bytes of the JSON text of one item. */
  maxItemBytes: number;
}

/** Commas, colons and brackets of one item: more cannot be parsed within the time that one request may take. */
export const maxItemMarks = 500_000;

/** Headers come before the body, and are shorter. */
const maxShownBytes = 64 * 1024;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const byteOrderMark = [0xef, 0xbb, 0xbf];
const isBlank = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Splits the text of a JSON array into the texts of its items while it arrives, so that limits apply to what has been
 * read and no item waits for the end. It looks at strings, brackets and commas only: each item still has to be parsed,
 * which finds every other fault.
 */
export function createItemSplitter({ maxItems, maxItemBytes }: ItemLimits, take: (text: string) => void) {
  /** Depth of nesting: 0 before the array, 1 in it, more inside an item. */
  let depth = 0;
  let isEnded = false;
  /** Bytes of a byte order mark that have been read. */
  let markBytes = 0;
  let isInString = false;
  let isEscaped = false;
  let items = 0;
  let marks = 0;
  /** What has been read of the current item before this piece. */
  let pending: Buffer = Buffer.alloc(0);
  let pendingBytes = 0;
  let hasContent = false;

  const finishItem = (piece: Buffer, start: number, end: number) => {
    items += 1;
    if (items > maxItems) throw new PosthornError('invalid_request', `Use at most ${maxItems} items.`);
    keep(piece, start, end);
    const text = pending.toString('utf8', 0, pendingBytes);
    pendingBytes = 0;
    marks = 0;
    hasContent = false;
    take(text);
  };
  const keep = (piece: Buffer, start: number, end: number) => {
    if (pendingBytes + end - start > maxItemBytes) {
      throw new PosthornError('body_too_large', `item ${items}: use at most ${maxItemBytes} bytes of JSON per item.`);
    }
    pending = append(pending, pendingBytes, piece.subarray(start, end));
    pendingBytes += end - start;
  };

  return {
    /** @throws {PosthornError} for what is over a limit or is no array, and what `take` throws */
    push(piece: Buffer): void {
      let start = 0;
      for (let at = 0; at < piece.length; at++) {
        let byte = piece[at] ?? 0;
        if (isInString) {
          if (isEscaped) {
            isEscaped = false;
            continue;
          }
          while (byte !== quote && byte !== backslash && at + 1 < piece.length) byte = piece[++at] ?? 0;
          if (byte === backslash) isEscaped = true;
          else if (byte === quote) isInString = false;
          continue;
        }
        if (isBlank(byte)) continue;
        if (depth === 0) {
          if (byte === byteOrderMark[markBytes] && !isEnded) {
            markBytes += 1;
            continue;
          }
          if (isEnded || byte !== openBracket) throw notAnArray();
          depth = 1;
          start = at + 1;
          continue;
        }
        if (depth === 1 && (byte === comma || byte === closeBracket)) {
          const isLast = byte === closeBracket;
          if (hasContent) finishItem(piece, start, at);
          else if (!isLast || items > 0) throw notJson();
          start = at + 1;
          if (isLast) {
            depth = 0;
            isEnded = true;
          }
          continue;
        }
        hasContent = true;
        if (byte === quote) isInString = true;
        else if (byte === openBracket || byte === openBrace) depth += 1;
        else if (byte === closeBracket || byte === closeBrace) depth -= 1;
        else if (byte !== comma && byte !== colon) continue;
        marks += 1;
        if (depth < 1) throw notJson();
        if (marks > maxItemMarks) {
          throw new PosthornError(
            'invalid_request',
            `item ${items}: it has more than ${maxItemMarks} values; send the body as text.`,
          );
        }
      }
      if (depth > 0 && start < piece.length) keep(piece, start, piece.length);
    },
    /** The beginning of the item that is being read. */
    pending: () => pending.toString('utf8', 0, Math.min(pendingBytes, maxShownBytes)),
    /** @throws {PosthornError} when the array is not complete or has no items */
    end(): void {
      if (!isEnded) throw items > 0 || depth > 0 ? notJson() : notAnArray();
      if (items === 0) throw notAnArray();
    },
  };
}

const notAnArray = () =>
  new PosthornError('invalid_request', 'The body must be a JSON array of items, each with a destination.');
const notJson = () => new PosthornError('invalid_request', 'The body is not valid JSON.');
