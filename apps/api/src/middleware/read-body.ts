import type { IncomingMessage } from 'node:http';
import { PosthornError } from '@posthorn/shared';
import type { Request } from 'express';
import { onGone } from './on-gone.ts';

/** More pieces than this come from a sender that splits its body into single bytes: each costs as much as a large one. */
const maxPieces = 100_000;

/** What the bodies of some requests may use together. */
export interface BodyBudget {
  maxBytes: number;
  /** Bodies of at most this size are not counted: the number of connections bounds them. */
  uncountedBytes: number;
  /** How long one body may take to arrive. */
  maxMs: number;
  /** Bytes of bodies that are being received or handled now. */
  bytesHeld: number;
}

export function createBodyBudget(limits: Omit<BodyBudget, 'bytesHeld'>): BodyBudget {
  return { ...limits, bytesHeld: 0 };
}

/** Shared by all requests with a token, unless a single body may be larger. The server limits the time of requests. */
const sharedBudget = createBodyBudget({ maxBytes: 512 * 1024 * 1024, uncountedBytes: 64 * 1024, maxMs: Infinity });

/**
 * Reads a body piece by piece, whatever its type. Express' own readers cost more than the rest of a request.
 *
 * @param take called with each piece; an error that it throws ends the reading and becomes the result
 * @param isCut whether a longer body is taken up to `maxBytes`, and its rest is received and dropped
 * @throws {PosthornError} `body_too_large`; `invalid_request` when the sender left before the end or sends too many
 *   pieces; `request_timeout` when it takes too long; `unavailable` when all bodies together are too large
 */
export function readPieces(
  request: Request,
  maxBytes: number,
  take: (piece: Buffer) => void,
  budget = sharedBudget,
  isCut = false,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!isCut && announcedBytes(request) > maxBytes) {
      reject(tooLarge(maxBytes));
      return;
    }
    // The sender has left already, so that there will be no event.
    if (request.destroyed && !request.complete) {
      reject(endedEarly());
      return;
    }
    let sizeBytes = 0;
    let pieces = 0;
    let held = 0;
    let isOver = false;
    let timer: NodeJS.Timeout | undefined;
    const refuse = (error: Error) => {
      isOver = true;
      clearTimeout(timer);
      request.pause();
      reject(error);
    };
    if (Number.isFinite(budget.maxMs)) {
      timer = setTimeout(() => {
        refuse(new PosthornError('request_timeout', `The body must arrive within ${budget.maxMs / 1000} seconds.`));
      }, budget.maxMs);
    }
    const hold = () => {
      if (held === 0 && request.res) onGone(request.res, () => (budget.bytesHeld -= held));
      budget.bytesHeld += sizeBytes - held;
      held = sizeBytes;
    };
    request.on('data', (received: Buffer) => {
      if (isOver) return;
      const piece = isCut ? received.subarray(0, maxBytes - sizeBytes) : received;
      sizeBytes += piece.length;
      pieces += 1;
      if (sizeBytes > maxBytes) {
        refuse(tooLarge(maxBytes));
      } else if (pieces > maxPieces) {
        refuse(
          new PosthornError('invalid_request', `The body came in more than ${maxPieces} pieces; use larger ones.`),
        );
      } else {
        if (sizeBytes > budget.uncountedBytes) hold();
        if (budget.bytesHeld > Math.max(budget.maxBytes, 2 * maxBytes)) {
          refuse(new PosthornError('unavailable', 'Too many large bodies are being received at once. Try again.'));
          return;
        }
        try {
          take(piece);
        } catch (error) {
          refuse(error as Error);
        }
      }
    });
    request.on('end', () => {
      clearTimeout(timer);
      resolve();
    });
    const endEarly = () => {
      clearTimeout(timer);
      if (!request.complete) reject(endedEarly());
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
export function readBody(request: Request, maxBytes: number, budget?: BodyBudget): Promise<Buffer> {
  return collect(request, maxBytes, budget, false);
}

/**
 * The beginning of the body of a request, up to `maxBytes`. The whole body is received.
 *
 * @throws {PosthornError} as `readPieces` does
 */
export function readBeginning(request: Request, maxBytes: number): Promise<Buffer> {
  return collect(request, maxBytes, undefined, true);
}

async function collect(
  request: Request,
  maxBytes: number,
  budget: BodyBudget | undefined,
  isCut: boolean,
): Promise<Buffer> {
  const announced = announcedBytes(request);
  // Most bodies come in one piece, which needs no copy.
  let bytes: Buffer = empty;
  let length = 0;
  const take = (piece: Buffer) => {
    if (length === 0 && piece.length === announced) bytes = piece;
    else bytes = append(bytes, length, piece);
    length += piece.length;
  };
  await readPieces(request, maxBytes, take, budget, isCut);
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

function endedEarly(): PosthornError {
  return new PosthornError('invalid_request', 'The body ended before its announced length.');
}

function tooLarge(maxBytes: number): PosthornError {
  return new PosthornError('body_too_large', `The body is too large; use at most ${maxBytes} bytes.`);
}
