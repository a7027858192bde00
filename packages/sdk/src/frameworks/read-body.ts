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

/** How long to read on after an early 413: a connection with unread data is reset, and the answer is lost with it. */
const discardMs = 30_000;

/**
 * All bytes of a body.
 *
 * @throws {BodyTooLargeError} at the first byte above the limit; the rest is read and dropped
 */
export async function readPieces(pieces: Pieces, maxBodyBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let read = await pieces.next(); !read.done; read = await pieces.next()) {
    const chunk = typeof read.value === 'string' ? new TextEncoder().encode(read.value) : (read.value as Uint8Array);
    length += chunk.length;
    if (length > maxBodyBytes) {
      void discard(pieces);
      throw new BodyTooLargeError(maxBodyBytes);
    }
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
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
