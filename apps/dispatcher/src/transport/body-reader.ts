import { createByteBuffer } from './byte-buffer.ts';
import { createLineReader } from './line-reader.ts';
import type { BodyFraming } from './response-head.ts';

/**
 * How reading a body ended. `clean`: where its framing says, with the last byte of the piece. `irregular`: by a mistake in
 * the framing, or before the last byte of the piece. `full`: at a limit.
 */
export type BodyEnd = 'clean' | 'irregular' | 'full';

/** Reads the body of one response. */
export interface BodyReader {
  /**
   * Takes bytes from `start` on.
   *
   * @returns `undefined` when more bytes are needed
   */
  read(piece: Buffer, start: number): BodyEnd | undefined;
  /** Whether the body is whole when the connection ends here. */
  mayEndHere(): boolean;
  /** Bytes that are kept now. */
  heldBytes(): number;
  /** What was kept, in blocks. */
  take(): Buffer[];
}

export interface BodyLimits {
  /** Bytes that are kept; the body is cut when there are more. */
  maxBytes: number;
  /** Whether anything is kept at all. */
  isKept: boolean;
}

/** Each chunk takes time, whatever its size. This many may be tiny; further ones must have 16 bytes on average. */
const maxTinyChunks = 20_000;
const tinyChunkBytes = 16;
/** The size of a chunk with what a destination may add to it. */
const maxChunkLineBytes = 4096;
/** Hexadecimal digits of a size that is read without making a text of its line. */
const maxPlainDigits = 8;
/** Bytes that chunks may need beside their content, beyond as many as the content may have. */
const spareBytes = 64 * 1024;

/** Creates a reader for a body that is delimited like this. Its work and its memory are bounded. */
export function createBodyReader(framing: BodyFraming, { maxBytes, isKept }: BodyLimits): BodyReader {
  const kept = createByteBuffer(isKept ? maxBytes : 0);
  let sizeBytes = 0;
  let leftBytes = typeof framing === 'number' ? framing : 0;

  /** @returns whether the body is larger than what is kept */
  function keep(piece: Buffer, start: number, stop: number): boolean {
    sizeBytes += stop - start;
    leftBytes -= stop - start;
    if (isKept) kept.append(piece, start, stop);
    return sizeBytes > maxBytes;
  }

  function readToLength(piece: Buffer, start: number) {
    const stop = Math.min(piece.length, start + leftBytes);
    if (keep(piece, start, stop)) return 'full';
    if (leftBytes > 0) return undefined;
    return stop === piece.length ? 'clean' : 'irregular';
  }

  const chunked = framing === 'chunked' ? createChunkReader(keep, maxBytes) : undefined;

  return {
    read(piece, start) {
      if (chunked) return chunked(piece, start);
      if (framing === 'to close') return keep(piece, start, piece.length) ? 'full' : undefined;
      return readToLength(piece, start);
    },
    mayEndHere: () => framing === 'to close',
    heldBytes: kept.sizeBytes,
    take: kept.takeBlocks,
  };
}

/** Reads chunks (RFC 9112 section 7.1) and hands on what is in them, until `keep` has enough. */
function createChunkReader(
  keep: (piece: Buffer, start: number, stop: number) => boolean,
  maxBytes: number,
): BodyReader['read'] {
  const lines = createLineReader();
  let state: 'size' | 'content' | 'end' = 'size';
  let leftBytes = 0;
  let rawBytes = 0;
  let chunks = 0;

  return (piece, start) => {
    rawBytes += piece.length - start;
    let at = start;
    while (at < piece.length) {
      if (state === 'content') {
        const stop = Math.min(piece.length, at + leftBytes);
        if (keep(piece, at, stop)) return 'full';
        leftBytes -= stop - at;
        at = stop;
        if (leftBytes === 0) state = 'end';
        continue;
      }
      // Nearly all lines are like this one, and there may be very many.
      const plainEnd = skipDigits(piece, at, state === 'size');
      if (lines.rest() === '' && piece[plainEnd] === 13 && piece[plainEnd + 1] === 10 && piece[at] !== 48) {
        if (state === 'end') state = 'size';
        else if (plainEnd > at) {
          state = 'content';
          leftBytes = parseHex(piece, at, plainEnd);
          if (++chunks > maxTinyChunks + rawBytes / tinyChunkBytes) return 'full';
        } else return 'irregular';
        at = plainEnd + 2;
        continue;
      }
      const line = lines.read(piece, at);
      if (line === undefined) return lines.rest().length > maxChunkLineBytes ? 'full' : undefined;
      at = lines.next();
      if (state === 'end') {
        // The chunk is longer than it announced.
        if (line !== '') return 'irregular';
        state = 'size';
        continue;
      }
      const size = /^[0-9a-f]+/i.exec(line)?.[0];
      leftBytes = parseInt(size ?? '', 16);
      if (!Number.isSafeInteger(leftBytes)) return 'irregular';
      // The reader does not wait for trailers, because it would not keep them.
      if (leftBytes === 0) return isRegularEnd(piece, at) && lines.isRegular() && size === '0' ? 'clean' : 'irregular';
      if (++chunks > maxTinyChunks + rawBytes / tinyChunkBytes) return 'full';
      state = 'content';
    }
    return rawBytes > 2 * maxBytes + spareBytes ? 'full' : undefined;
  };
}

/** Whether only the empty line is left that ends a body without trailers. */
function isRegularEnd(piece: Buffer, at: number): boolean {
  return piece.length === at + 2 && piece[at] === 13 && piece[at + 1] === 10;
}

/** The end of the hexadecimal digits that begin at `start`: at most as many as make a safe integer. */
function skipDigits(piece: Buffer, start: number, areAllowed: boolean): number {
  let at = start;
  while (areAllowed && at < start + maxPlainDigits && digitOf(piece[at]) >= 0) at++;
  return at;
}

function parseHex(piece: Buffer, start: number, stop: number): number {
  let value = 0;
  for (let at = start; at < stop; at++) value = value * 16 + digitOf(piece[at]);
  return value;
}

/** The value of a hexadecimal digit; -1 for any other byte. */
function digitOf(byte = 0): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
