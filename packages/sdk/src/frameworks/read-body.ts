/** The body is longer than `maxBodyBytes`. */
export class BodyTooLargeError extends Error {
  constructor(maxBodyBytes: number) {
    super(`The body is longer than ${maxBodyBytes} bytes`);
  }
}

/** What a stream of Node.js or of a fetch request gives piece by piece. */
export interface Pieces {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  /** Ends the stream before it is read. */
  cancel(): unknown;
}

/** How long to read on after an early 413: a connection with unread data is reset, and the response is lost with it. */
const discardMs = 30_000;

/**
 * All bytes of a body.
 *
 * @throws {BodyTooLargeError} at the first byte above the limit; the rest is read and dropped
 */
export async function readPieces(pieces: Pieces, maxBodyBytes: number): Promise<Uint8Array> {
  // Copied at once: a piece may be a single byte, and the view of it takes a hundred.
  let body = new Uint8Array(0);
  let length = 0;
  for (let read = await pieces.next(); !read.done; read = await pieces.next()) {
    const chunk = typeof read.value === 'string' ? new TextEncoder().encode(read.value) : (read.value as Uint8Array);
    const needed = length + chunk.length;
    if (needed > maxBodyBytes) {
      void discard(pieces);
      throw new BodyTooLargeError(maxBodyBytes);
    }
    if (needed > body.length) {
      const grown = new Uint8Array(Math.min(maxBodyBytes, Math.max(needed, 2 * body.length)));
      grown.set(body);
      body = grown;
    }
    body.set(chunk, length);
    length = needed;
  }
  return length === body.length ? body : body.slice(0, length);
}

async function discard(pieces: Pieces): Promise<void> {
  const endsAt = Date.now() + discardMs;
  try {
    while (Date.now() < endsAt) if ((await pieces.next()).done) return;
    await pieces.cancel();
  } catch {
    // The sender is gone.
  }
}

/** What a handler finds as its body: JSON where the content type says so and it is, else the text. */
export function parseBody(bytes: Uint8Array, contentType: string | undefined): unknown {
  const text = new TextDecoder().decode(bytes);
  if (!/^application\/json\s*(;|$)/i.test(contentType ?? '')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
