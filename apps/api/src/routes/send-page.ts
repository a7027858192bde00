import { setImmediate } from 'node:timers/promises';
import type { Response } from 'express';
import { isGone, onGone } from '../middleware/on-gone.ts';

/** About how many bytes of a response are written in one turn of the event loop. */
const pieceLength = 128 * 1024;
/** Bytes of all pages of this process that clients have not taken. */
export const maxUnsentBytes = 256 * 1024 * 1024;
/** What a list that is read while it is sent counts as, besides its unsent bytes: what has been read of it. */
const streamBytes = 8 * 1024 * 1024;

/** Responses that are being sent, the oldest first, and what each counts as besides its unsent bytes. */
const unsent = new Map<Response, number>();

/**
 * Writes a page as JSON, entry by entry: to write 16 MiB at once would keep all other requests waiting for a tenth of a
 * second. When the clients of a process have not taken 256 MiB of their pages, the connection of the oldest one is closed.
 *
 * @param page an object or an array that is in memory; or the entries of an array, which are read no faster than the
 *   client takes them
 * @param untilDrained resolves when the client has taken what was written
 */
export async function sendPage(
  response: Response,
  page: object,
  untilDrained: () => Promise<void> | undefined,
): Promise<void> {
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  const isStreamed = Symbol.asyncIterator in page;
  count(response, isStreamed ? streamBytes : 0);
  let text = '';
  for await (const part of isStreamed ? formatStream(page as AsyncIterable<unknown>) : formatParts(page)) {
    if (isGone(response)) return;
    text += part;
    if (text.length < pieceLength) continue;
    // As bytes, which are counted as they are sent: control characters are six times as long in JSON.
    write(response, Buffer.from(text));
    text = '';
    if (isStreamed && response.writableNeedDrain) await untilDrained();
    else await setImmediate();
  }
  response.end(text);
}

/**
 * Writes JSON that is there already, in pieces that are read no faster than the client takes them. They count like pages.
 * An error before the first piece has a response of its own; a later one ends the connection.
 *
 * @param untilDrained resolves when the client has taken what was written
 */
export async function sendPieces(
  response: Response,
  pieces: AsyncIterable<Buffer>,
  untilDrained: () => Promise<void> | undefined,
): Promise<void> {
  count(response, 0);
  for await (const piece of pieces) {
    if (isGone(response)) return;
    if (!response.headersSent) response.setHeader('Content-Type', 'application/json; charset=utf-8');
    write(response, piece);
    if (response.writableNeedDrain) await untilDrained();
  }
  response.end();
}

/** @param more bytes that a response holds besides those that were written to it */
function count(response: Response, more: number): void {
  unsent.set(response, more);
  onGone(response, () => unsent.delete(response));
}

function write(response: Response, piece: Buffer): void {
  response.write(piece);
  let bytes = 0;
  for (const [each, more] of unsent) bytes += each.writableLength + more;
  for (const [oldest, more] of unsent) {
    if (bytes <= maxUnsentBytes) return;
    if (oldest === response) continue;
    bytes -= oldest.writableLength + more;
    unsent.delete(oldest);
    oldest.req.socket.destroy();
  }
}

function* formatParts(page: object): Generator<string> {
  if (Array.isArray(page)) {
    yield* formatArray(page);
    return;
  }
  let separator = '{';
  for (const [name, value] of Object.entries(page) as [string, unknown][]) {
    if (value === undefined) continue;
    yield `${separator}${JSON.stringify(name)}:`;
    separator = ',';
    if (Array.isArray(value)) yield* formatArray(value);
    else yield JSON.stringify(value);
  }
  yield separator === '{' ? '{}' : '}';
}

function* formatArray(entries: readonly unknown[]): Generator<string> {
  for (const [index, entry] of entries.entries()) yield (index === 0 ? '[' : ',') + JSON.stringify(entry);
  yield entries.length === 0 ? '[]' : ']';
}

async function* formatStream(entries: AsyncIterable<unknown>): AsyncGenerator<string> {
  let separator = '[';
  for await (const entry of entries) {
    yield separator + JSON.stringify(entry);
    separator = ',';
  }
  yield separator === '[' ? '[]' : ']';
}
