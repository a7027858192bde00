import type { IncomingMessage } from 'node:http';
import { PosthornError } from '@posthorn/shared';
import type { Request } from 'express';

/** Bodies of at most this size are not counted: the number of connections bounds them. */
const uncountedBytes = 64 * 1024;
/** All bodies that are being read or handled, unless a single one may be larger. */
const maxBytesAtOnce = 512 * 1024 * 1024;
/** More pieces than this come from a sender that splits its body into single bytes: each costs as much as a large one. */
const maxPieces = 100_000;

/** Bytes of large bodies that this process holds now. */
let bytesHeld = 0;

/**
 * Reads a body piece by piece, whatever its type. Express' own readers cost more than the rest of a request.
 *
 * @param take called with each piece; an error that it throws ends the reading and becomes the result
 * @throws {PosthornError} `body_too_large`; `invalid_request` when the sender left before the end or sends too many
 *   pieces; `unavailable` when all bodies together are too large
 */
export function readPieces(request: Request, maxBytes: number, take: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (announcedBytes(request) > maxBytes) {
      reject(tooLarge(maxBytes));
      return;
    }
    let sizeBytes = 0;
    let pieces = 0;
    let held = 0;
    let isOver = false;
    const refuse = (error: unknown) => {
      isOver = true;
      request.pause();
      reject(error);
    };
    const hold = () => {
      if (held === 0) request.res?.once('close', () => (bytesHeld -= held));
      bytesHeld += sizeBytes - held;
      held = sizeBytes;
    };
    request.on('data', (piece: Buffer) => {
      if (isOver) return;
      sizeBytes += piece.length;
      pieces += 1;
      if (sizeBytes > maxBytes) {
        refuse(tooLarge(maxBytes));
      } else if (pieces > maxPieces) {
        refuse(
          new PosthornError('invalid_request', `The body came in more than ${maxPieces} pieces; use larger ones.`),
        );
      } else {
        if (sizeBytes > uncountedBytes) hold();
        if (bytesHeld > Math.max(maxBytesAtOnce, 2 * maxBytes)) {
          refuse(new PosthornError('unavailable', 'Too many large bodies are being received at once. Try again.'));
          return;
        }
        try {
          take(piece);
        } catch (error) {
          refuse(error);
        }
      }
    });
    request.on('end', resolve);
    const endEarly = () => {
      if (!request.complete) {
        reject(new PosthornError('invalid_request', 'The body ended before its announced length.'));
      }
    };
    request.on('error', endEarly);
    request.on('close', endEarly);
  });
}

/**
 * The whole body of a request.
 *
 * @throws {PosthornError} as `readPieces` does
 */
export async function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  const announced = announcedBytes(request);
  // Most bodies come in one piece, which needs no copy.
  let bytes: Buffer = empty;
  let length = 0;
  await readPieces(request, maxBytes, (piece) => {
    if (length === 0 && piece.length === announced) bytes = piece;
    else bytes = append(bytes, length, piece);
    length += piece.length;
  });
  return bytes.length === length ? bytes : bytes.subarray(0, length);
}

const empty = Buffer.alloc(0);

/** Copies a piece behind the first `length` bytes, into a buffer of twice the size where there is no room. */
export function append(bytes: Buffer, length: number, piece: Buffer): Buffer {
  const needed = length + piece.length;
  let target = bytes;
  if (needed > bytes.length) {
    target = Buffer.allocUnsafeSlow(Math.max(needed, 2 * bytes.length));
    bytes.copy(target, 0, 0, length);
  }
  piece.copy(target, length);
  return target;
}

function announcedBytes({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? 0);
}

function tooLarge(maxBytes: number): PosthornError {
  return new PosthornError('body_too_large', `The body is too large; use at most ${maxBytes} bytes.`);
}
